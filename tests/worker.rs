//! Functions of the worker's source that read what others write: Julia's notes of methods, and the text that an app is started with.
//! Where they do not understand it nothing fails, launches only take longer; so it is said here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use daemon_support::{Place, julia};
use jlapp::apps::{self, App, Found, Start};

/// What a Julia prints that has the worker's source in the module `W`.
fn says(place: &Place, program: &str, words: &[&Path]) -> String {
    let source = place.path("worker.jl");
    fs::write(&source, jlapp::worker::SOURCE).unwrap();
    let load = format!(
        "const W = Module(:JuliaWorker); Base.include_string(W, read({:?}, String), \"worker.jl\"); {program}",
        source.display()
    );
    run(place, Command::new(julia()).args(["--startup-file=no", "-e", &load, "--"]).args(words))
}

fn run(place: &Place, command: &mut Command) -> String {
    let output = command.env_clear().env("HOME", place.path("")).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// As this Julia notes them: of each value among a type's parameters a method is compiled.
#[test]
fn notes_are_read_as_julia_writes_them() {
    // No character behind another value: Julia 1.5 crashes where it notes that.
    const VALUES: [&str; 11] =
        ["'s'", "'é'", "1//2", "Complex{Int32}(1, 2)", ":a", "('x', 1)", "nothing", "missing", "0x01", "true", "-3"];
    let place = Place::new("notes");
    let notes = place.path("notes");
    let define = "f(::Val{x}) where {x} = rand() > 2 ? x : nothing";
    let calls: Vec<String> = VALUES.iter().map(|value| format!("f(Val({value}))")).collect();
    let compile = format!("{define}; {}", calls.join("; "));
    let trace = format!("--trace-compile={}", notes.display());
    run(&place, Command::new(julia()).args(["--startup-file=no", &trace, "-e", &compile]));
    let read = format!(
        "{define}
         lines = filter(line -> occursin(\"typeof(Main.f), Base.Val{{\", line), readlines(ARGS[1]))
         noted = [Core.eval(Main, W.with_values(Meta.parse(line)).args[2]).parameters[2].parameters[1] for line in lines]
         print([x for x in Any[{}] if !any(y -> x === y, noted)], W.compile_lines(lines) == length(lines))",
        VALUES.join(", ")
    );
    assert_eq!(
        says(&place, &read, &[&notes]),
        "Any[]true",
        "these are not read: {}",
        fs::read_to_string(&notes).unwrap()
    );
}

/// On a loaded machine a job may have ended before its zygote is told to watch it: what it leaves is told all the same.
#[test]
fn what_a_job_leaves_is_told_before_its_end() {
    const LEAVES: &str = "here, there = W.socket_pair(5)
        z = W.new_zygote(there)
        slot = W.free_farewell(z)
        unsafe_store!(Ptr{Int32}(slot + 4), Int32(4322))
        trace = W.memory_file(\"trace\")
        ccall(:write, Cssize_t, (Cint, Cstring, Csize_t), trace, \"note\", 4)
        child = W.Child(Cint(7), Cint(-1), Cint(-1), slot, 0, trace)
        push!(z.children, child)
        W.finish(z, child, Cint(0))
        W.close_fd(there)
        bytes, fds = zeros(UInt8, W.PACKET_BYTES), Cint[]
        for _ in 1:3
            fill!(bytes, 0)
            W.receive(here, pointer(bytes), W.PACKET_BYTES, fds, z.buffers)
            kind, pid, value = W.decode_packet(bytes)
            print((Int(kind), Int(pid), Int(value), length(fds)))
        end
        print(isempty(z.children))";
    let place = Place::new("leaves");
    assert_eq!(says(&place, LEAVES, &[]), "(11, 7, 0, 1)(13, 7, 4321, 1)(3, 7, 0, 1)true");
}

/// A place here and there that is free would have each child write to a page of its own for it.
#[test]
fn what_is_allocated_once_free_memory_is_used_up_lies_side_by_side() {
    const SPREADS: &str = "strings(count) = [W.new_string(200) for _ in 1:count]
        pages() = length(unique(UInt(pointer(string)) >> 12 for string in strings(200)))
        const KEPT = strings(100_000)
        const WORDS = [Ref(UInt(0)) for _ in 1:100_000]
        const HELD = []
        is_word_new() = (push!(HELD, Ref(UInt(0))); Int(W.is_in_new_page(UInt(pointer_from_objref(HELD[end])) + 8)))
        is_word_new(); W.use_up_free_memory()                            # nothing is compiled below
        deleteat!(KEPT, 1:20:length(KEPT)); deleteat!(WORDS, 1:20:length(WORDS)); GC.gc(); GC.gc()
        new = is_word_new()
        print(pages(), ' ', new, ' ')
        KEPT[1] = \"\"; WORDS[1] = Ref(UInt(0)); W.use_up_free_memory(); new = is_word_new()
        print(pages(), ' ', new, ' ', (sum(sizeof, W.TAKEN) + 16length(W.TAKEN_WORDS)) >> 20)";
    let place = Place::new("used-up");
    let said = says(&place, SPREADS, &[]);
    let [before, word_before, after, word_after, megabytes] =
        *said.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<u32>>()
    else {
        panic!("{said}")
    };
    assert!(before > 20 && word_before == 0, "these lay side by side already: {said}");
    assert!(after < 16 && word_after == 1 && megabytes <= 80, "pages before and after, and what it took: {said}");
}

/// Address space in which nothing lies yet would take memory, and pages that stay small are copied one by one by each fork.
#[test]
fn huge_pages_are_made_where_a_quarter_is_there() {
    const FILLS: &str =
        "space = ccall(:mmap, UInt, (UInt, UInt, Cint, Cint, Cint, Clong), 0, 10W.HUGE, 3, 0x22, -1, 0) + W.HUGE
        first = W.first_huge(W.Mapping(space, space, false))
        ccall(:madvise, Cint, (UInt, UInt, Cint), first, 8W.HUGE, 15)       # MADV_NOHUGEPAGE
        fill(place, pages) = foreach(n -> unsafe_store!(Ptr{UInt8}(first + place * W.HUGE + 4096n), 0x01), 0:pages-1)
        foreach(fill, (1, 3, 4, 6), (512, 128, 300, 127))
        mapping = W.Mapping(first - 4096, first + 8W.HUGE, false)
        for found in W.filled(mapping, W.present_pages(mapping))
            print(Int((found.first - first) >> 21), '-', Int((found.last - first) >> 21), ' ')
        end";
    let place = Place::new("filled");
    assert_eq!(says(&place, FILLS, &[]), "1-2 3-5 ");
}

/// What `app.jl` looks for in the text of `apps::launch` is there.
#[test]
fn the_text_of_an_app_is_understood() {
    let place = Place::new("app-text");
    let app = App { name: "x".into(), submodule: Some("Sub.Nested".into()), ..App::default() };
    let load_path = vec![place.path("environment")];
    let start = Start { load_path, submodule: app.submodule.clone(), file: None, precompiled: None };
    let recorded = jlapp::toolchain::App::default();
    let found = Found { app, recorded, package: "Pack".into(), start, depot: place.path("depot") };
    let words = apps::command_line(&found, None, &[]).unwrap();
    let at = words.iter().position(|word| word == "-e").unwrap();
    let text: &OsString = &words[at + 1];
    let file = place.path("text");
    fs::write(&file, text.as_encoded_bytes()).unwrap();
    let look = "x = Meta.parse(read(ARGS[1], String))
                print(W.steps_to_main(x), [W.replaced(x, old, 0) != x for old in (:(Base.require(Main, :Pack)), :(isdefined(Base, Symbol(\"@main\"))))])";
    let said = says(&place, look, &[&file]);
    assert!(said == "[:Sub, :Nested, :main]Bool[1, 1]" || said == "Symbol[:Sub, :Nested, :main]Bool[1, 1]", "{said}");
}

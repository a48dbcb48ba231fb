//! Julia's own machinery after a fork: libraries, tasks, timers, sockets, threads, profiles, randomness.

use std::collections::BTreeSet;

use crate::support::normal;
use crate::support::{Case, Launch, World, fork, fresh};

pub fn libraries() -> Vec<Case> {
    vec![
        fork("LinearAlgebra").script("using LinearAlgebra\nA = [4.0 1; 2 3]\nprintln(det(A), eigvals(A), A \\ [1, 2])\nB = [1.0 * ((i * j) % 7) for i in 1:200, j in 1:200]\nprintln(sum(B * B), BLAS.vendor())"),
        fork("SparseArrays and SuiteSparse").args(["-e", "using SparseArrays, LinearAlgebra; S = sparse([1.0 0 2; 0 3 0; 4 0 5]); println(S); println(lu(S) \\ [1.0, 2, 3])"]),
        fork("Printf, Dates, Statistics").args(["-e", "using Printf, Dates, Statistics; @printf(\"%05.2f %s\\n\", pi, \"x\"); println(Date(2020, 1, 31) + Month(1), mean([1, 2, 4]))"]),
        fork("Serialization, SHA, Base64, UUIDs").args(["-e", "using Serialization, SHA, Base64, UUIDs; io = IOBuffer(); serialize(io, Dict(1 => [2.0])); seekstart(io); println(deserialize(io), bytes2hex(sha256(\"x\")), base64encode(\"y\"), uuid5(UUID(1), \"z\"))"]),
        fork("numbers of any size").args(["-e", "println(factorial(big(30)), \" \", BigFloat(2)^0.5, \" \", 0.1 + 0.2, \" \", 1 // 3, \" \", NaN)"]),
        fork("regular expressions").args(["-e", "println(match(r\"(\\d+)-(?<w>\\w+)\", \"a 12-bc\")[:w], replace(\"abc\", r\"[ab]\" => s -> uppercase(s)))"]),
        fork("Test passes").args(["-e", "using Test; @testset \"t\" begin @test 1 == 1; @test_throws ErrorException error(); end"]).normal(without_chance).prints("Test Summary"),
        fork("Test fails").script("using Test\n@testset \"t\" begin\n@test 1 == 2\n@test error(\"x\")\nend").exits(1).normal(without_chance).prints("Test Summary"),
        fork("Markdown and versioninfo").args(["-e", "using Markdown, InteractiveUtils; display(md\"# a\\n*b*\"); versioninfo()"]).normal(without_interactive_thread),
        fork("Mmap").args(["-e", "using Mmap; write(\"f\", zeros(UInt8, 8)); m = Mmap.mmap(open(\"f\", \"r+\"), Vector{UInt8}, 8); m[1] = 7; Mmap.sync!(m); println(read(\"f\"))"]),
        fork("C functions").args(["-e", "f(a, b)::Cint = unsafe_load(a) - unsafe_load(b); x = Cint[3, 1, 2]; ccall(:qsort, Cvoid, (Ptr{Cint}, Csize_t, Csize_t, Ptr{Cvoid}), x, 3, 4, @cfunction(f, Cint, (Ref{Cint}, Ref{Cint}))); println(x)"]).exits(1),
        fork("a callback from C").args(["-e", "f(a, b)::Cint = a - b; x = Cint[3, 1, 2]; ccall(:qsort, Cvoid, (Ptr{Cint}, Csize_t, Csize_t, Ptr{Cvoid}), x, 3, 4, @cfunction(f, Cint, (Ref{Cint}, Ref{Cint}))); println(x)"]).prints("1, 2, 3"),
        fork("garbage").args(["-e", "x = [string(i) for i in 1:10^6]; GC.gc(); println(length(x), x[end]); x = nothing; GC.gc(); println(sum(length(string(i)) for i in 1:10^6))"]),
        fork("much compiling").script("for i in 1:60\n@eval $(Symbol(:f, i))(x) = x + $i + sum(sin, (1.0, x))\nend\nprintln(sum(Base.invokelatest(getfield(Main, Symbol(:f, i)), 1.0) for i in 1:60))"),
        fork("code that was compiled is inspected").args(["-e", "using InteractiveUtils; f(x) = x + 1; println(@which f(1)); println(code_typed(f, (Int,))); code_llvm(devnull, f, (Int,)); code_native(devnull, f, (Int,))"]),
        fresh("Profile").args(["-e", "using Profile; f() = sum(sin(i) for i in 1:3*10^7); @profile f(); println(Profile.len_data() > 0)"]).prints("true"),
        fork("Pkg").args(["-e", "using Pkg; Pkg.activate(\".\"); println(Pkg.dependencies()); println(Pkg.project().path)"]).normal(normal::numbers),
        fork("LibGit2").args(["-e", "using LibGit2; r = LibGit2.init(\"r\"); println(LibGit2.isattached(r), isdir(LibGit2.path(r)))"]).files_differ(),
        fork("Distributed").args(["-e", "using Distributed; addprocs(1); println(nprocs(), remotecall_fetch(() -> myid(), 2)); rmprocs(2)"]).prints("22"),
    ]
}

/// Test summaries have a column of times from 1.8 on, and a failed one shows the state of random numbers from 1.12 on.
fn without_chance(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().filter(|line| !line.starts_with("RNG of "));
    let kept = lines.map(|line| match line.rsplit_once(' ') {
        Some((before, _)) if line.contains(" | ") => before.trim_end(),
        _ => line,
    });
    kept.collect::<Vec<_>>().join("\n").into_bytes()
}

/// From 1.12 on Julia starts one; that a forked program has none is a declared difference.
fn without_interactive_thread(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text).replace(" 1 interactive,", " 0 interactive,").into_bytes()
}

pub fn tasks() -> Vec<Case> {
    vec![
        fork("tasks").args(["-e", "c = Channel(2); @async for i in 1:5; put!(c, i); end; println([take!(c) for _ in 1:5]); println(fetch(@async 7))"]),
        fork("sleep and timers").args(["-e", "n = 0; t = Timer(_ -> (global n += 1), 0.01, interval=0.01); while n < 3; sleep(0.01); end; close(t); println(n >= 3, @elapsed(sleep(0.2)) >= 0.2)"]),
        fork("Threads.@spawn and @threads").args(["-e", "a = Threads.Atomic{Int}(0); Threads.@threads for i in 1:100; Threads.atomic_add!(a, i); end; println(a[], fetch(Threads.@spawn 5))"]),
        fork("locks and conditions").args(["-e", "l = ReentrantLock(); c = Condition(); @async (sleep(0.01); notify(c, 3)); println(lock(() -> 1, l), wait(c)); println(timedwait(() -> true, 1.0))"]),
        fork("a socket").script("using Sockets\nport, server = listenany(ip\"127.0.0.1\", 20000)\n@async begin\n s = accept(server)\n write(s, uppercase(readline(s)) * \"\\n\")\n close(s)\nend\nc = connect(port)\nprintln(c, \"hello\")\nprintln(readline(c))"),
        fork("a named socket").script("using Sockets\nserver = listen(\"sock\")\n@async (s = accept(server); println(s, \"served\"); close(s))\nprintln(readline(connect(\"sock\")))\nclose(server)"),
        fork("a name is looked up").args(["-e", "using Sockets; println(getaddrinfo(\"localhost\", IPv4), getipaddr() isa IPAddr)"]).prints("127.0.0.1"),
        fork("a file is watched").args(["-e", "using FileWatching; write(\"f\", \"\"); @async (sleep(0.1); write(\"f\", \"x\")); println(watch_file(\"f\", 10).changed)"]),
        fork("a file is polled for").args(["-e", "using FileWatching; rd, wr = pipe = Pipe(), 0; Base.link_pipe!(rd); @async (sleep(0.05); write(rd.in, \"x\")); println(read(rd.out, Char))"]),
        fork("a deadline").args(["-e", "println(timedwait(() -> false, 0.1))"]).prints("timed_out"),
        fork("schedule with an error").args(["-e", "t = @async wait(Condition()); sleep(0.01); schedule(t, ErrorException(\"x\"), error=true); try wait(t) catch e; println(typeof(e)) end"]),
        fork("input beside a timer").args(["-e", "@async for i in 1:3; sleep(0.02); end; println(readline()); sleep(0.1)"]).fed("line\n"),
        fork("workers that share the machine").args(["-e", "asyncmap(i -> (sleep(0.01); i^2), 1:10) |> println"]),
    ]
}

/// Served by a process that is used once.
pub fn used_once() -> Vec<Case> {
    let used_once = |name: &str| fresh(&format!("{name}, used once")).env("JULIA_DAEMON_ISOLATION", "fresh");
    vec![
        used_once("a program")
            .script("println(ARGS, PROGRAM_FILE, @__FILE__, pwd(), isinteractive()); exit(3)")
            .args(["x"])
            .exits(3),
        used_once("an error").args(["-e", "error(\"boom\")"]).exits(1).prints("boom"),
        used_once("a program through a pipe").fed("x = 1\nprintln(x)\n1 + 1\n"),
        used_once("closed stdin and descriptor 3")
            .with(0, crate::support::Stream::Closed)
            .with(3, crate::support::Stream::Capture)
            .args(["-e", "run(`sh -c 'echo x >&3'`)"]),
        used_once("hooks and limits")
            .launched(|l| l.umask(0o077).limit(libc::RLIMIT_NOFILE, 64))
            .args(["-e", "atexit(() -> run(`sh -c 'ulimit -n; umask'`)); write(\"out\", \"\")"])
            .prints("0077"),
        used_once("a stack overflow")
            .script("f(x) = f(x + 1) + 1\nf(1)")
            .normal(normal::numbers)
            .exits(1)
            .prints("StackOverflowError"),
        used_once("Profile")
            .args([
                "-e",
                "using Profile; f() = sum(sin(i) for i in 1:3*10^7); @profile f(); println(Profile.len_data() > 0)",
            ])
            .prints("true"),
    ]
}

pub fn launches_differ(world: &World) {
    let program = "using Random, UUIDs
        println(getpid()); println(rand(UInt128)); println(tempname()); println(Libc.rand(), Libc.rand(), Libc.rand())
        println(mktempdir()); println(uuid4()); println(uuid1()); println(rand(RandomDevice(), UInt128)); println(randstring(20))
        println(rand(MersenneTwister(), UInt128)); println(fetch(@async rand(UInt128))); println(time_ns())";
    let run = || {
        let outcome = world.run(&Launch::new(["-e", program]).env("JULIA_DAEMON", "require"));
        let text = outcome.stdout_text();
        assert_eq!(text.lines().count(), 12, "{outcome:?}");
        text
    };
    let launches: Vec<String> = (0..4).map(|_| run()).collect();
    for line in 0..12 {
        let seen: BTreeSet<&str> = launches.iter().map(|text| text.lines().nth(line).unwrap()).collect();
        assert_eq!(seen.len(), launches.len(), "line {line} repeats: {launches:?}");
    }
}

pub fn nothing_stays(world: &World) {
    let change = "x = 1; ENV[\"STAYS\"] = 1; cd(\"/\"); Base.sin(::Int) = 0; push!(LOAD_PATH, \"/x\"); push!(ARGS, \"y\"); using Statistics
        atexit(() -> nothing); ccall(:umask, Cint, (Cint,), 0); Base.eval(:(stays = 1)); @async (sleep(30)); global_state = Ref(1); println(sin(1))";
    let look = "println(isdefined(Main, :x), haskey(ENV, \"STAYS\"), pwd() == \"/\", sin(1) == 0, \"/x\" in LOAD_PATH, ARGS, isdefined(Base, :stays), isdefined(Main, :Statistics))";
    let required = |program: &str| world.run(&Launch::new(["-e", program]).env("JULIA_DAEMON", "require"));
    for _ in 0..3 {
        assert_eq!(required(change).stdout_text(), "0\n");
        assert_eq!(required(look).stdout_text(), "falsefalsefalsefalsefalseString[]falsefalse\n");
    }
}

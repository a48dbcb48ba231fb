//! What a program sees of itself, and the program on standard input.

use crate::support::normal;
use crate::support::{Case, Stream, direct, fork};

const SELF: &str = r#"
println(ARGS); println(PROGRAM_FILE); println(@__FILE__); println(@__DIR__); println(abspath(PROGRAM_FILE) == @__FILE__)
println(Base.active_project()); println(LOAD_PATH); println(DEPOT_PATH); println(pwd()); println(isinteractive())
println(@__MODULE__, " ", @__LINE__, " ", Base.source_path(), " ", Base.source_dir())
println(basename(Sys.BINDIR), " ", VERSION, " ", Sys.CPU_THREADS, " ", Sys.get_process_title() isa String)
"#;

/// The same in short, and quickly compiled.
const PLACE: &str = "for x in (PROGRAM_FILE, @__FILE__, @__DIR__, pwd(), ARGS...); Core.println(x); end; Core.println(abspath(PROGRAM_FILE) == @__FILE__)\n";

pub fn seen_by_a_program() -> Vec<Case> {
    vec![
        fork("a program").script(SELF),
        fork("a program and arguments").script(PLACE).args(["x", "y z", ""]),
        fork("a program by ./").file("a.jl", PLACE).args(["./a.jl"]),
        fork("a program in another folder").file("sub/a.jl", PLACE).args(["sub/../sub/a.jl"]),
        fork("a program above").file("a.jl", PLACE).directory("sub").args(["../a.jl"]),
        fork("a program behind a link").file("real/a.jl", PLACE).link("b.jl", "real/a.jl").args(["b.jl"]),
        fork("a folder behind a link").file("real/a.jl", PLACE).link("linked", "real").args(["linked/a.jl"]),
        fork("a program without an ending").file("tool", PLACE).args(["tool"]),
        fork("a program with spaces").file("a b\nc.jl", SELF).args(["a b\nc.jl"]),
        fork("a program in unicode").file("größe→.jl", SELF).args(["größe→.jl"]),
        fork("-e sees itself").args(["-e", SELF, "a", "b"]),
        fork("an empty program").script(""),
        fork("a program without a last newline").script("print(1)"),
        fork("a program with #!").script("#!/usr/bin/env julia\nprintln(@__LINE__)").prints("2"),
        fork("a program with \\r\\n").script("println(1)\r\nprintln(2)\r\n").prints("2"),
        fork("a program with a mark of byte order").script("\u{feff}println(1)").prints("1"),
        fork("include").file("sub/b.jl", "println(@__FILE__, @__DIR__); include(\"c.jl\")").file("sub/c.jl", "println(@__FILE__)").script("include(\"sub/b.jl\"); println(@__FILE__)"),
        fork("a module in a program")
            .script("module M\nexport f\nf() = @__MODULE__\n__init__() = println(\"init\")\nend\nusing .M\nprintln(f())")
            .prints("init\nMain.M"),
        fork("the main guard").script("if abspath(PROGRAM_FILE) == @__FILE__\nprintln(\"main\")\nend").prints("main"),
        fork("evaluation and macros").script(
            "macro m(x) :(println($(string(x)), $(esc(x)))) end\nf() = 1\n@eval f() = 2\nprintln(f())\n@m f() + 1\nprintln(eval(:(f() + 1)))",
        ),
        fork("redefinition").script("f(x) = 1\ng() = f(1)\nprintln(g())\nf(x) = 2\nprintln(g())\nf(x::Int) = 3\nprintln(g())"),
        fork("world age").script("function f()\n@eval g() = 1\ng()\nend\nf()").normal(normal::numbers).exits(1).prints("MethodError"),
    ]
}

/// `-` is a program on standard input from 1.8 on; before, a file of that name.
const OTHER: &str = "switch-of-other-version";

pub fn from_stdin() -> Vec<Case> {
    let lines = "x = 1\nprintln(x)\n\"shown\"\nx + 1;\nerror(\"boom\")\nprintln(ARGS, PROGRAM_FILE, @__FILE__, isinteractive())\n";
    vec![
        fork("a program through a pipe").fed(lines),
        fork("a program from a file").with(0, Stream::FileWith(lines.into())),
        fork("a program from /dev/null"),
        fork("no program through a pipe").fed(""),
        fork("a program of several lines through a pipe")
            .fed("for i in 1:2\n  println(i)\nend\nfunction f()\n 3\nend\nf()\n"),
        fork("half a program through a pipe").fed("println(1)\nfor i in 1:2\n"),
        fork("a syntax error through a pipe").fed("println(1)\n) +\nprintln(2)\n"),
        fork("exit through a pipe").fed("println(1)\nexit(3)\nprintln(2)\n").exits(3),
        fork("a program and its input in one pipe").fed("x = readline()\nthe input\nprintln(\"got \", x)\n"),
        fork("-q and a program through a pipe").args(["-q", "--banner=yes"]).fed("1 + 1\n"),
        direct("- as a program", OTHER)
            .args(["-"])
            .fed("println(1)\n")
            .exits(1)
            .forked_since((1, 8))
            .since((1, 8), |case| case.exits(0)),
        direct("- and arguments", OTHER)
            .args(["-", "x"])
            .fed("println(ARGS)\n")
            .exits(1)
            .forked_since((1, 8))
            .since((1, 8), |case| case.exits(0)),
        direct("a program through a pipe without a daemon", "off").env("JULIA_DAEMON", "off").fed(lines),
    ]
}

/// Nothing of the worker shows.
pub fn untouched_by_the_worker() -> Vec<Case> {
    vec![
        fork("names in Main").args(["-e", "println(names(Main, all=true, imported=true))"]),
        fork("loaded modules").args(["-e", "println(sort!(string.(values(Base.loaded_modules))))"]),
        fork("order of loaded modules").args(["-e", "println(Base.loaded_modules_array())"]),
        fork("numbers of methods")
            .args(["-e", "println([length(methods(f)) for f in (show, print, convert, getproperty, iterate, wait, read, write, close, copy)])"]),
        fork("subtypes").args(["-e", "using InteractiveUtils; println(length.(subtypes.([Any, IO, Exception, Integer, Function])))"]),
        fork("names of closures").args(["-e", "println(x -> x); f() = y -> y; println(f()); println(typeof(f()))"]),
        fork("a stack trace")
            .script("f() = stacktrace()\ng() = f()\nforeach(println, g())\nh() = foreach(println, stacktrace(backtrace()))\nh()"),
        fork("a stack trace from -e").args(["-e", "foreach(println, stacktrace())"]),
        fork("a stack trace from stdin").fed("foreach(println, stacktrace())\n"),
        fork("collection is on").args(["-e", "println(GC.enable(true))"]).prints("true"),
        fork("variables").args(["-e", "foreach(println, sort!(collect(ENV)))"]),
        fork("variables in their order").args(["-e", "foreach(println, ENV)"]),
        fork("the logger").args(["-e", "using Logging; println(global_logger() |> typeof, current_logger().stream === stderr)"]),
        fork("the task").args(["-e", "t = current_task(); println((istaskstarted(t), istaskdone(t), t.sticky, t.queue))"]),
        fork("exit hooks").args(["-e", "println(length(Base.atexit_hooks))"]),
        fork("threads").args(["-e", "println((Threads.nthreads(), Threads.threadid()))"]),
        fork("the display").args(["-e", "println(Base.Multimedia.displays); display([1, 2]); display(\"x\")"]).normal(normal::addresses).normal(normal::numbers),
        fork("last exceptions").args(["-e", "println(Base.catch_stack()); try error(\"x\") catch; println(length(Base.catch_stack())) end"]),
        fork("InteractiveUtils is not there").args(["-e", "println(isdefined(Main, :InteractiveUtils), isdefined(Main, :versioninfo))"]),
        fork("the order of random numbers after a seed")
            .args(["-e", "using Random; Random.seed!(1); println(rand(3), randstring(5), randperm(4), rand(MersenneTwister(3)))"]),
        fork("hashes").args(["-e", "println((hash(\"x\"), hash(:x), hash(1.0), objectid(:a), collect(Set(1:5)), Dict(:a => 1, :b => 2)))"]),
    ]
}

//! Julia's switches.

use crate::support::normal;
use crate::support::{Case, End, Launch, World, direct, fork, fresh};

pub fn actions() -> Vec<Case> {
    vec![
        fork("-e").args(["-e", "println(1 + 1)"]).prints("2\n"),
        fork("-e attached").args(["-eprintln(1 + 1)"]).prints("2\n"),
        fork("--eval with the next word").args(["--eval", "println(1 + 1)"]).prints("2\n"),
        fork("--eval with an equals sign").args(["--eval=println(1 + 1)"]).prints("2\n"),
        fork("-e several times").args(["-e", "x = 1", "-e", "println(x)", "-e", "print(x + 1)"]).prints("1\n2"),
        fork("-e of several lines").args(["-e", "x = [\n1,\n2]\nprintln(x)\nprintln(@__LINE__)"]).prints("[1, 2]\n5"),
        fork("-e of nothing").args(["-e", ""]),
        fork("-e in unicode").args(["-e", "α = \"λ→🚀\"; println(α, length(α))"]).prints("λ→🚀3"),
        fork("-E").args(["-E", "[1, 2] .+ 1"]).prints("[2, 3]\n"),
        fork("-E of nothing").args(["-E", "nothing"]).prints("nothing"),
        fork("-E of a string").args(["-E", "\"a\\nb\""]).prints("\"a\\nb\""),
        fork("--print").args(["--print=1:3"]).prints("1:3"),
        fork("-E and -e in turn").args(["-E", "1", "-e", "println(2)", "-E", "3"]).prints("1\n2\n3\n"),
        fork("-L and -e").file("l.jl", "f() = 7").args(["-L", "l.jl", "-e", "print(f())"]).prints("7"),
        fork("-L twice and a program")
            .file("l.jl", "println(\"l \", ARGS, PROGRAM_FILE, @__FILE__)")
            .file("m.jl", "println(\"m \", ARGS)")
            .args(["-L", "l.jl", "--load=m.jl"])
            .script("println(\"a \", ARGS)")
            .args(["x"])
            .prints("l [\"x\"]a.jl"),
        direct("-e and arguments that hold a double dash", "switch-of-other-version").forked_since((1, 9)).args([
            "-e",
            "println(ARGS, repr(PROGRAM_FILE))",
            "a",
            "-e",
            "--",
            "b",
        ]),
        fork("-e and arguments").args(["-e", "println(ARGS, repr(PROGRAM_FILE))", "a", "-e", "b"]),
        direct("-e and a double dash before and among the arguments", "switch-of-other-version")
            .forked_since((1, 9))
            .args(["-e", "println(ARGS)", "--", "-x", "--", "--color=no"]),
        direct("-e and two double dashes", "switch-of-other-version").forked_since((1, 9)).args([
            "-e",
            "println(ARGS)",
            "a",
            "--",
            "b",
            "--",
            "c",
        ]),
        fork("switches after the program are its own").script("println(ARGS)").args([
            "-e",
            "1",
            "--color=yes",
            "-v",
            "-t2",
        ]),
        direct("a program after a double dash, with another one", "switch-of-other-version")
            .forked_since((1, 9))
            .file("-a.jl", "println(ARGS, PROGRAM_FILE)")
            .args(["--", "-a.jl", "--", "x"]),
        fork("clustered letters").args(["-qe", "println(Base.JLOptions().quiet)"]).prints("1"),
    ]
}

pub fn settings() -> Vec<Case> {
    let options =
        "o = Base.JLOptions(); println((o.quiet, o.banner, o.color, o.historyfile, o.startupfile, o.isinteractive))";
    let project = "println(Base.active_project()); println(Base.load_path())";
    vec![
        fork("no settings").args(["-e", options]),
        fork("-q").args(["-q", "-e", options]),
        fork("--banner=no").args(["--banner=no", "-e", options]),
        fork("--banner=yes").args(["--banner=yes", "-e", options]),
        fork("--color=yes").args(["--color=yes", "-e", options, "-e", "printstyled(\"red\", color=:red); @warn \"w\""]),
        fork("--color=no").args(["--color", "no", "-e", options, "-e", "printstyled(\"red\", color=:red)"]),
        fork("--color=auto").args(["--color=auto", "-e", options]),
        fork("an error in colour").args(["--color=yes", "-e", "error(\"boom\")"]).exits(1).prints("boom"),
        fork("--history-file").args(["--history-file=no", "-e", options]),
        fork("--startup-file=yes")
            .file("depot/config/startup.jl", "println(\"startup \", @__FILE__, isinteractive()); started = 1")
            .env_below("JULIA_DEPOT_PATH", "depot")
            .args(["--startup-file=yes", "-e", "println(started)"])
            .prints("startup "),
        fork("--startup-file=no is the default")
            .file("depot/config/startup.jl", "println(\"startup\")")
            .env_below("JULIA_DEPOT_PATH", "depot")
            .args(["-e", options]),
        fork("an error in startup.jl")
            .file("depot/config/startup.jl", "error(\"boom\")")
            .env_below("JULIA_DEPOT_PATH", "depot")
            .args(["--startup-file=yes", "-e", "println(1)"])
            .exits(1),
        fork("JULIA_DAEMON_WORKER_ARGS")
            .env("JULIA_DAEMON_WORKER_ARGS", "--color=yes\t -q --startup-file=no")
            .args(["-e", options]),
        fork("JULIA_DAEMON_WORKER_ARGS of nothing").env("JULIA_DAEMON_WORKER_ARGS", "").args(["-e", options]),
        fork("the same switch twice").args(["--color=yes", "--color=no", "-q", "-q", "-e", options]),
        fork("no project").args(["-e", project]),
        fork("--project").file("Project.toml", "").directory("sub").args(["--project", "-e", project]),
        fork("--project=@.").file("Project.toml", "").directory("sub").args(["--project=@.", "-e", project]),
        fork("--project of a folder")
            .file("p/Project.toml", "")
            .args(["--project=p", "-e", project])
            .prints("/p/Project.toml"),
        fork("--project of a file").file("p/Project.toml", "").args(["--project=p/Project.toml", "-e", project]),
        fork("--project of nothing").env("JULIA_PROJECT", "p").args(["--project=", "-e", project]),
        fork("--project of a folder that is not there").args(["--project=none", "-e", project]),
        fork("--project=@name").args(["--project=@some", "-e", project]),
        fork("JULIA_PROJECT").file("p/Project.toml", "").env("JULIA_PROJECT", "p").args(["-e", project]),
        fork("JULIA_PROJECT=@.").file("Project.toml", "").env("JULIA_PROJECT", "@.").args(["-e", project]),
        fork("--project before JULIA_PROJECT").env("JULIA_PROJECT", "p").args(["--project=q", "-e", project]),
        fork("JULIA_LOAD_PATH").env("JULIA_LOAD_PATH", "x:@:/y").args(["-e", "println(LOAD_PATH)", "-e", project]),
        fork("JULIA_LOAD_PATH of nothing").env("JULIA_LOAD_PATH", "").args(["-e", "println(LOAD_PATH)"]),
        fork("JULIA_DEPOT_PATH").env("JULIA_DEPOT_PATH", "d::~/e").args(["-e", "println(DEPOT_PATH)"]),
        fork("all of JLOptions").args(["-e", "println(Base.JLOptions())"]).normal(normal::addresses),
        fork("all of JLOptions with settings")
            .args([
                "-q",
                "--banner=yes",
                "--color=yes",
                "--history-file=no",
                "--project=.",
                "-e",
                "println(Base.JLOptions())",
                "x",
            ])
            .normal(normal::addresses),
        fork("julia_cmd").args(["--color=no", "-e", "println(Base.julia_cmd())"]),
    ]
}

pub fn process_wide() -> Vec<Case> {
    let options = "println(Base.julia_cmd(), Base.JLOptions().nthreads, Threads.nthreads())";
    vec![
        fork("-t1").args(["-t1", "-e", "println(Threads.nthreads())"]).prints("1"),
        fork("-O3").args(["-O3", "-e", options]).prints("-O3"),
        fresh("-t2").args(["-t2", "-e", options, "-e", "Threads.@threads for i in 1:2; end"]).prints("2"),
        fresh("JULIA_NUM_THREADS")
            .env("JULIA_NUM_THREADS", "2")
            .args(["-e", "println(Threads.nthreads())"])
            .prints("2"),
        fresh("--check-bounds=yes and others")
            .env("JULIA_DAEMON_ISOLATION", "fresh")
            .args(["--check-bounds=yes", "--depwarn=error", "--inline=no", "-g2", "--math-mode=ieee", "-e", options])
            .prints("--check-bounds=yes"),
    ]
}

/// What Julia itself answers, or no worker serves.
pub fn left_to_julia() -> Vec<Case> {
    let own = "prints-and-exits";
    vec![
        direct("-v", own).args(["-v"]).prints("julia version"),
        direct("--version", own).args(["--version", "--nonsense"]).prints("julia version"),
        direct("-h", own).args(["-h"]).prints("julia [switches]"),
        direct("--help-hidden", own).args(["--help-hidden"]).prints("--"),
        direct("an unknown switch", "unknown-switch").args(["--nonsense"]).exits(1).prints("nonsense"),
        direct("an unknown letter", "unknown-switch").args(["-Z"]).exits(1),
        direct("a bad value", "bad-value").args(["--color=maybe", "-e", "1"]).exits(1).prints("maybe"),
        direct("a bad level", "bad-value").args(["-O9", "-e", "1"]).exits(1),
        direct("a bad number of threads", "bad-value").args(["-t", "x", "-e", "1"]).exits(1),
        direct("a missing value", "missing-value").args(["-e"]).exits(1),
        direct("an unexpected value", "unexpected-value").args(["--quiet=yes", "-e", "1"]).exits(1),
        direct("an abbreviation of several", "ambiguous-switch").args(["--p", "-e", "1"]).exits(1),
        fork("an abbreviation").args(["--start=no", "--quie", "-e", "println(Base.JLOptions().quiet)"]).prints("1"),
        direct("-m and a package that is not there", "switch-of-other-version")
            .args(["-m", "Foo"])
            .exits(1)
            .forked_since((1, 11)),
        direct("-i", "interactive").args(["-i", "-e", "println(isinteractive())"]).prints("true"),
        direct("-i and stdin", "interactive").args(["-i"]).fed("println(1)\n2\nerror(\"x\")\n3\n"),
        direct("-i and a program", "interactive")
            .script("println(isinteractive()); error(\"boom\")")
            .launched(|l| l.args(["x"]).env("JULIA_DAEMON_WORKER_ARGS", "--startup-file=no -i")),
        direct("--handle-signals", "not-served").args(["--handle-signals=no", "-e", "println(1)"]),
        // What Julia's own tasks compile stands among the rest, in any order.
        direct("--trace-compile", "not-served")
            .args(["--trace-compile=t", "-e", "f(x) = x; f(1); println(isfile(\"t\"))"])
            .files_differ(),
        direct("--code-coverage", "not-served")
            .args(["--code-coverage=user"])
            .script("f() = 1\nf()\nprintln(f())")
            .files_differ(),
        direct("JULIA_DAEMON=off", "off").env("JULIA_DAEMON", "off").args(["-e", "println(1)"]),
    ]
}

pub fn require_refuses(world: &World) {
    for (words, reason) in
        [(&["-i", "-e", "1"][..], "interactive"), (&["--handle-signals=no", "-e", "1"], "not-served")]
    {
        let outcome = world.run(&Launch::new(words).env("JULIA_DAEMON", "require"));
        assert_eq!(outcome.end, End::Exited(125));
        assert_eq!(outcome.stdout_text(), "");
        assert!(outcome.stderr_text().contains(&format!("({reason})")), "{}", outcome.stderr_text());
    }
}

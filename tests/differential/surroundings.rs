//! Environment, working directory, limits, signals: what a process has from its parent.

use crate::support::normal;
use crate::support::{Case, fork};

pub fn environment() -> Vec<Case> {
    vec![
        fork("HOME").env("HOME", "/nowhere").args(["-e", "println((homedir(), expanduser(\"~/x\"), DEPOT_PATH))"]),
        fork("no HOME").launched(|launch| launch.without_env("HOME")).args(["-e", "println(homedir()); println(DEPOT_PATH)"]),
        fork("TMPDIR").env_below("TMPDIR", "").args(["-e", "println(tempdir()); println(dirname(tempname()))"]),
        fork("PATH").env("PATH", "/none:/bin").args(["-e", "println(Sys.which(\"sh\"), Sys.which(\"nothing-such\"))"]),
        fork("no PATH").launched(|launch| launch.without_env("PATH")).args(["-e", "println(haskey(ENV, \"PATH\"))"]),
        fork("COLUMNS and LINES").env("COLUMNS", "31").env("LINES", "7").args(["-e", "println(displaysize(stdout)); show(stdout, \"text/plain\", rand(1, 1) .* zeros(20, 20))"]),
        fork("TERM").env("TERM", "dumb").args(["-e", "printstyled(\"x\", color=:red); println(ENV[\"TERM\"])"]),
        fork("variables set for C").args(["-e", "ENV[\"X\"] = 1; println(unsafe_string(ccall(:getenv, Cstring, (Cstring,), \"X\"))); delete!(ENV, \"X\"); println(haskey(ENV, \"X\"))"]),
        fork("a variable of the worker's own").args(["-e", "println(filter(k -> startswith(k, \"UV_\") || startswith(k, \"JLAPP\"), collect(keys(ENV))))"]),
        fork("JULIA_ variables of one launch").env("JULIA_EDITOR", "ed").env("JULIA_HISTORY", "/h").args(["-e", "println(ENV[\"JULIA_EDITOR\"], ENV[\"JULIA_HISTORY\"])"]),
    ]
}

pub fn folder() -> Vec<Case> {
    vec![
        fork("a folder").args(["-e", "println(pwd()); println(realpath(\".\")); println(readdir())"]).file("f", ""),
        fork("a folder below")
            .directory("a/b")
            .args(["-e", "println(pwd(), get(ENV, \"PWD\", nothing)); write(\"out\", \"x\")"]),
        fork("a folder in unicode").directory("größe → 1").args(["-e", "println(pwd())"]),
        fork("a deleted folder")
            .launched(crate::support::Launch::in_deleted_directory)
            .args(["-e", "println(1); pwd()"])
            .exits(1),
        fork("a deleted folder that does not matter")
            .launched(crate::support::Launch::in_deleted_directory)
            .args(["-e", "println(1)"]),
        fork("a program in a deleted folder")
            .launched(crate::support::Launch::in_deleted_directory)
            .args(["a.jl"])
            .exits(1),
        fork("another folder").args([
            "-e",
            "cd(\"/\"); println(pwd()); run(`pwd`); cd(\"/tmp\") do; println(pwd()); end; println(pwd())",
        ]),
        fork("umask 077")
            .launched(|launch| launch.umask(0o077))
            .args(["-e", "write(\"f\", \"x\"); mkdir(\"d\"); run(`sh -c umask`)"])
            .prints("0077"),
        fork("umask 0")
            .launched(|launch| launch.umask(0))
            .args(["-e", "write(\"f\", \"x\"); mkdir(\"d\"); mkpath(\"e/f\"); touch(\"g\")"]),
    ]
}

pub fn limits_and_signals() -> Vec<Case> {
    let signals = "run(`grep -E '^Sig(Ign|Blk)|^ShdPnd' /proc/self/status`)";
    vec![
        fork("ulimit -n 64").launched(|l| l.limit(libc::RLIMIT_NOFILE, 64)).args(["-e", "println(1); run(`sh -c 'ulimit -n'`); run(`echo 2`)"]).prints_since((1, 9), "64", "2\n"),
        fork("too many open files")
            .launched(|l| l.limit(libc::RLIMIT_NOFILE, 64))
            .args(["-e", "fs = [] ; try; for i in 1:100; push!(fs, open(\"/dev/null\")); end; catch e; println(typeof(e), \" \", e); end; println(length(fs) == 100)"])
            .prints_since((1, 9), "SystemError", "true"),
        fork("ulimit -f").launched(|l| l.limit(libc::RLIMIT_FSIZE, 1024)).args(["-e", "open(io -> write(io, zeros(UInt8, 4096)), \"out\", \"w\")"]).dies_by(libc::SIGXFSZ),
        fork("ulimit -t").launched(|l| l.limit(libc::RLIMIT_CPU, 3)).args(["-e", "println(1); while true; end"]).dies_by(libc::SIGXCPU),
        fork("all limits").args(["-e", "run(`sh -c 'ulimit -a'`)"]),
        fork("all limits, some lower")
            .launched(|l| l.limit(libc::RLIMIT_CORE, 0).limit(libc::RLIMIT_NPROC, 5000).limit(libc::RLIMIT_MEMLOCK, 4096))
            .args(["-e", "run(`sh -c 'ulimit -a'`)"]),
        fork("niceness").launched(|l| l.niceness(5)).args(["-e", "run(`nice`)"]).prints("5"),
        fork("signals of a subprocess").args(["-e", signals]),
        fork("signals of a subprocess, some ignored")
            .launched(|l| l.ignoring(libc::SIGHUP).ignoring(libc::SIGUSR2).ignoring(libc::SIGINT))
            .args(["-e", signals]),
        // The second is one of those that the C library keeps to itself; what posix_spawn(3) starts has it ignored.
        fork("signals of a subprocess, real-time ones ignored")
            .launched(|l| l.ignoring(40).ignoring(32))
            .args(["-e", signals]),
        fork("signals of a subprocess, SIGCHLD ignored")
            .launched(|l| l.ignoring(libc::SIGCHLD))
            .args(["-e", signals])
            .since((1, 9), |case| case.alone("its search for libstdc++ waits for a child, and ends it")),
        fork("signals of a subprocess, some blocked").launched(|l| l.blocking(libc::SIGUSR2).blocking(libc::SIGHUP).blocking(libc::SIGALRM)).args(["-e", signals]),
        fork("an ignored hang-up").launched(|l| l.ignoring(libc::SIGHUP)).args(["-e", "ccall(:raise, Cint, (Cint,), 1); println(\"alive\")"]).prints("alive"),
        fork("a blocked signal").launched(|l| l.blocking(libc::SIGALRM)).args(["-e", "ccall(:raise, Cint, (Cint,), 14); println(\"alive\")"]).dies_by(libc::SIGALRM),
        fork("ignored SIGPIPE").launched(|l| l.ignoring(libc::SIGPIPE)).args(["-e", "run(`sh -c 'grep SigIgn /proc/self/status'`)"]),
        fork("ignored SIGINT").launched(|l| l.ignoring(libc::SIGINT)).args(["-e", "ccall(:kill, Cint, (Cint, Cint), getpid(), 2); sleep(10); println(\"alive\")"]).normal(normal::stacktrace).exits(1),
        fork("a process group of its own").args(["-e", "println(ccall(:getpgid, Cint, (Cint,), 0) == getpid())"]),
        fork("the command's name").args(["-e", "println(strip(read(\"/proc/self/comm\", String)))"]),
        fork("the executable").args(["-e", "println(readlink(\"/proc/self/exe\"))"]),
    ]
}

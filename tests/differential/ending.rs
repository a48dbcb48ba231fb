//! How a program ends: statuses, exit hooks, crashes.

use crate::support::normal;
use crate::support::{Case, fork};

pub fn statuses() -> Vec<Case> {
    vec![
        fork("exit()").args(["-e", "exit(); println(1)"]),
        fork("exit(3)").args(["-e", "print(1); exit(3)"]).exits(3),
        fork("exit(255)").script("exit(255)").exits(255),
        fork("exit(256)").args(["-e", "exit(256)"]),
        fork("exit(-1)").args(["-e", "exit(-1)"]).exits(255),
        fork("exit in a task").args(["-e", "@async exit(4); wait(Condition())"]).exits(4),
        fork("exit in a function that cleans up").script("try\n exit(5)\nfinally\n println(\"finally\")\nend").exits(5),
        fork("exit with output that waits").args(["-e", "print(\"x\"^200_000); exit(6)"]).exits(6),
        fork("exit while tasks run")
            .args(["-e", "@async while true; sleep(0.01); end; @async wait(Condition()); exit(7)"])
            .exits(7),
        fork("the end while tasks run").args(["-e", "@async (sleep(60); println(1)); println(2)"]).prints("2"),
        fork("the end while a subprocess runs")
            .args(["-e", "p = open(`cat`, \"w\"); println(process_running(p))"])
            .prints("true"),
        fork("_exit of C").args(["-e", "print(\"lost?\"); ccall(:_exit, Cvoid, (Cint,), 9)"]).exits(9),
        fork("exit of C").args(["-e", "atexit(() -> print(\"hook\")); ccall(:exit, Cvoid, (Cint,), 10)"]).exits(10),
        fork("quit after an error was caught")
            .script("try\n error(\"x\")\ncatch e\n println(e)\nend\nexit(11)")
            .exits(11),
        fork("uncaught in -e").args(["-e", "println(1); error(\"boom\"); println(2)"]).exits(1).prints("boom"),
        fork("uncaught in -E").args(["-E", "error(\"boom\")", "-e", "println(2)"]).exits(1),
        fork("uncaught in -L").file("l.jl", "error(\"boom\")").args(["-L", "l.jl", "-e", "println(2)"]).exits(1),
    ]
}

pub fn hooks() -> Vec<Case> {
    vec![
        fork("hooks in order").script("for i in 1:3; atexit(() -> println(\"hook \", i)); end\nprintln(\"end\")").prints("hook 3\nhook 2"),
        fork("hooks after exit").args(["-e", "atexit(() -> println(\"hook\")); exit(2)"]).exits(2),
        fork("hooks after an error").script("atexit(() -> println(\"hook\"))\nerror(\"boom\")").exits(1).prints("hook"),
        fork("exit in a hook").args(["-e", "atexit(() -> println(1)); atexit(() -> exit(8)); atexit(() -> println(3))"]).exits(8),
        fork("an error in a hook").args(["-e", "atexit(() -> println(1)); atexit(() -> error(\"boom\"))"]).prints("boom"),
        fork("a hook in a hook").args(["-e", "atexit(() -> (println(1); atexit(() -> println(2))))"]),
        fork("a hook that writes a file").args(["-e", "atexit(() -> write(\"out\", \"x\"))"]),
        fork("a hook that runs a subprocess").args(["-e", "atexit(() -> run(`echo hook`))"]).prints("hook"),
        fork("a hook that waits").args(["-e", "atexit(() -> (sleep(0.1); println(\"slept\")))"]).prints("slept"),
        fork("hooks and a program on stdin").fed("atexit(() -> println(\"hook\"))\n1\n").prints("hook"),
        fork("a finalizer flushes").args(["-e", "io = open(\"out\", \"w\"); print(io, \"x\"^5000)"]),
        fork("finalizers at the end")
            .args(["-e", "mutable struct T end; t = T(); finalizer(_ -> ccall(:puts, Cint, (Cstring,), \"final\"), t); println(\"end\")"])
            .prints("final"),
        fork("finalizers run by gc").script("mutable struct T end\nfinalizer(_ -> Core.println(\"final\"), T())\nGC.gc(); GC.gc()\nprintln(\"end\")"),
        fork("temporary folders vanish").args(["-e", "d = mktempdir(pwd()); println(isdir(d))"]),
        fork("temporary files vanish").args(["-e", "p, io = mktemp(pwd()); print(io, 1); close(io)"]),
    ]
}

pub fn crashes() -> Vec<Case> {
    let raise = |signal: i32| format!("println(1); ccall(:kill, Cint, (Cint, Cint), getpid(), {signal}); sleep(30)");
    vec![
        fork("kill -9 of itself").args(["-e", &raise(9)]).dies_by(libc::SIGKILL),
        fork("hang-up of itself").args(["-e", &raise(1)]).dies_by(libc::SIGHUP),
        fork("alarm of itself").args(["-e", &raise(14)]).dies_by(libc::SIGALRM),
        fork("a segmentation fault")
            .script("println(1)\nunsafe_load(Ptr{Int}(8))")
            .normal(normal::signal_backtrace)
            .dies_by(libc::SIGSEGV)
            .prints("Segmentation fault"),
        fork("abort").args(["-e", "ccall(:abort, Cvoid, ())"]).normal(normal::signal_backtrace).dies_by(libc::SIGABRT),
        fork("an undefined instruction")
            .args(["-e", "ccall(:raise, Cint, (Cint,), 4)"])
            .normal(normal::signal_backtrace)
            .normal(normal::addresses)
            .prints("Illegal instruction")
            .since((1, 9), |case| case.dies_by(libc::SIGILL)),
        fork("stack overflow")
            .script("f(x) = f(x + 1) + 1\nf(1)")
            .normal(normal::numbers)
            .exits(1)
            .prints("StackOverflowError"),
        fork("stack overflow that is caught")
            .script("f(x) = f(x + 1) + 1\ntry\n f(1)\ncatch e\n println(typeof(e))\nend")
            .prints("StackOverflowError"),
        fork("a larger stack")
            .launched(|launch| launch.limit(libc::RLIMIT_STACK, 64 << 20))
            .script("f(n) = n == 0 ? 0 : 1 + f(n - 1)\nprintln(f(500_000))")
            .prints("500000"),
        fork("out of memory").args(["-e", "zeros(UInt8, 1 << 60)"]).exits(1).prints("OutOfMemoryError"),
        fork("division by zero").args(["-e", "1 ÷ 0"]).exits(1).prints("DivideError"),
    ]
}

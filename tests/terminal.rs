//! Programs on a real terminal: what they see of it, and what its keys do to them, as plain Julia and through
//! `juliaclient`.
//!
//! Absent: REPLs (`repl`); `/dev/tty` and job control inside a program served by a worker (a declared difference: its process has no
//! controlling terminal; one that names what needs it runs as plain Julia).

#![allow(unsafe_code, reason = "terminals are opened by system calls")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "failures are printed")]

mod support;

use support::launch::Session;
use support::leftovers::{is_alive, state};
use support::snippets::{AT_REST, BUSY, QUIET};
use support::terminal::Terminal;
use support::{Case, End, Launch, Running, Stream, Suite, Way, World, direct, fork, fresh, normal, wait_until};

/// A program says so in one line before something is done to it; the terminal makes its end of two characters.
const READY: &str = "ready\r\n";
const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";
const CTRL_BACKSLASH: &str = "\x1c";

fn main() -> std::process::ExitCode {
    Suite::new()
        .cases(looks())
        .cases(input())
        .cases(interrupts())
        .cases(jobs())
        .cases(left_to_julia())
        .test("modes of the terminal are as before", modes_stay)
        .test("Ctrl-Z stops every process of the program", stop_reaches_the_program)
        .test("a hang-up ends the program and its subprocess", hang_up_reaches_all)
        .run()
}

/// Waits for `text` on the terminal, then types `keys`.
fn typed(text: &'static str, keys: &'static str) -> impl Fn(&mut Running) {
    move |program| {
        program.stdout().await_text(text);
        program.write(keys);
    }
}

fn looks() -> Vec<Case> {
    let kinds = "println((typeof(stdin), typeof(stdout), typeof(stderr), isopen(stdin), get(stdout, :color, nothing), displaysize(stdout), displaysize()))";
    let sizes = "println(displaysize(stdout)); readline(); println(displaysize(stdout)); run(`stty size`)";
    let trap = "run(`sh -c 'trap \"echo resized; exit\" WINCH; echo ready; while :; do sleep 0.02; done'`)";
    vec![
        fork("kinds of streams").on_terminal().args(["-e", kinds]).prints("TTY"),
        fork("kinds of streams in a script").on_terminal().script(kinds).prints("TTY"),
        fresh("kinds of streams, used once").on_terminal().env("JULIA_DAEMON_ISOLATION", "fresh").args(["-e", kinds]).prints("TTY"),
        fork("input from a pipe").on_terminal().fed("x\n").args(["-e", kinds, "-e", "println(readline())"]),
        fork("output into a pipe").on_terminal().with(1, Stream::Capture).with(2, Stream::Capture).args(["-e", kinds]),
        fork("errors alone on the terminal").on_terminal().fed("").with(1, Stream::Capture).args(["-e", "println(typeof(stderr)); error(\"boom\")"]).exits(1),
        fork("isatty").on_terminal().args(["-e", "println([ccall(:isatty, Cint, (Cint,), fd) for fd in 0:2]); run(`sh -c 'test -t 0 && test -t 1 && test -t 2 && echo yes'`)"]).prints("yes"),
        fork("the terminal's name").on_terminal().args(["-e", "run(`tty`)"]).normal(normal::numbers).prints("/dev/pts/"),
        fork("the terminal's size for a subprocess").on_terminal().args(["-e", "run(`stty size`)"]).prints("24 80"),
        fork("colours").on_terminal().args(["-e", "printstyled(\"red\\n\", color=:red); @info \"i\"; @warn \"w\""]).prints("\x1b["),
        fork("colours of an error").on_terminal().script("f() = error(\"boom\")\nf()").exits(1).prints("\x1b["),
        fork("no colours").on_terminal().args(["--color=no", "-e", "printstyled(\"red\\n\", color=:red); error(\"boom\")"]).exits(1),
        fork("a limited display").on_terminal().args(["-e", "show(IOContext(stdout, :limit => true), \"text/plain\", reshape(1:1000, 10, 100)); display(zeros(50, 50))"]),
        fork("resized between two looks").on_terminal().args(["-e", sizes]).prints("30 100").act(|program| {
            program.stdout().await_text("(24, 80)");
            program.terminal().resize(100, 30);
            program.write("\n");
        }),
        fork("a subprocess is told of a resize").on_terminal().script(trap).prints("resized").act(|program| {
            program.stdout().await_text(READY);
            program.terminal().resize(90, 20);
        }),
    ]
}

fn input() -> Vec<Case> {
    let key = "using REPL; t = REPL.Terminals.TTYTerminal(\"xterm\", stdin, stdout, stderr); REPL.Terminals.raw!(t, true); print(\"ready\\n\"); c = read(stdin, Char); REPL.Terminals.raw!(t, false); println(repr(c))";
    vec![
        fork("a line")
            .on_terminal()
            .args(["-e", "println(\"name?\"); println(\"hello \", readline())"])
            .act(typed("name?", "Ann\n"))
            .prints("hello Ann"),
        fork("lines until Ctrl-D")
            .on_terminal()
            .args(["-e", "print(\"ready\\n\"); println(repr(read(stdin, String)))"])
            .act(typed(READY, "a\nb\n\x04"))
            .prints("a\\nb\\n"),
        fork("Ctrl-D at once")
            .on_terminal()
            .args(["-e", "print(\"ready\\n\"); println(repr(readline()), eof(stdin))"])
            .act(typed(READY, "\x04\x04")),
        fork("a key without a newline").on_terminal().args(["-e", key]).act(typed(READY, "k")).prints("'k'"),
        fork("a subprocess reads")
            .on_terminal()
            .args(["-e", "run(`sh -c 'echo ready; read x; echo got $x'`)"])
            .act(typed(READY, "word\n"))
            .prints("got word"),
        fork("a password")
            .on_terminal()
            .args(["-e", "s = Base.getpass(\"Password\"); println(); println(read(s, String))"])
            .act(typed("Password", "secret\n"))
            .prints("secret"),
        fork("input typed ahead")
            .on_terminal()
            .args(["-e", "sleep(0.2); println(readline(), readline())"])
            .act(|program| program.write("one\ntwo\n"))
            .prints("onetwo"),
    ]
}

fn interrupts() -> Vec<Case> {
    let sleeping = format!("{AT_REST}sleep(30)");
    let catching = "sleep(0.01); precompile(sleep, (Int,))\ntry\ntouch(\"quiet\"); sleep(30)\ncatch e\nprintln(typeof(e))\nend\nprintln(\"on\")";
    // A second in which Julia compiles what waits for it: a key that comes before that may find the program at its end.
    let trap = "println(\"start\"); p = run(ignorestatus(`sh -c 'trap \"echo trapped; exit 3\" INT; sleep 1; echo ready; while :; do sleep 0.02; done'`)); println(p.exitcode)";
    let key = |key: &'static str| {
        move |program: &mut Running| {
            program.await_file(QUIET);
            program.write(key);
        }
    };
    let interrupted = |case: Case| case.on_terminal().act(key(CTRL_C));
    let quiet = |case: Case| case.normal(normal::signal_backtrace).normal(normal::stacktrace);
    vec![
        quiet(interrupted(fork("Ctrl-C in a script that sleeps").script(&sleeping)))
            .ended_by(libc::SIGINT)
            .announces(libc::SIGINT),
        quiet(interrupted(fork("Ctrl-C in a busy script").script(BUSY))).ended_by(libc::SIGINT).announces(libc::SIGINT),
        quiet(interrupted(
            fresh("Ctrl-C in a script, used once").env("JULIA_DAEMON_ISOLATION", "fresh").script(&sleeping),
        ))
        .ended_by(libc::SIGINT),
        quiet(interrupted(fork("Ctrl-C in -e that sleeps").args(["-e", &sleeping])))
            .exits(1)
            .prints("InterruptException"),
        quiet(interrupted(fork("Ctrl-C in a busy -e").args(["-e", BUSY]))).exits(1).prints("InterruptException"),
        quiet(interrupted(
            fresh("Ctrl-C in a busy -e, used once").env("JULIA_DAEMON_ISOLATION", "fresh").args(["-e", BUSY]),
        ))
        .exits(1),
        interrupted(fork("Ctrl-C that is caught").args(["-e", catching])).prints("on"),
        quiet(interrupted(fork("Ctrl-C while a line is awaited").args(["-e", &format!("{AT_REST}readline()")])))
            .exits(1)
            .prints("InterruptException"),
        fork("Ctrl-C for a subprocess too")
            .on_terminal()
            .args(["-e", &format!("try\n{trap}\ncatch e\nprintln(typeof(e))\nend")])
            .act(typed(READY, CTRL_C))
            .normal(normal::any_order)
            .prints("trapped"),
        quiet(fork("Ctrl-\\ in a script").script(&sleeping).on_terminal().act(key(CTRL_BACKSLASH)))
            .ended_by(libc::SIGQUIT)
            .announces(libc::SIGQUIT),
        fork("a hang-up").on_terminal().script("print(\"ready\\n\"); sleep(30)").dies_by(libc::SIGHUP).act(|program| {
            program.stdout().await_text(READY);
            program.hang_up();
        }),
        fork("a hang-up that is ignored")
            .on_terminal()
            .launched(|launch| launch.ignoring(libc::SIGHUP))
            .script("print(\"ready\\n\"); sleep(0.5); write(\"out\", \"done\")")
            .act(|program| {
                program.stdout().await_text(READY);
                program.hang_up();
            }),
    ]
}

fn job(case: Case) -> Case {
    case.launched(|launch| launch.on_terminal(Session::Job))
}

fn jobs() -> Vec<Case> {
    let program = "print(\"ready\\n\"); println(\"got \", readline())";
    vec![
        job(fork("a job of a shell").args(["-e", program])).act(typed(READY, "x\n")).prints("got x"),
        job(fork("its status").args(["-e", "exit(5)"])).exits(5),
        job(fork("Ctrl-C for a job").script(&format!("{AT_REST}sleep(30)")))
            .act(|program| {
                program.await_file(QUIET);
                program.write(CTRL_C);
            })
            .normal(normal::signal_backtrace)
            .exits(130),
        job(fork("Ctrl-Z, then fg").args(["-e", program])).prints("got x").act(|program| {
            program.stdout().await_text(READY);
            program.write(CTRL_Z);
            program.shell().await_text("stopped 20");
            program.tell_shell("fg");
            program.shell().await_text("continued");
            program.write("x\n");
        }),
        job(fork("Ctrl-Z, then bg").args(["-e", "print(\"ready\\n\"); sleep(0.3); println(\"done\")"]))
            .prints("done")
            .act(|program| {
                program.stdout().await_text(READY);
                program.write(CTRL_Z);
                program.shell().await_text("stopped 20");
                program.tell_shell("bg");
            }),
        job(fork("Ctrl-Z twice").args(["-e", program])).prints("got x").act(|program| {
            program.stdout().await_text(READY);
            for round in 1..3 {
                program.write(CTRL_Z);
                program.shell().await_times("stopped 20", round);
                program.tell_shell("fg");
                program.shell().await_times("continued", round);
            }
            program.write("x\n");
        }),
        // Without a shell in its session nothing could continue it.
        fork("Ctrl-Z for a session's leader stops nothing")
            .on_terminal()
            .args(["-e", "print(\"ready\\n\"); sleep(0.5); println(\"done\")"])
            .act(typed(READY, CTRL_Z))
            .prints("done"),
        fork("the same, handled by a subprocess")
            .on_terminal()
            .args(["-e", "run(`sh -c 'trap \"echo told; exit\" TSTP; echo ready; while :; do sleep 0.02; done'`)"])
            .act(typed(READY, CTRL_Z))
            .prints("told"),
        job(fork("Ctrl-Z while a subprocess runs").args(["-e", "run(`sh -c 'echo ready; read x; echo got $x'`)"]))
            .prints("got x")
            .act(|program| {
                program.stdout().await_text(READY);
                program.write(CTRL_Z);
                program.shell().await_text("stopped 20");
                program.tell_shell("fg");
                program.write("x\n");
            }),
    ]
}

fn left_to_julia() -> Vec<Case> {
    vec![
        direct("a background job", "background")
            .launched(|launch| launch.on_terminal(Session::BackgroundJob))
            .args(["-e", "println(1); write(\"out\", \"x\")"]),
        direct("a background job that reads is stopped", "background")
            .launched(|launch| launch.on_terminal(Session::BackgroundJob))
            .args(["-e", "println(\"got \", readline())"])
            .prints("got x")
            .act(|program| {
                program.shell().await_text("started");
                program.write("x\n");
                program.shell().await_text("stopped 21");
                program.tell_shell("fg");
            }),
        direct("a program that names what opens the controlling terminal", "controlling-terminal")
            .on_terminal()
            .script(
                "# As sudo and ssh do.\nrun(`sh -c 'echo asked >/dev/tty; read answer </dev/tty; echo got $answer'`)",
            )
            .prints("got yes")
            .act(typed("asked", "yes\n")),
        fork("the same without a terminal").args(["-e", "println(\"sudo, ssh\")"]).prints("sudo, ssh"),
        fork("a background job with other input")
            .launched(|launch| launch.on_terminal(Session::BackgroundJob).with(0, Stream::Null))
            .args(["-e", "println(1)"]),
    ]
}

fn start(world: &World, launch: Launch, name: &str) -> Running {
    world.start(Way::Client, &launch.env("JULIA_DAEMON", "require"), &world.case_folder(name))
}

fn modes_stay(world: &World) {
    let before = Terminal::open().0.mode_words();
    let raw = "using REPL; REPL.Terminals.raw!(REPL.Terminals.TTYTerminal(\"xterm\", stdin, stdout, stderr), true); ";
    for end in ["println(1)", "exit(3)", "error(\"x\")", "print(\"ready\\n\"); sleep(30)"] {
        let mut program =
            start(world, Launch::new(["-e", &format!("{raw}{end}")]).on_terminal(Session::Leader), "modes");
        if end.contains("ready") {
            program.stdout().await_text(READY);
            program.signal(libc::SIGTERM);
        }
        wait_until(&format!("the program has ended after {end}"), || program.has_ended());
        assert_eq!(program.terminal().mode_words(), before, "after {end}");
        program.finish();
    }
}

fn stop_reaches_the_program(world: &World) {
    let code = "println(\"pid \", getpid(), \" \"); p = run(pipeline(`sh -c 'echo sub $$ .; exec sleep 30'`, stdout=stdout), wait=false); readline(); kill(p)";
    let program = start(world, Launch::new(["-e", code]).on_terminal(Session::Job), "stop");
    let pids = [printed_number(&program, "pid "), printed_number(&program, "sub ")];
    let client = program.job_pid();
    for round in 1..3 {
        program.write(CTRL_Z);
        program.shell().await_times("stopped 20", round);
        for pid in pids.into_iter().chain([client]) {
            wait_until("it has stopped", || state(pid) == Some('T'));
        }
        program.tell_shell("fg");
        for pid in pids.into_iter().chain([client]) {
            wait_until("it goes on", || state(pid).is_some_and(|state| state != 'T'));
        }
    }
    program.write("\n");
    assert_eq!(program.finish().end, End::Exited(0));
}

/// The number after `word` in the output, once it and something behind it have come.
fn printed_number(program: &Running, word: &str) -> i32 {
    let find = || {
        let text = String::from_utf8(program.stdout().so_far()).unwrap();
        let (number, rest) = text.split_once(word)?.1.split_once(' ')?;
        let _ = rest;
        number.parse().ok()
    };
    wait_until("a number is printed", || find().is_some());
    find().unwrap()
}

fn hang_up_reaches_all(world: &World) {
    let code = "println(\"pid \", getpid(), \" \"); run(`sh -c 'echo sub $$ .; exec sleep 60'`)";
    let mut program = start(world, Launch::new(["-e", code]).on_terminal(Session::Leader), "hang-up");
    let pids = [printed_number(&program, "pid "), printed_number(&program, "sub ")];
    program.hang_up();
    assert_eq!(program.finish().end, End::Killed(libc::SIGHUP));
    for pid in pids {
        wait_until("it has ended", || !is_alive(pid));
    }
}

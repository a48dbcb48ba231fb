//! What each signal does to a program, sent to the client as to plain Julia.

use crate::support::leftovers::{is_alive, state};
use crate::support::snippets::{AT_REST, BUSY, QUIET};
use crate::support::{Case, End, Launch, Running, Way, World, fork, fresh, normal, wait_until};

fn sent(signal: i32) -> impl Fn(&mut Running) {
    move |program| {
        program.await_file(QUIET);
        program.signal(signal);
    }
}

fn sent_after(text: &'static str, signal: i32) -> impl Fn(&mut Running) {
    move |program| {
        program.stdout().await_text(text);
        program.signal(signal);
    }
}

/// What is printed of where the program was is not compared: C frames, counts.
fn case(case: Case, signal: i32) -> Case {
    case.act(sent(signal)).normal(normal::signal_backtrace).normal(normal::stacktrace)
}

pub fn ending() -> Vec<Case> {
    let sleeping = format!("{AT_REST}sleep(30)");
    let subprocess = format!("p = run(`sleep 2`, wait=false)\n{AT_REST}wait(p)");
    let fresh = |name: &str| fresh(name).env("JULIA_DAEMON_ISOLATION", "fresh");
    vec![
        case(fork("SIGINT, sleeping script").script(&sleeping), libc::SIGINT)
            .ended_by(libc::SIGINT)
            .announces(libc::SIGINT),
        case(fork("SIGINT, busy script").script(BUSY), libc::SIGINT).ended_by(libc::SIGINT),
        case(fork("SIGINT, sleeping -e").args(["-e", &sleeping]), libc::SIGINT).exits(1).prints("InterruptException"),
        case(fork("SIGINT, busy -e").args(["-e", BUSY]), libc::SIGINT).exits(1).prints("InterruptException"),
        // Not for a program on stdin: Julia 1.5.3 itself exits 0 or 1, as the interrupt finds it evaluating or reading.
        case(fork("SIGTERM, sleeping script").script(&sleeping), libc::SIGTERM)
            .ended_by(libc::SIGTERM)
            .announces(libc::SIGTERM),
        case(fork("SIGTERM, busy script").script(BUSY), libc::SIGTERM).ended_by(libc::SIGTERM),
        case(fork("SIGTERM, sleeping -e").args(["-e", &sleeping]), libc::SIGTERM).ended_by(libc::SIGTERM),
        case(fork("SIGTERM, busy -e").args(["-e", BUSY]), libc::SIGTERM).ended_by(libc::SIGTERM),
        case(fork("SIGTERM, waiting for a subprocess").script(&subprocess), libc::SIGTERM).ended_by(libc::SIGTERM),
        case(fork("SIGQUIT, sleeping script").script(&sleeping), libc::SIGQUIT)
            .ended_by(libc::SIGQUIT)
            .announces(libc::SIGQUIT),
        case(fork("SIGHUP, sleeping script").script(&sleeping), libc::SIGHUP).dies_by(libc::SIGHUP),
        case(fork("SIGHUP, busy -e").args(["-e", BUSY]), libc::SIGHUP).dies_by(libc::SIGHUP),
        fork("SIGTERM right after output")
            .script("print(\"ready\\n\")\nsleep(30)")
            .act(sent_after("ready\n", libc::SIGTERM))
            .normal(normal::signal_backtrace)
            .ended_by(libc::SIGTERM)
            .since((1, 12), |case| {
                case.alone("it hangs where the signal comes while it compiles, and the hook has to be compiled")
            }),
        case(fork("SIGALRM").script(&sleeping), libc::SIGALRM).dies_by(libc::SIGALRM),
        case(fresh("SIGTERM, used once").script(&sleeping), libc::SIGTERM).ended_by(libc::SIGTERM),
        case(fresh("SIGINT, used once, sleeping -e").args(["-e", &sleeping]), libc::SIGINT)
            .exits(1)
            .prints("InterruptException"),
        case(fresh("SIGHUP, used once").script(&sleeping), libc::SIGHUP).dies_by(libc::SIGHUP),
        case(
            fork("SIGTERM, and a hook that exits").script(&format!("atexit(() -> exit(9))\n{sleeping}")),
            libc::SIGTERM,
        )
        .exits(9),
        case(
            fork("SIGTERM, and two hooks").script(&format!("atexit(() -> write(\"second\", \"ran\"))\n{sleeping}")),
            libc::SIGTERM,
        )
        .ended_by(libc::SIGTERM),
    ]
}

pub fn going_on() -> Vec<Case> {
    let lines = format!("{AT_REST}println(readline())");
    let held = |name: &str, signal: i32| {
        let act = move |program: &mut Running| {
            sent(signal)(program);
            program.write("on\n");
        };
        fork(name)
            .with(0, crate::support::Stream::Held)
            .args(["-e", &lines])
            .act(act)
            .normal(normal::signal_backtrace)
            .prints("on\n")
    };
    let ignoring = |name: &str, signal: i32| held(name, signal).launched(move |launch| launch.ignoring(signal));
    vec![
        held("SIGUSR1", libc::SIGUSR1).announces(libc::SIGUSR1).normal(before_a_profile),
        held("SIGUSR2", libc::SIGUSR2),
        held("SIGWINCH", libc::SIGWINCH),
        held("SIGCONT", libc::SIGCONT),
        ignoring("nohup", libc::SIGHUP),
        ignoring("ignored SIGUSR2", libc::SIGUSR2),
        fork("SIGINT caught")
            .args(["-e", "sleep(0.01); precompile(sleep, (Int,))\ntry\nprint(\"ready\\n\"); touch(\"quiet\"); sleep(30)\ncatch e\nprintln(typeof(e))\nend\nprintln(\"on\")"])
            .act(sent(libc::SIGINT))
            .prints("InterruptException\non"),
        fork("SIGINT caught twice")
            .args(["-e", "sleep(0.01); touch(\"x\"); precompile(sleep, (Int,))\nfor i in 1:2\ntry\ntouch(\"quiet$i\")\nsleep(30)\ncatch e\nprint(typeof(e), \"\\n\")\nend\nend"])
            .act(|program| {
                for round in ["quiet1", "quiet2"] {
                    program.await_file(round);
                    program.signal(libc::SIGINT);
                }
            })
            .prints("InterruptException\nInterruptException"),
    ]
}

/// From 1.9 on a profile follows what SIGUSR1 asks for, and that is said first. A forked program has none.
fn before_a_profile(text: &[u8]) -> Vec<u8> {
    let start = text.windows(9).position(|part| part == b"\nsignal (");
    text[start.unwrap_or(0)..].to_vec()
}

pub fn stopping() -> Vec<Case> {
    let stopped = |name: &str, signal: i32| {
        let program = format!("{AT_REST}println(readline())");
        fork(name).with(0, crate::support::Stream::Held).args(["-e", &program]).prints("on\n").act(move |program| {
            program.stdout().await_text("ready\n");
            program.signal(signal);
            // A session's leader has no parent in its session: SIGTSTP does not stop it, in plain Julia either.
            if signal == libc::SIGSTOP {
                wait_until("it has stopped", || state(program.pid()) == Some('T'));
            }
            program.signal(libc::SIGCONT);
            program.write("on\n");
        })
    };
    vec![stopped("SIGTSTP and SIGCONT", libc::SIGTSTP), stopped("SIGSTOP and SIGCONT", libc::SIGSTOP)]
}

/// `nohup`: a hang-up of the whole group does nothing to the program either.
pub fn nohup_outlives(world: &World) {
    let program = "println(\"pid \", getpid()); flush(stdout); readline(); println(\"done\")";
    let launch = Launch::new(["-e", program])
        .env("JULIA_DAEMON", "require")
        .ignoring(libc::SIGHUP)
        .stdin(crate::support::Stream::Held);
    let running = world.start(Way::Client, &launch, &world.case_folder("nohup"));
    running.stdout().await_text("\n");
    let text = String::from_utf8(running.stdout().so_far()).unwrap();
    let pid: i32 = text.trim_start_matches("pid ").lines().next().unwrap().parse().unwrap();
    running.signal_group(libc::SIGHUP);
    wait_until("the program is there", || is_alive(pid));
    running.write("\n");
    let outcome = running.finish();
    assert_eq!(outcome.end, End::Exited(0));
    assert!(outcome.stdout_text().ends_with("done\n"));
}

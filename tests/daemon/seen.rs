//! What is seen of a daemon that works, and how it is ended and made ready.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::daemon_support::{Outcome, Place, Steps, WAITS, Way, is_alive, stays, wait_until};
use super::shared::{SCRIPT, stderr_of, stdout_of};

/// A program whose first statement is all definition.
const PROGRAM: &str = "f(x) = sort([x, 3, 2])\nprint(f(1))\n";

#[test]
fn a_daemon_that_is_looked_at() {
    let place = Place::new("seen");
    fs::write(place.path("p.jl"), PROGRAM).unwrap();
    let run = || place.client(["p.jl"]).require().run();
    let first = run();
    let mut steps = Steps::default();
    steps.step("the trace says where the time went", || accounts(&first));
    steps.step("and why a launch was not warmer", || reasons(&place, &first));
    steps.step("status", || status(&place));
    steps.step("status again every second, into a pipe", || again_every_second(&place));
    steps.step("status on a terminal, until somebody leaves it", || on_a_terminal(&place));
    steps.step("warm", || warm(&place));
    steps.step("a launch of what was warmed comes from its branch", || {
        let outcome = run();
        outcome.assert_served("[1, 2, 3]", 0);
        assert!(outcome.trace.contains(" kind=branch ") && !outcome.trace.contains("why="), "{}", outcome.trace);
    });
    steps.step("a branch for other surroundings", || {
        let outcome = place.client(["p.jl"]).require().env("FLAVOUR", "1").run();
        assert!(outcome.trace.contains("differ in variables FLAVOUR"), "{}", outcome.trace);
    });
    steps.step("a file that changed", || {
        fs::write(place.path("p.jl"), PROGRAM.replace('3', "4")).unwrap();
        let outcome = run();
        outcome.assert_served("[1, 2, 4]", 0);
        assert!(outcome.trace.contains("p.jl changed\""), "{}", outcome.trace);
    });
    steps.step("a time to live that a program leaves", || left_time_to_live(&place));
    steps.step("a drain that is given up", || drain_given_up(&place));
    steps.step("a drain", || drain(&place));
    steps.step("restart", || {
        let before = place.start();
        assert!(place.daemon(&["restart"]).status.success());
        assert_ne!(place.conductor_pid(), before);
    });
    steps.finish();
}

/// As long as a process may have to wait for the processor between two looks at the clock.
const SLACK_US: u64 = 2_000_000;

fn accounts(outcome: &Outcome) {
    outcome.assert_served("[1, 2, 3]", 0);
    let steps = ["parse", "connect", "send", "conductor", "worker", "go", "program"];
    let sum: u64 =
        steps.into_iter().map(|name| outcome.traced(name).unwrap_or_else(|| panic!("{name}: {outcome:#?}"))).sum();
    let (after, total) = (outcome.traced("after").unwrap(), outcome.traced("total").unwrap());
    assert!(sum <= total && total - sum < SLACK_US, "{}", outcome.trace);
    assert!(after <= total - outcome.traced("program").unwrap(), "{}", outcome.trace);
    assert!(u128::from(total) <= outcome.took.as_micros() + u128::from(SLACK_US), "{outcome:#?}");
}

fn reasons(place: &Place, first: &Outcome) {
    assert!(
        first.trace.contains(" kind=fork ") && first.trace.contains("why=\"it is run for the first time\""),
        "{}",
        first.trace
    );
    let other = place.client(["--inline=no", "-e", "print(1)"]).run();
    other.assert_direct("booting", "1", 0);
    assert!(other.trace.contains("the nearest differs in switches (with --inline=no)"), "{}", other.trace);
    let off = place.client(["-e", "print(1)"]).env("JULIA_DAEMON", "off").run();
    off.assert_direct("off", "1", 0);
    // Into standard error, after what the program says there.
    let seen = place.client(["-e", "print(stderr, \"said\\n\")"]).require().env("JULIA_DAEMON_TRACE", "1").run();
    assert!(seen.stderr.starts_with("said\njuliaclient: served pid=") && seen.stderr.lines().count() == 2, "{seen:#?}");
    let dead = place.client(["-e", "ccall(:kill, Cint, (Cint, Cint), getpid(), 9)"]).require().run();
    assert!(
        dead.signal == Some(9) && matches!(dead.way, Way::Served(_)) && dead.traced("total").is_some(),
        "{dead:#?}"
    );
}

fn status(place: &Place) {
    let is_known =
        || place.report().unwrap()["workers"].as_array().unwrap().iter().all(|worker| worker["memory"].is_object());
    wait_until("what workers take is known", 30, is_known);
    let report = place.report().unwrap();
    let workers = report["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 2, "{report:#}");
    let first = &workers[0];
    // How much is its own depends on who else has come from it by now; together with its share it is a whole Julia.
    let memory = |kind: &str| first["memory"][kind].as_u64().unwrap();
    assert!(memory("private") > 0 && memory("proportional") > 50 << 20, "{first:#}");
    assert!(memory("proportional") >= memory("private"), "{first:#}");
    let differs: Vec<_> = workers.iter().flat_map(|worker| worker["differs"].as_array().unwrap()).collect();
    assert!(differs.iter().any(|words| words.as_str().unwrap().contains("--inline=no")), "{report:#}");
    let unwarmed = report["unwarmed"].as_array().unwrap();
    let find = |program: &str| unwarmed.iter().find(|launch| launch["program"].as_str().unwrap().contains(program));
    assert_eq!(find("--inline=no").unwrap()["way"], "plain", "{report:#}");
    assert_eq!(find("p.jl").unwrap()["way"], "fork", "{report:#}");
    let text = stdout_of(&place.daemon(&["status"]));
    for part in
        ["launch", " served, ", "MB of its own", "differs from the one above in switches", "p.jl\n    it is run for"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

fn again_every_second(place: &Place) {
    let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
    let mut child = command.args(["daemon", "status", "--live", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let start = Instant::now();
    for _ in 0..2 {
        let report = lines.by_ref().map(Result::unwrap).find(|line| !line.is_empty()).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert!(report["pid"].is_u64());
    }
    assert!(start.elapsed() > Duration::from_millis(900), "two reports within {:?}", start.elapsed());
    // Nobody reads it any more.
    drop(lines);
    wait_until("it ends with its reader", 10, || child.try_wait().unwrap().is_some());
}

/// script(1) makes the terminal. What stood there before is there again afterwards.
fn on_a_terminal(place: &Place) {
    for (key, name) in [("q", "q"), ("\x03", "Ctrl-C")] {
        let mut command = place.command("script");
        let line = format!("exec '{}' daemon status --live", env!("CARGO_BIN_EXE_jlapp"));
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("TERM", "xterm");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while String::from_utf8_lossy(&text).matches("conductor ").count() < 3 {
            let count = output.read(&mut piece).unwrap();
            assert!(count > 0, "{name}: it has ended: {}", text.escape_ascii());
            text.extend(&piece[..count]);
        }
        assert!(text.starts_with(b"\x1b[?1049h"), "{}", text.escape_ascii());
        let mut keys = child.stdin.take().unwrap();
        keys.write_all(key.as_bytes()).unwrap();
        output.read_to_end(&mut text).unwrap();
        assert!(text.ends_with(b"\x1b[?25h\x1b[?1049l"), "{name}: {}", text.escape_ascii());
        assert!(child.wait().unwrap().success(), "{name}");
    }
}

fn warm(place: &Place) {
    let warm = |words: &[&str]| {
        let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
        command.args(["daemon", "warm"]).args(words).current_dir(place.path("")).output().unwrap()
    };
    // What it does when it runs is not done.
    fs::write(place.path("marks.jl"), "f() = touch(\"mark\")\nf()\n").unwrap();
    let output = warm(&["p.jl", "marks.jl"]);
    let text = stdout_of(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(text.starts_with("p.jl: evaluated 1 statements, to line 1; "), "{text}");
    assert!(text.contains("\nmarks.jl: evaluated 1 statements, to line 1; "), "{text}");
    assert!(!place.path("mark").exists());
    // What was compiled before is known.
    assert!(!text.starts_with("p.jl: evaluated 1 statements, to line 1; 0 methods"), "{text}");
    fs::write(place.path("effects.jl"), "println(1)\n").unwrap();
    let output = warm(&["effects.jl"]);
    assert!(output.status.success() && stdout_of(&output).contains("nothing else is done ahead for it"), "{output:?}");
    let output = warm(&["no-such-app"]);
    assert!(!output.status.success() && stdout_of(&output).contains("no-app"), "{output:?}");
    let output = warm(&["--threads=2", "p.jl"]);
    let text = stdout_of(&output);
    assert!(output.status.success() && text.contains("to be used once"), "{output:?}");
    let served = place.client(["--threads=2", "-e", "print(2)"]).run();
    served.assert_served("2", 0);
}

fn left_time_to_live(place: &Place) {
    let seconds = || {
        let report = place.report().unwrap();
        let workers = report["workers"].as_array().unwrap().iter();
        let mut plain =
            workers.filter(|worker| worker["program"] == "" && worker["switches"].as_array().unwrap().is_empty());
        plain.find(|worker| worker["kind"] == "fork").unwrap()["ttl_seconds"].as_u64().unwrap()
    };
    let leave = |text: &str| {
        let program = format!("ENV[\"JULIA_DAEMON_WORKER_TTL\"] = \"{text}\"");
        place.client(["-e", &program]).require().run().assert_served("", 0);
    };
    leave("4321");
    wait_until("it is known", 10, || seconds() == 4321);
    // A launch that says nothing changes nothing, one that says something counts, and no number is none.
    place.client(["-e", "1"]).require().run().assert_served("", 0);
    assert_eq!(seconds(), 4321);
    place.client(["-e", "1"]).require().env("JULIA_DAEMON_WORKER_TTL", "5000").run().assert_served("", 0);
    assert_eq!(seconds(), 5000);
    leave("soon");
    assert_eq!(seconds(), 4321);
    leave("99999999999");
    wait_until("it is bounded", 10, || seconds() == 0x7fff_fffe);
    // What a branch comes from stays as long as the branch, which is no time to live of its own.
    let output = place.daemon(&["warm", place.path("p.jl").to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    leave("1");
    wait_until("it is known", 10, || seconds() == 1);
    assert!(stays(2500, || seconds() == 1), "{} s", seconds());
    place.client(["-e", "print(1)"]).run().assert_served("1", 0);
    leave("5000");
}

fn drain_given_up(place: &Place) {
    let mut running = place.client(["-e", WAITS]).require().spawn();
    running.served_pid();
    let mut draining =
        place.command(env!("CARGO_BIN_EXE_jlapp")).args(["daemon", "drain"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("it is draining", 10, || place.report().unwrap()["is_draining"] == true);
    place.client(["-e", "print(1)"]).run().assert_direct("draining", "1", 0);
    assert!(stays(300, || draining.try_wait().unwrap().is_none()), "it did not wait for the program");
    draining.kill().unwrap();
    draining.wait().unwrap();
    wait_until("launches are served again", 10, || place.report().unwrap()["is_draining"] == false);
    place.client(["-e", "print(1)"]).require().run().assert_served("1", 0);
    running.finish().assert_served("runs\n", 7);
}

fn drain(place: &Place) {
    let conductor = place.conductor_pid();
    let mut running = place.client(["-e", WAITS]).require().spawn();
    let job = running.served_pid();
    let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
    let draining = command.args(["daemon", "drain"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("it is draining", 10, || place.report().unwrap()["is_draining"] == true);
    running.finish().assert_served("runs\n", 7);
    let output = draining.wait_with_output().unwrap();
    assert_eq!(stdout_of(&output), "stopped; no program runs any more\n");
    wait_until("it has ended", 5, || !is_alive(conductor));
    let mut running = place.client(["-e", WAITS]).require().spawn();
    assert_ne!(running.served_pid(), job);
    let output = place.daemon(&["drain", "--timeout", "1"]);
    assert_eq!(stdout_of(&output), "stopped; programs that run go on\n", "{}", stderr_of(&output));
    running.finish().assert_served("runs\n", 7);
    assert_eq!(stdout_of(&place.daemon(&["drain"])), "not running\n");
}

#[test]
fn a_daemon_that_keeps_nothing_ends() {
    let place = Place::with_script("idle", SCRIPT);
    let start = || {
        let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
        assert!(command.args(["daemon", "start"]).env("JULIA_DAEMON_IDLE_TTL", "1").output().unwrap().status.success());
    };
    start();
    wait_until("it has ended", 20, || place.conductors().is_empty());
    assert!(!place.socket().exists());
    // One that has a worker stays, even one that failed: it is known not to start again.
    start();
    place.client(["-e", "1"]).run().assert_direct("booting", "plain\n", 3);
    assert!(stays(3000, || !place.conductors().is_empty()), "it ended with a worker");
}

//! Workers are kept while there is room for them.

use std::fs;

use super::daemon_support::{Place, Steps, WAITS, is_alive, wait_until};

/// Started with a budget that no worker fits into: what runs stays, and what has just run; then duplicates go, branches, and
/// what they were forked from. The next launch is served again. What a session holds is nowhere else: it stays.
#[test]
fn a_budget_that_is_too_small() {
    let place = Place::new("budget");
    fs::write(place.path("p.jl"), "f(x) = x + 1\nprint(f(1))\n").unwrap();
    let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
    assert!(command.args(["daemon", "start"]).env("JULIA_DAEMON_MEMORY", "1K").output().unwrap().status.success());
    let script = || place.client(["p.jl"]).require().run().assert_served("2", 0);
    let log = || String::from_utf8(place.daemon(&["logs"]).stdout).unwrap();
    let session = |code| place.client(["--session=kept", "-e", code]).require().run();
    let mut steps = Steps::default();
    session("x = 42").assert_served("", 0);
    let mut running = place.client(["-e", WAITS]).require().spawn();
    let job = running.served_pid();
    script();
    script();
    steps.step("the branch goes, what runs a program stays", || {
        wait_until("it has a branch", 120, || kinds(&place).contains(&"branch".to_owned()));
        wait_until("it has gone", 60, || !kinds(&place).contains(&"branch".to_owned()));
        assert!(log().contains("memory is needed: the branch for"), "{}", log());
        assert!(is_alive(job) && !log().contains("memory is needed: the fork"), "{}", log());
    });
    steps.step("then what it was forked from", || {
        running.finish().assert_served("runs\n", 7);
        wait_until("nothing else is kept", 60, || kinds(&place) == ["session"]);
        wait_until("that is in the log", 20, || log().contains("memory is needed: the fork for"));
        let text = log();
        let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words:?} in {text}"));
        assert!(at("memory is needed: the branch for") < at("memory is needed: the fork for"), "{text}");
        wait_until("only the session's processes run", 20, || place.processes().len() == 3);
    });
    steps.step("the session goes on", || session("print(x)").assert_served("42", 0));
    steps.step("and the next launch is served", script);
    steps.finish();
}

fn kinds(place: &Place) -> Vec<String> {
    let report = place.report().unwrap();
    let workers = report["workers"].as_array().unwrap().iter();
    workers.map(|worker| worker["kind"].as_str().unwrap().to_owned()).collect()
}

//! Workers are kept while there is room for them.

use std::fs;
use std::time::Duration;

use super::daemon_support::{Place, Steps, WAITS, is_alive, skip, stays, wait_until};

/// Parts of its zygote's huge pages: what a branch has left as they were, half of them and more; and what one has that made its own.
const SMALL: f64 = 0.75;
const LARGE: f64 = 0.85;

/// Started with a budget that no worker fits into: what runs stays, and what has just run; then duplicates go, branches, and
/// what they were forked from. The next launch is served again. What a session holds is nowhere else: it stays.
#[test]
fn a_budget_that_is_too_small() {
    let place = Place::new("budget");
    fs::write(place.path("p.jl"), "f(x) = x + 1\nprint(f(1))\n").unwrap();
    start_with_budget(&place, "1K");
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
        if let Some(share) = share_of_huge_pages(&place) {
            assert!(share < SMALL, "{share} of its zygote's");
        }
        script();
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
        let grown = text.lines().filter(|line| line.contains("the branch") && line.contains("p.jl: evaluated")).count();
        assert_eq!(grown, 1, "what was let go of was made again, and nobody had launched it: {text}");
    });
    steps.step("the session goes on", || session("print(x)").assert_served("42", 0));
    steps.step("and the next launch is served", script);
    steps.finish();
}

/// A branch shares what it has not written to with its zygote. Once it is launched in a loop, and where there is room, it makes the huge
/// pages again that it has written to: its forks copy fewer entries.
#[test]
fn a_branch_takes_memory_where_there_is_room() {
    let place = Place::new("roomy");
    fs::write(place.path("p.jl"), "f(x) = x + 1\nprint(f(1))\n").unwrap();
    // What others leave of the machine's memory counts as well, and nothing else shall.
    start_with_budget(&place, "64G");
    let is_taken = || 10 * kilobytes("/proc/meminfo", "MemAvailable:") < 6 * kilobytes("/proc/meminfo", "MemTotal:");
    let was_taken = is_taken();
    for _ in 0..2 {
        place.client(["p.jl"]).require().run().assert_served("2", 0);
    }
    wait_until("it has a branch", 120, || kinds(&place).contains(&"branch".to_owned()));
    let Some(before) = share_of_huge_pages(&place) else {
        return skip(
            "a branch takes memory",
            "there are no huge pages here, or the kernel does not make them when asked",
        );
    };
    assert!(before < SMALL, "{before} of its zygote's, and it has not been launched yet");
    let is_left_alone = || {
        let report = place.report().unwrap();
        let mut workers = report["workers"].as_array().unwrap().iter();
        workers.all(|worker| worker["kind"] != "branch" || worker["is_growing"] == false)
    };
    assert!(stays(3000, is_left_alone), "it takes memory, and has not been launched yet");
    let is_large = || share_of_huge_pages(&place).is_some_and(|share| share > LARGE);
    for _ in 0..30 {
        place.client(["p.jl"]).require().run().assert_served("2", 0);
        std::thread::sleep(Duration::from_millis(100));
    }
    if was_taken || is_taken() {
        return skip("a branch takes memory", "others take two fifths of the machine's");
    }
    wait_until("it has taken memory", 60, is_large);
    // Launches that others have served count as well.
    fs::write(place.path("q.jl"), "g(x) = x + 2\nprint(g(1))\n").unwrap();
    for _ in 0..4 {
        place.client(["q.jl"]).require().run().assert_served("3", 0);
    }
    let has_taken_memory = |worker: &serde_json::Value| {
        let says = |name: &str, words| worker[name].as_str().is_some_and(|text| text.contains(words));
        says("program", "q.jl") && says("about", "launched in a loop")
    };
    wait_until("the other has taken memory", 120, || {
        place.report().unwrap()["workers"].as_array().unwrap().iter().any(has_taken_memory)
    });
}

fn start_with_budget(place: &Place, budget: &str) {
    let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
    assert!(command.args(["daemon", "start"]).env("JULIA_DAEMON_MEMORY", budget).output().unwrap().status.success());
}

/// How much memory a branch has in huge pages, its zygote's being 1. `None`: there is none any more, or the kernel makes none of pages
/// that are in use (before Linux 6.1).
fn share_of_huge_pages(place: &Place) -> Option<f64> {
    let report = place.report()?;
    let workers = report["workers"].as_array()?;
    let huge = |kind: &str| {
        let worker = workers.iter().find(|worker| worker["kind"] == kind)?;
        Some(kilobytes(&format!("/proc/{}/smaps_rollup", worker["zygote_pid"]), "AnonHugePages:"))
    };
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let can_collapse = (numbers.next()?, numbers.next()?) >= (6, 1);
    let (branch, zygote) = (huge("branch")?, huge("fork")?);
    (can_collapse && zygote > 0).then(|| branch as f64 / zygote as f64)
}

/// A line of a file of the kernel's; 0 where there is none.
fn kilobytes(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn kinds(place: &Place) -> Vec<String> {
    let report = place.report().unwrap();
    let workers = report["workers"].as_array().unwrap().iter();
    workers.map(|worker| worker["kind"].as_str().unwrap().to_owned()).collect()
}

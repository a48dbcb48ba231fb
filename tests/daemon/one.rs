//! One conductor: who starts it, what it takes from whom, and the commands for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::daemon_support::{Place, Steps, Way, is_alive, is_root, skip, wait_until};
use super::shared::{SCRIPT, assert_unharmed, can, log_of, stderr_of, stdout_of};

#[test]
fn clients_started_together_start_one_conductor() {
    let place = Place::with_script("together", SCRIPT);
    let running: Vec<_> = (0..12).map(|_| place.client(["-e", "1"]).spawn()).collect();
    for client in running {
        let outcome = client.finish();
        outcome.assert_ended("plain\n", 3);
        let Way::Direct(reason) = &outcome.way else { panic!("{outcome:#?}") };
        assert!(["booting", "cannot-boot"].contains(&reason.as_str()), "{outcome:#?}");
    }
    wait_until("the others have ended", 10, || place.conductors().len() == 1);
    assert_eq!(place.conductors(), [place.conductor_pid()]);
    let listening = log_of(&place).lines().filter(|line| line.contains("listening at")).count();
    assert_eq!(listening, 1);
}

#[test]
fn the_conductor_is_nobodys_child_and_has_nothing_of_the_clients() {
    let place = Place::with_script("detached", SCRIPT);
    let client = place.client(["-e", "1"]).env("MY_SECRET", "hunter2").through(&[
        "sh",
        "-c",
        "umask 077; exec 7</dev/null; exec \"$@\"",
        "sh",
    ]);
    client.run().assert_ended("plain\n", 3);
    let pid = place.conductor_pid();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<i32> =
        stat.rsplit(") ").next().unwrap().split(' ').skip(1).take(4).map(|field| field.parse().unwrap()).collect();
    let (group, session, terminal) = (fields[1], fields[2], fields[3]);
    assert_eq!(
        (group.unsigned_abs(), session.unsigned_abs(), terminal),
        (pid, pid, 0),
        "a session of its own, no terminal"
    );
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("MY_SECRET"));
    for number in 0..3 {
        assert_eq!(fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap(), Path::new("/dev/null"));
    }
    let pipes =
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    assert_eq!(pipes.filter(|link| link.to_string_lossy().starts_with("pipe:")).count(), 0, "a pipe of the client's");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("Umask:\t0022"), "{status}");
}

/// What one client happens to be limited to must not be every later client's lot.
#[test]
fn a_conductor_started_by_a_limited_client_serves_the_others() {
    if !is_root() {
        return skip("a conductor started by a limited client", "only root may take limits back");
    }
    let limited: [(&str, &[&str], bool); 4] = [
        ("nice", &["nice", "-n", "5"], true),
        ("taskset", &["taskset", "-c", "0"], has_several_processors()),
        ("hard limit", &["prlimit", "--nofile=500:500"], true),
        ("policy", &["chrt", "--batch", "0"], true),
    ];
    let mut steps = Steps::default();
    for (name, prefix, possible) in limited {
        if !possible {
            skip(name, "one processor");
            continue;
        }
        steps.step(name, || {
            let place = Place::with_script("limited", SCRIPT);
            place.client(["-e", "1"]).through(prefix).run().assert_ended("plain\n", 3);
            assert_is_admitted(&place);
            let pid = place.conductor_pid();
            assert_is_admitted(&place);
            assert_unharmed(&place, pid);
        });
    }
    steps.finish();
}

/// A conductor that is about to end may have the lock for a moment longer than its socket.
#[test]
fn a_lock_that_is_given_up_late_costs_no_conductor() {
    let place = Place::with_script("late", SCRIPT);
    let lock = fs::File::create(place.lock()).unwrap();
    lock.lock().unwrap();
    let holding = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(lock);
    });
    assert_is_admitted(&place);
    holding.join().unwrap();
}

/// A better priority than the usual one is this launch's own affair: it goes direct, and the conductor stays.
#[test]
fn a_client_with_a_better_priority_replaces_nothing() {
    let nicer: &[&str] = &["nice", "-n", "-3"];
    if !can(nicer) {
        return skip("a better priority", "not to be had here");
    }
    let place = Place::with_script("nicer", SCRIPT);
    let pid = place.start();
    place.client(["-e", "1"]).through(nicer).run().assert_direct("scheduling", "plain\n", 3);
    assert_unharmed(&place, pid);
    assert_is_admitted(&place);
}

/// Each has something that the other has not: were both to replace the conductor, they would do so in turn for ever.
#[test]
fn clients_that_differ_both_ways_do_not_replace_each_others_conductor() {
    let lesser: &[&str] = &["setpriv", "--no-new-privs"];
    if !can(lesser) {
        return skip("clients that differ both ways", "not possible here");
    }
    let place = Place::with_script("bothways", SCRIPT);
    place.client(["-e", "1"]).through(&["prlimit", "--nofile=500:500"]).run().assert_ended("plain\n", 3);
    let pid = place.conductor_pid();
    for _ in 0..2 {
        place.client(["-e", "1"]).through(lesser).run().assert_direct("credentials", "plain\n", 3);
        assert_unharmed(&place, pid);
    }
}

/// A hard limit above the workers' can't be given to them.
#[test]
fn a_higher_hard_limit_and_something_less_goes_direct() {
    if !can(&["taskset", "-c", "0"]) || !has_several_processors() {
        return skip("a higher hard limit", "one processor");
    }
    let place = Place::with_script("higher", SCRIPT);
    place.client(["-e", "1"]).through(&["prlimit", "--nofile=500:500"]).run().assert_ended("plain\n", 3);
    let pid = place.conductor_pid();
    place.client(["-e", "1"]).through(&["taskset", "-c", "0"]).run().assert_direct("limits", "plain\n", 3);
    assert_unharmed(&place, pid);
}

fn has_several_processors() -> bool {
    std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}

/// Past admission: the script that stands in for Julia can't be booted.
fn assert_is_admitted(place: &Place) {
    let outcome = place.client(["-e", "1"]).run();
    outcome.assert_ended("plain\n", 3);
    let Way::Direct(reason) = &outcome.way else { panic!("{outcome:#?}") };
    assert!(["booting", "cannot-boot"].contains(&reason.as_str()), "{outcome:#?}");
}

#[test]
fn daemon_commands() {
    let place = Place::with_script("commands", SCRIPT);
    let says = |words: &[&str]| {
        let output = place.daemon(words);
        (stdout_of(&output), stderr_of(&output), output.status.code())
    };
    let at = place.socket().display().to_string();
    assert_eq!(says(&["status"]), ("not running (the next launch starts it)\n".into(), String::new(), Some(0)));
    assert_eq!(says(&["status", "--json"]), ("null\n".into(), String::new(), Some(0)));
    assert_eq!(says(&["stop"]), ("not running\n".into(), String::new(), Some(0)));
    let (stdout, stderr, code) = says(&["logs"]);
    assert_eq!((stdout.as_str(), code), ("", Some(1)), "no log yet: {stderr}");
    assert!(stderr.contains("julia-daemon"), "the missing file isn't named: {stderr}");

    assert_eq!(says(&["start"]), (format!("running at {at}\n"), String::new(), Some(0)));
    let pid = place.conductor_pid();
    assert_eq!(says(&["start"]), (format!("already running at {at}\n"), String::new(), Some(0)));
    assert_eq!(place.conductors(), [pid]);

    let (text, _, code) = says(&["status"]);
    assert_eq!(code, Some(0));
    for part in [format!("(pid {pid}, "), format!("socket  {at}"), "log ".into(), env!("CARGO_PKG_VERSION").into()] {
        assert!(text.contains(&part), "{part} is not in: {text}");
    }
    let report = place.report().unwrap();
    assert_eq!(report["socket"], at);
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["workers"], serde_json::json!([]));
    let io = report["io"].as_str().unwrap();
    assert!(["io_uring", "epoll"].contains(&io), "{io}");
    if let Ok(forced) = std::env::var("JULIA_DAEMON_IO") {
        assert_eq!(io, if forced == "epoll" { "epoll" } else { "io_uring" });
    }
    let (log, _, code) = says(&["logs"]);
    assert_eq!(code, Some(0));
    assert!(log.contains(&format!("listening at {at}")), "{log}");
    assert_eq!(fs::read_to_string(report["log"].as_str().unwrap()).unwrap(), log);

    assert_eq!(says(&["stop"]), ("stopped; programs that run go on\n".into(), String::new(), Some(0)));
    wait_until("the conductor has ended", 5, || !is_alive(pid));
    assert!(!place.socket().exists(), "the socket was left");
    assert_eq!(says(&["stop"]).0, "not running\n");
    assert_ne!(place.start(), pid);
}

#[test]
fn either_backend_can_be_forced() {
    for (forced, name) in [("epoll", "epoll"), ("uring", "io_uring")] {
        let place = Place::with_script("backend", SCRIPT);
        let started = place
            .command(env!("CARGO_BIN_EXE_jlapp"))
            .args(["daemon", "start"])
            .env("JULIA_DAEMON_IO", forced)
            .output()
            .unwrap();
        assert!(started.status.success(), "{}", stderr_of(&started));
        let io = place.report().unwrap()["io"].clone();
        if forced == "uring" && io == "epoll" {
            skip("JULIA_DAEMON_IO=uring", "this kernel gives no ring");
            continue;
        }
        assert_eq!(io, name);
    }
}

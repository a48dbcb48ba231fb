//! A booted Julia.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use jlapp::protocol::{Kind, PROTOCOL, Release};

use super::daemon_support::{
    Client, Outcome, Place, Running, Steps, WAITS, Way, command_line, is_alive, julia, pids, resident_kb, skip, stays,
    wait_until,
};
use super::shared::{MOST_RESIDENT_KB, ask, assert_unharmed, can, connect, forged};

/// The conductor's one group of workers.
fn worker(place: &Place) -> serde_json::Value {
    place.worker()
}

#[test]
fn a_warm_conductor() {
    // Through a script, so that this Julia can be replaced.
    let wrapper = format!("exec '{}' \"$@\"", julia().display());
    let place = Place::with_script("warm", &wrapper);
    place.client(["-e", "print(40 + 2)"]).require().run().assert_served("42", 0);
    let pid = place.conductor_pid();
    let mut steps = Steps::default();
    steps.step("status knows the worker", || knows_the_worker(&place));
    steps.step("memory", || {
        for _ in 0..10 {
            place.client(["-e", "1"]).require().run().assert_served("", 0);
        }
        let resident = resident_kb(pid);
        eprintln!("    the conductor has {resident} kB resident");
        assert!(resident < MOST_RESIDENT_KB, "{resident} kB");
    });
    steps.step("clients together", || served_together(&place));
    sandboxes(&place, &mut steps);
    steps.step("a job is not disturbed by hostile clients", || not_disturbed(&place, pid));
    steps.step("a Julia that was replaced retires its workers", || replaced(&place, &wrapper));
    steps.step("a system image that was replaced retires its workers", || image_replaced(&place));
    steps.step("a newer client, while a job runs", || newer_while_a_job_runs(&place, pid));
    steps.finish();
}

fn knows_the_worker(place: &Place) {
    wait_until("two spares wait", 10, || pids(&worker(place)["spare_pids"]).len() >= 2);
    let worker = worker(place);
    assert_eq!(worker["kind"], "fork");
    assert_eq!(worker["julia"], place.path("julia").to_str().unwrap());
    assert!(worker["state"].as_str().unwrap().starts_with("ready, Julia "), "{worker}");
    assert_eq!(worker["served"], 1);
    wait_until("no job is counted", 5, || pids(&self::worker(place)["job_pids"]).is_empty());
    assert_eq!(worker["ttl_seconds"], 7200);
    let zygote = u32::try_from(worker["zygote_pid"].as_u64().unwrap()).unwrap();
    assert!(is_alive(zygote) && command_line(zygote).contains("julia"), "{}", command_line(zygote));
    assert!(pids(&worker["spare_pids"]).into_iter().all(is_alive));
}

fn served_together(place: &Place) {
    let running: Vec<_> = (0..8)
        .map(|number| place.client(["-e", &format!("print({number}); exit({number})")]).require().spawn())
        .collect();
    let outcomes: Vec<Outcome> = running.into_iter().map(Running::finish).collect();
    let mut ran: Vec<&Way> = outcomes.iter().map(|outcome| &outcome.way).collect();
    for (number, outcome) in (0..).zip(&outcomes) {
        outcome.assert_served(&number.to_string(), number);
    }
    ran.sort_by_key(|way| format!("{way:?}"));
    ran.dedup();
    assert_eq!(ran.len(), 8, "a process was used twice");
}

/// What a worker's child can't be given makes a launch run by itself; all else is served.
fn sandboxes(place: &Place, steps: &mut Steps) {
    let refused: [(&[&str], &str); 16] = [
        (&["unshare", "-m"], "namespaces"),
        (&["unshare", "-n"], "namespaces"),
        (&["unshare", "-i"], "namespaces"),
        (&["unshare", "-u"], "namespaces"),
        (&["unshare", "-p", "-f"], "namespaces"),
        (&["unshare", "-C"], "namespaces"),
        (&["unshare", "-U", "-r"], "namespaces"),
        (&["unshare", "-T"], "namespaces"),
        (&["setpriv", "--no-new-privs"], "credentials"),
        (&["setpriv", "--bounding-set=-net_raw"], "credentials"),
        (&["setpriv", "--inh-caps=-all", "--bounding-set=-all"], "credentials"),
        (&["setpriv", "--groups=12345"], "credentials"),
        (&["setpriv", "--regid=12345", "--keep-groups"], "credentials"),
        (&["taskset", "-c", "0"], "scheduling"),
        (&["chrt", "--batch", "0"], "scheduling"),
        (&["chrt", "--idle", "0"], "scheduling"),
    ];
    for (prefix, reason) in refused {
        let name = prefix.join(" ");
        if !can(prefix) {
            skip(&name, "not possible here");
            continue;
        }
        steps.step(&name, || {
            place.client(["-e", "print(\"ran\")"]).through(prefix).run().assert_direct(reason, "ran", 0);
        });
    }
    steps.step("required, and sandboxed", || {
        if can(&["setpriv", "--no-new-privs"]) {
            let outcome =
                place.client(["-e", "print(\"ran\")"]).require().through(&["setpriv", "--no-new-privs"]).run();
            outcome.assert_direct("credentials", "", 125);
            assert!(outcome.stderr.contains("credentials"), "{}", outcome.stderr);
        }
    });
    let served: [(&[&str], &str); 5] = [
        (&["nice", "-n", "5"], "print(ccall(:getpriority, Cint, (Cint, Cint), 0, 0))"),
        (&["prlimit", "--nofile=200:"], "print(readchomp(`sh -c 'ulimit -Sn'`))"),
        (&["prlimit", "--nofile=300:300"], "print(readchomp(`sh -c 'ulimit -Sn; ulimit -Hn'`))"),
        (&["prlimit", "--core=0:0"], "print(readchomp(`sh -c 'ulimit -Hc'`))"),
        (&["setsid", "--wait"], "print(getpid() == ccall(:getpid, Cint, ()))"),
    ];
    for (prefix, program) in served {
        steps.step(&format!("served: {}", prefix.join(" ")), || {
            // Julia itself changes some of it when it starts.
            let plain = place.client(["-e", program]).env("JULIA_DAEMON", "off").through(prefix).run();
            assert!(!plain.stdout.is_empty(), "{plain:#?}");
            place.client(["-e", program]).require().through(prefix).run().assert_served(&plain.stdout, 0);
        });
    }
}

fn not_disturbed(place: &Place, conductor: u32) {
    let mut running = place.client(["-e", WAITS]).require().spawn();
    let job = running.served_pid();
    for _ in 0..50 {
        let mut stream = connect(place);
        stream.write_all(b"garbage, and a lot of it").unwrap();
    }
    let idle: Vec<UnixStream> = (0..200).map(|_| connect(place)).collect();
    place.client(["-e", "print(1)"]).require().run().assert_served("1", 0);
    assert!(pids(&worker(place)["job_pids"]).contains(&job));
    assert_unharmed(place, conductor);
    drop(idle);
    running.finish().assert_served("runs\n", 7);
    wait_until("the job is not counted any more", 5, || pids(&worker(place)["job_pids"]).is_empty());
}

fn zygote(place: &Place) -> u32 {
    u32::try_from(worker(place)["zygote_pid"].as_u64().unwrap()).unwrap()
}

fn replaced(place: &Place, wrapper: &str) {
    let first = zygote(place);
    place.write_program("julia", &format!("# another one\n{wrapper}"));
    place.client(["-e", "print(2)"]).require().run().assert_served("2", 0);
    assert_ne!(zygote(place), first);
    wait_until("the old workers have ended", 20, || !is_alive(first));
}

/// As a rebuilt one: under the same name, and another file.
fn image_replaced(place: &Place) {
    let from =
        Command::new(julia()).args(["-e", "print(unsafe_string(Base.JLOptions().image_file))"]).output().unwrap();
    let from = String::from_utf8(from.stdout).unwrap();
    let image = place.path("image.so");
    let launch = |expected: &str| {
        fs::copy(&from, place.path("new.so")).unwrap();
        fs::rename(place.path("new.so"), &image).unwrap();
        let switch = format!("--sysimage={}", image.display());
        place.client([&*switch, "-e", &format!("print({expected})")]).require().run().assert_served(expected, 0);
        let report = place.report().unwrap();
        let workers = report["workers"].as_array().unwrap().clone();
        let of_image: Vec<_> =
            workers.iter().filter(|worker| worker["switches"].to_string().contains("image.so")).collect();
        assert_eq!(of_image.len(), 1, "{report}");
        u32::try_from(of_image[0]["zygote_pid"].as_u64().unwrap()).unwrap()
    };
    let first = launch("1");
    assert_ne!(launch("2"), first);
    wait_until("the workers of the old image have ended", 20, || !is_alive(first));
    fs::remove_file(&image).unwrap();
    wait_until("those of an image that is gone, too", 20, || worker_count(place) == 1);
}

fn newer_while_a_job_runs(place: &Place, conductor: u32) {
    let mut running = place.client(["-e", WAITS]).require().spawn();
    let job = running.served_pid();
    let spares = pids(&worker(place)["spare_pids"]);
    let newer = forged(Kind::Launch, PROTOCOL, Release::OURS.0 + 1, b"");
    assert_eq!(ask(place, &newer), Some((Kind::Retired, Vec::new())));
    wait_until("the older conductor has ended", 5, || !is_alive(conductor));
    assert_ne!(place.start(), conductor);
    wait_until("its spares have ended", 5, || !spares.iter().copied().any(is_alive));
    assert!(stays(300, || is_alive(job)), "the job ended with its conductor");
    assert_eq!(worker_count(place), 0);
    running.finish().assert_served("runs\n", 7);
    wait_until("nothing but the new conductor is left", 10, || place.processes().len() == 1);
}

fn worker_count(place: &Place) -> usize {
    place.report().unwrap()["workers"].as_array().unwrap().len()
}

#[test]
fn fresh_processes() {
    let place = Place::new("fresh");
    let fresh = |program: &str| place.client(["-e", program]).env("JULIA_DAEMON_ISOLATION", "fresh").require();
    let mut steps = Steps::default();
    steps.step("each process is used once", || {
        let program = "const ONCE = 1; print(ONCE); exit(5)";
        let ways: Vec<Way> = (0..3)
            .map(|_| {
                let outcome = fresh(program).run();
                outcome.assert_served("1", 5);
                outcome.way
            })
            .collect();
        assert!(ways[0] != ways[1] && ways[1] != ways[2] && ways[0] != ways[2], "{ways:?}");
        let worker = worker(&place);
        assert_eq!((&worker["kind"], &worker["served"]), (&serde_json::json!("fresh"), &serde_json::json!(3)));
    });
    steps.step("a job keeps its status when another one ends", || two_fresh_jobs(&place, fresh));
    steps.step("death by a signal", || {
        let outcome = fresh("ccall(:kill, Cint, (Cint, Cint), getpid(), 9)").run();
        assert_eq!((outcome.code, outcome.signal), (None, Some(9)), "{outcome:#?}");
    });
    steps.step("a job goes on without its conductor", || {
        let mut running = fresh(WAITS).spawn();
        let job = running.served_pid();
        place.daemon(&["stop"]);
        assert!(stays(300, || is_alive(job)), "the job ended with its conductor");
        running.finish().assert_served("runs\n", 7);
    });
    steps.step("workers are kept for their time to live after a job has ended", || {
        kept_after_a_job(&place, || fresh(WAITS).env("JULIA_DAEMON_WORKER_TTL", "2"));
    });
    steps.finish();
}

fn kept_after_a_job(place: &Place, short_lived: impl Fn() -> Client) {
    let mut running = short_lived().spawn();
    running.served_pid();
    wait_until("there is a spare", 30, || !pids(&worker(place)["spare_pids"]).is_empty());
    let spare = pids(&worker(place)["spare_pids"])[0];
    std::thread::sleep(Duration::from_millis(2500));
    assert!(is_alive(spare), "idle workers ended while a job of theirs ran");
    running.finish().assert_served("runs\n", 7);
    assert!(stays(1200, || is_alive(spare)), "the spare ended with the job, not 2 s later");
    wait_until("it has ended 2 s later", 10, || !is_alive(spare));
    assert_eq!(worker_count(place), 0);
    wait_until("nothing but the conductor is left", 10, || place.processes().len() == 1);
}

/// The end of one keeper is nothing to another one's job.
fn two_fresh_jobs(place: &Place, fresh: impl Fn(&str) -> Client) {
    let mut long = fresh(WAITS).spawn();
    let job = long.served_pid();
    fresh("exit(3)").run().assert_served("", 3);
    assert!(stays(500, || is_alive(job)), "the end of another job ended this one");
    let known = pids(&worker(place)["job_pids"]);
    long.finish().assert_served("runs\n", 7);
    assert_eq!(known, [job], "the running job was forgotten");
}

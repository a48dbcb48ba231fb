//! `--session`: launches that share a process, and what of it is each launch's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use std::fs;
use std::path::PathBuf;

use daemon_support::{Client, Outcome, Place, Steps, Way, depots, is_alive, julia, kill, pids, skip, wait_until};
use rustix::process::Signal;

fn session<'a>(place: &Place, label: &str, words: impl IntoIterator<Item = &'a str>) -> Client {
    let first = format!("--session={label}");
    place.client([first].into_iter().chain(words.into_iter().map(str::to_owned)))
}

fn run(place: &Place, code: &str) -> Outcome {
    session(place, "a", ["-e", code]).run()
}

fn served(place: &Place, code: &str, stdout: &str) {
    run(place, code).assert_served(stdout, 0);
}

/// What the status says of each session.
fn reported(place: &Place) -> Vec<serde_json::Value> {
    let report = place.report().unwrap();
    report["workers"].as_array().unwrap().iter().filter(|worker| worker["kind"] == "session").cloned().collect()
}

#[test]
fn one_process_for_many_launches() {
    let place = Place::new("kept");
    let mut steps = Steps::default();
    steps.step("what is defined stays", || {
        served(&place, "x = 1; f(y) = x + y; using Random; Random.seed!(7); a = rand(Int)", "");
        served(&place, "x += 1; print(f(1), ' ', getpid())", &format!("3 {}", pid(&place)));
        served(&place, "b = rand(Int); Random.seed!(7); print((a, b) == (rand(Int), rand(Int)))", "true");
    });
    steps.step("each launch has its own arguments, folder, environment, output", || own_surroundings(&place));
    steps.step("each launch has its own streams, whatever they are", || own_streams(&place));
    steps.step("a launch ends, its session does not", || endings(&place));
    steps.step("exit hooks are the launch's", || {
        served(&place, "atexit(() -> print(\"hook\")); print(\"end \")", "end hook");
        served(&place, "print(\"none\")", "none");
    });
    steps.step("descriptors of the session outlive a launch, those of a launch do not", || descriptors(&place));
    steps.step("interrupted by Ctrl-C", || interrupted(&place));
    steps.step("a client that is killed ends its launch", || killed_client(&place));
    steps.step("a client that is terminated ends its launch", || terminated_client(&place));
    steps.step("launches queue, or fail", || queue(&place));
    steps.step("a client that gives up waiting leaves nothing", || given_up(&place));
    steps.step("the status", || {
        let all = reported(&place);
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(all[0]["program"], "the session a");
        assert!(all[0]["served"].as_u64().unwrap() > 10 && all[0]["age_seconds"].is_u64(), "{all:#?}");
    });
    steps.step("labels, terminals and projects keep sessions apart", || others(&place));
    steps.step("a session that dies is told of, and the next launch has a new one", || {
        let died = run(&place, "ccall(:kill, Cint, (Cint, Cint), getpid(), 9)");
        assert_eq!((died.code, died.signal), (None, Some(9)), "{died:#?}");
        served(&place, "print(isdefined(Main, :x))", "false");
    });
    steps.finish();
}

fn pid(place: &Place) -> String {
    let all = reported(place);
    let worker = all.iter().find(|worker| worker["program"] == "the session a");
    let pids: Vec<u32> = worker
        .into_iter()
        .flat_map(|worker| [pids(&worker["spare_pids"]), pids(&worker["job_pids"])].concat())
        .collect();
    pids.first().map(u32::to_string).unwrap_or_default()
}

fn own_surroundings(place: &Place) {
    fs::create_dir_all(place.path("other")).unwrap();
    fs::write(place.path("a.jl"), "print(PROGRAM_FILE, ARGS, @__FILE__() == abspath(PROGRAM_FILE), ' ', x)").unwrap();
    session(place, "a", ["a.jl", "1", "2"]).run().assert_served("a.jl[\"1\", \"2\"]true 2", 0);
    session(place, "a", ["-e", "print(ARGS, PROGRAM_FILE)", "3"]).run().assert_served("[\"3\"]", 0);
    run(place, "cd(\"other\"); ENV[\"OWN\"] = \"1\"; print(basename(pwd()))").assert_served("other", 0);
    let here = session(place, "a", ["-e", "print(pwd() == ENV[\"HERE\"], haskey(ENV, \"OWN\"))"]);
    here.env("HERE", place.path("")).run().assert_ended("falsefalse", 0);
}

fn own_streams(place: &Place) {
    let mut fed = session(place, "a", ["-e", "print(readline(), ' ', typeof(stdin)); print(stderr, \"err\")"]).spawn();
    fed.say("a line\n");
    let outcome = fed.finish();
    outcome.assert_served("a line Base.PipeEndpoint", 0);
    assert_eq!(outcome.stderr, "err");
    let file = place.path("input");
    for text in ["one\ntwo\n", "three\n"] {
        fs::write(&file, text).unwrap();
        let output =
            through_files(place, "print(readline(), '|', read(stdin, String)); flush(stdout); run(`echo sub`)");
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(output, format!("{first}|{rest}sub\n"));
    }
    served(place, "print(typeof(stdout), isopen(stdout))", "Base.PipeEndpointtrue");
    served(place, "print(repr(read(stdin)))", "UInt8[]");
    let output = session(place, "a", ["-e", "@info \"seen\"; @warn \"too\""]).run();
    assert!(output.stderr.contains("Info: seen") && output.stderr.contains("Warning: too"), "{output:#?}");
}

/// What a launch prints whose streams are files.
fn through_files(place: &Place, code: &str) -> String {
    let path = place.path("output");
    let mut command = place.command(env!("CARGO_BIN_EXE_juliaclient"));
    command.args(["--session=a", "-e", code]).stdin(fs::File::open(place.path("input")).unwrap());
    assert!(command.stdout(fs::File::create(&path).unwrap()).status().unwrap().success());
    fs::read_to_string(path).unwrap()
}

fn endings(place: &Place) {
    for (code, stdout, status) in [
        ("exit(3)", "", 3),
        ("exit()", "", 0),
        ("print(1); error(\"no\")", "1", 1),
        ("try; exit(4); catch; print(\"caught\"); finally; print(\"finally\"); end; print(\"on\")", "", 4),
        ("@sync (@async exit(5)); sleep(30)", "", 5),
        ("exit(300)", "", 44),
        ("syntax error", "", 1),
    ] {
        let outcome = run(place, code);
        outcome.assert_served(stdout, status);
    }
    let missing = session(place, "a", ["missing.jl"]).run();
    missing.assert_served("", 1);
    assert!(missing.stderr.contains("missing.jl"), "{missing:#?}");
    // Word for word what plain Julia says, with nothing of ours below `_start`.
    fs::write(place.path("fails.jl"), "fails(x) = error(\"no $x\")\n\nfails(1)\n").unwrap();
    let fails = session(place, "a", ["fails.jl"]).run();
    fails.assert_served("", 1);
    let plain =
        place.command(julia()).args(["--startup-file=no", "fails.jl"]).current_dir(place.path("")).output().unwrap();
    assert_eq!(fails.stderr, String::from_utf8_lossy(&plain.stderr));
    assert!(fails.stderr.contains("fails.jl:3"), "{fails:#?}");
    served(place, "print(x)", "2");
}

fn descriptors(place: &Place) {
    served(
        place,
        "held = open(\"held\", \"w\"); print(held, \"a\"); flush(held); server = open(pipeline(`cat`, stderr = devnull), \"r+\")",
        "",
    );
    served(
        place,
        "print(held, \"b\"); close(held); println(server, \"echo\"); print(readline(server)); close(server)",
        "echo",
    );
    assert_eq!(fs::read_to_string(place.path("held")).unwrap(), "ab");
    // The launch's pipe is closed with it: else this would wait for ever.
    served(
        place,
        "print(length(filter(name -> parse(Int, name) in 3:255, readdir(\"/proc/self/fd\"))) >= 200)",
        "true",
    );
}

fn interrupted(place: &Place) {
    for code in [
        "print(\"rea\"); println(\"dy\"); sleep(60)",
        "println(\"ready\"); let y = 0; while true; y += length(string(y)); end; end",
    ] {
        fs::write(place.path("i.jl"), code).unwrap();
        let mut launch = session(place, "a", ["i.jl"]).spawn();
        launch.served_pid();
        std::thread::sleep(std::time::Duration::from_millis(700));
        kill(launch.child.id(), Signal::INT);
        let outcome = launch.finish();
        assert!(outcome.stderr.contains("InterruptException"), "{outcome:#?}");
        assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    }
    served(place, "print(x)", "2");
}

fn killed_client(place: &Place) {
    let mut launch = session(place, "a", ["-e", "sleep(60)"]).spawn();
    let worker = launch.served_pid();
    kill(launch.child.id(), Signal::KILL);
    assert_eq!(launch.finish().signal, Some(9));
    served(place, "print(x, ' ', getpid())", &format!("2 {worker}"));
}

fn terminated_client(place: &Place) {
    let mut launch = session(place, "a", ["-e", "sleep(60)"]).spawn();
    let worker = launch.served_pid();
    kill(launch.child.id(), Signal::TERM);
    assert_eq!(launch.finish().signal, Some(15));
    served(place, "print(x, ' ', getpid())", &format!("2 {worker}"));
}

fn queue(place: &Place) {
    let mut first = session(place, "a", ["-e", "q = [1]; readline(); push!(q, 2)"]).spawn();
    first.served_pid();
    let second = session(place, "a", ["-e", "push!(q, 3); print(q)"]).spawn();
    let refused = place.client(["--session=a", "--session-busy=fail", "-e", "push!(q, 9)"]).run();
    assert_eq!(refused.code, Some(75), "{refused:#?}");
    assert!(refused.stderr.contains("busy"), "{refused:#?}");
    first.say("\n");
    first.finish().assert_served("", 0);
    second.finish().assert_served("[1, 2, 3]", 0);
    place.client(["--session=a", "--session-busy=fail", "-e", "print(q)"]).run().assert_served("[1, 2, 3]", 0);
}

fn given_up(place: &Place) {
    let mut first = session(place, "a", ["-e", "g = 0; readline()"]).spawn();
    first.served_pid();
    let mut second = session(place, "a", ["-e", "g = 1"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(300));
    kill(second.child.id(), Signal::KILL);
    second.child.wait().unwrap();
    first.say("\n");
    first.finish().assert_served("", 0);
    served(place, "print(g)", "0");
}

fn others(place: &Place) {
    session(place, "b", ["-e", "print(isdefined(Main, :x))"]).run().assert_served("false", 0);
    // Both have this test's terminal session.
    place.client(["--session", "-e", "t = 5"]).run().assert_served("", 0);
    place.client(["--session", "-e", "print(t)"]).run().assert_served("5", 0);
    fs::create_dir_all(place.path("project/deep")).unwrap();
    fs::write(place.path("project/Project.toml"), "").unwrap();
    let of_project = |project: &str, code: &str| session(place, "a", [project, "-e", code]).run();
    of_project("--project=project", "p = 1; print(Base.active_project() == abspath(\"project/Project.toml\"))")
        .assert_served("true", 0);
    of_project("--project=./project/deep/..", "print(p)").assert_served("1", 0);
    let names: Vec<String> =
        reported(place).iter().map(|worker| worker["program"].as_str().unwrap().to_owned()).collect();
    if place.log().contains("memory is needed: the session") {
        return skip("sessions that are kept apart", "this machine has no memory to keep four");
    }
    assert_eq!(names.len(), 4, "{names:#?}");
    let restarted =
        place.client(["--session=b", "--restart", "--project=project", "-e", "print(isdefined(Main, :p))"]).run();
    restarted.assert_served("false", 0);
    of_project("--project=project", "print(isdefined(Main, :p))").assert_served("false", 0);
    served(place, "print(x)", "2");
}

#[test]
fn revise_updates_before_a_launch() {
    let place = Place::new("revise");
    let source = "module Revise\nconst CALLS = Ref(0)\nrevise() = (CALLS[] += 1; nothing)\nend\n";
    package(&place, "Revise", source);
    let run = |words: &[&str]| {
        place.client([&["--session=r"], words].concat()).env("JULIA_DEPOT_PATH", depots(&place.path("depot"))).run()
    };
    let calls = "print(Base.loaded_modules_array()[findfirst(m -> nameof(m) === :Revise, Base.loaded_modules_array())].CALLS[])";
    run(&["--project=env", "-e", calls]).assert_served("1", 0);
    run(&["--project=env", "-e", calls]).assert_served("2", 0);
    run(&["--revise=no", "--project=env", "-e", calls]).assert_served("2", 0);
    run(&["--revise", "--project=env", "-e", &format!("{calls}; print(isdefined(Main, :Revise))")])
        .assert_served("3false", 0);
    let without = run(&["--revise", "-e", "print(1)"]);
    without.assert_served("1", 0);
    assert!(without.stderr.contains("has no Revise"), "{without:#?}");
    let quiet = run(&["-e", "print(1)"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("1", ""), "{quiet:#?}");
}

/// A package in `env`, the environment that has it.
fn package(place: &Place, name: &str, source: &str) {
    let folder: PathBuf = place.path(format!("env/{name}/src"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.jl")), source).unwrap();
    let uuid = "295af30f-e4ad-537b-8983-00126c2a3abe";
    fs::write(place.path(format!("env/{name}/Project.toml")), format!("name = \"{name}\"\nuuid = \"{uuid}\"\n"))
        .unwrap();
    fs::write(place.path("env/Project.toml"), format!("[deps]\n{name} = \"{uuid}\"\n")).unwrap();
    fs::write(
        place.path("env/Manifest.toml"),
        format!("[[{name}]]\npath = \"{name}\"\nuuid = \"{uuid}\"\nversion = \"1.0.0\"\n"),
    )
    .unwrap();
}

#[test]
fn a_session_that_is_not_used_ends() {
    let place = Place::new("keptttl");
    let outcome = place.client(["--session=t", "-e", "print(getpid())"]).env("JULIA_DAEMON_WORKER_TTL", "1").run();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let pid: u32 = outcome.stdout.parse().unwrap();
    wait_until("the session has ended", 60, || !is_alive(pid) && reported(&place).is_empty());
}

#[test]
fn where_none_can_be_had_nothing_runs() {
    let place = Place::with_script("nokept", "echo plain");
    for (words, code, says) in [
        (vec!["--session=a", "-e", "1"], 125, "the session a cannot be had"),
        (vec!["--session", "-e", "1"], 125, "this terminal's session cannot be had"),
        (vec!["--session=a", "-i"], 125, "has no prompt"),
        (vec!["--restart", "-e", "1"], 2, "--session"),
        (vec!["--session=", "-e", "1"], 2, "--session="),
        (vec!["--session=a", "--session-busy=never", "-e", "1"], 2, "--session-busy"),
    ] {
        let outcome = place.client(&words).run();
        assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(code)), "{words:?}: {outcome:#?}");
        assert!(outcome.stderr.contains(says), "{words:?}: {outcome:#?}");
    }
    let off = place.client(["--session=a", "-e", "1"]).env("JULIA_DAEMON", "off").run();
    assert_eq!((off.stdout.as_str(), off.code, &off.way), ("", Some(125), &Way::Unknown), "{off:#?}");
    // Julia's own answers need no state.
    place.client(["--session=a", "--version"]).run().assert_direct("", "plain\n", 0);
}

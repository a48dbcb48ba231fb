//! Many launches side by side.

use std::thread;

use crate::support::leftovers::processes_of;
use crate::support::{End, Launch, Stream, Way, World};

/// Each gets its own arguments, input, folder, environment and status.
pub fn launches(world: &World, count: usize) {
    let program =
        "print(ARGS[1], \" \", ENV[\"NUMBER\"], \" \", basename(pwd()), \" \", readline()); exit(parse(Int, ARGS[1]))";
    let one = |number: usize| {
        let text = number.to_string();
        let launch = Launch::new(["-e", program, &text])
            .env("NUMBER", &text)
            .env("JULIA_DAEMON", "require")
            .stdin(Stream::Feed(format!("line {text}\n").into_bytes()));
        let outcome = world.start(Way::Client, &launch, &world.case_folder(&format!("at-once-{text}"))).finish();
        assert_eq!(outcome.end, End::Exited(i32::try_from(number).unwrap()), "{outcome:?}");
        assert_eq!(outcome.stdout_text(), format!("{text} {text} at-once-{text} line {text}"));
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..count).map(|number| scope.spawn(move || one(number))).collect();
        for launch in all {
            launch.join().unwrap();
        }
    });
}

/// Launches that wait for one another's output.
pub fn pipeline(world: &World) {
    let client = env!("CARGO_BIN_EXE_juliaclient");
    let stage = |code: &str| format!("JULIA_DAEMON=require {client} -e '{code}'");
    let line = [
        stage("foreach(println, 1:1000)"),
        stage("for l in eachline(); println(parse(Int, l) * 2); end"),
        stage("println(sum(parse.(Int, eachline())))"),
    ]
    .join(" | ");
    let folder = world.case_folder("pipeline");
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", &line])
        .env_clear()
        .envs(world.environment())
        .current_dir(folder)
        .output();
    assert_eq!(String::from_utf8_lossy(&output.unwrap().stdout), "1001000\n");
}

/// However many start together.
pub fn one_conductor(world: &World) {
    world.jlapp(&["daemon", "stop"]);
    let launch = Launch::new(["-e", "print(1)"]);
    let folder = world.case_folder("first");
    let running: Vec<_> = (0..10).map(|_| world.start(Way::Client, &launch, &folder)).collect();
    for launch in running {
        assert_eq!(launch.finish().stdout_text(), "1");
    }
    let conductors =
        processes_of(world.folder()).into_iter().filter(|process| process.command_line.contains("jlconductor run"));
    assert_eq!(conductors.count(), 1);
    world.warm();
}

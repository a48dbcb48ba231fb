//! Parts that die by SIGKILL: what then becomes of the program, its client and the next launch.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::leftovers::is_alive;
use crate::support::running::send;
use crate::support::wait::comes_true;
use crate::support::{End, Launch, Running, Stream, Way, World, wait_until};

/// A program that says its pid and its subprocess's, and ends with status 7 at a line of input.
struct Job {
    running: Running,
    pid: i32,
    subprocess: i32,
}

impl Job {
    fn start(world: &World, before: &str) -> Self {
        let code = format!(
            "{before}\np = run(`sleep 300`, wait=false); println(\"pids \", getpid(), \" \", getpid(p), \" .\"); readline(); kill(p); exit(7)"
        );
        let launch = Launch::new(["-e", &code]).env("JULIA_DAEMON", "require").stdin(Stream::Held);
        let running = world.start(Way::Client, &launch, &world.case_folder("job"));
        running.stdout().await_text(" .");
        let text = String::from_utf8(running.stdout().so_far()).unwrap();
        let pids: Vec<i32> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
        Self { running, pid: pids[0], subprocess: pids[1] }
    }

    /// It still runs, and its end is still reported.
    fn ends_well(self) {
        assert!(is_alive(self.pid) && is_alive(self.subprocess), "the program has been ended");
        self.running.write("\n");
        let outcome = self.running.finish();
        assert_eq!(outcome.end, End::Exited(7), "{outcome:?}");
    }
}

fn kill(pid: i32) {
    send(pid, libc::SIGKILL);
    wait_until("what was killed has gone", || !is_alive(pid));
}

fn next_launch_works(world: &World) {
    wait_until("a worker serves again", || {
        let outcome =
            world.run(&Launch::new(["-e", "print(6 * 7)"]).env("JULIA_DAEMON", "require").deadline_seconds(120));
        outcome.stdout == b"42"
    });
}

pub fn client(world: &World) {
    let job = Job::start(world, "");
    kill(job.running.pid());
    for pid in [job.pid, job.subprocess] {
        assert!(comes_true(Duration::from_secs(15), || !is_alive(pid)), "{pid} goes on without its client");
    }
    job.running.finish();
}

pub fn client_of_a_stubborn_program(world: &World) {
    let job = Job::start(world, "ccall(:signal, Ptr{Cvoid}, (Cint, Ptr{Cvoid}), 1, Ptr{Cvoid}(1))");
    kill(job.running.pid());
    for pid in [job.pid, job.subprocess] {
        assert!(comes_true(Duration::from_secs(15), || !is_alive(pid)), "{pid} goes on without its client");
    }
    job.running.finish();
}

pub fn conductor(world: &World) {
    let job = Job::start(world, "");
    let old = world.conductor_pid().unwrap();
    kill(old);
    next_launch_works(world);
    assert_ne!(world.conductor_pid(), Some(old));
    job.ends_well();
}

pub fn zygote(world: &World) {
    let job = Job::start(world, "");
    let zygotes = world.worker_pids("zygote_pid");
    assert!(!zygotes.is_empty());
    zygotes.into_iter().for_each(kill);
    job.ends_well();
    restart(world);
}

pub fn zygote_and_conductor(world: &World) {
    let job = Job::start(world, "");
    let conductor = world.conductor_pid().unwrap();
    let zygotes = world.worker_pids("zygote_pid");
    kill(conductor);
    assert!(is_alive(job.pid) && zygotes.iter().all(|pid| is_alive(*pid)));
    job.ends_well();
    restart(world);
}

/// A worker that could not be kept is not tried again for a minute: begin anew instead.
fn restart(world: &World) {
    world.jlapp(&["daemon", "stop"]);
    next_launch_works(world);
}

pub fn program(world: &World) {
    let job = Job::start(world, "");
    send(job.pid, libc::SIGKILL);
    send(job.subprocess, libc::SIGKILL);
    assert_eq!(job.running.finish().end, End::Killed(libc::SIGKILL));
}

pub fn spares(world: &World) {
    for _ in 0..3 {
        world.worker_pids("spare_pids").into_iter().for_each(|pid| send(pid, libc::SIGKILL));
        next_launch_works(world);
    }
}

pub fn stop_command(world: &World) {
    let job = Job::start(world, "");
    assert!(world.jlapp(&["daemon", "stop"]).status.success());
    assert!(world.conductor_pid().is_none());
    job.ends_well();
    next_launch_works(world);
}

/// While launches come, parts die at moments that nobody has chosen.
pub fn at_most_once(world: &World) {
    let folder = world.case_folder("once");
    let mut random = Random(u64::from(std::process::id()) | 1);
    for round in 0..12 {
        let launches: Vec<Running> =
            (0..5).map(|number| append_line(world, &folder, &format!("{round}-{number}"))).collect();
        std::thread::sleep(Duration::from_micros(random.below(60_000))); // a moment, not a synchronisation
        kill_something(world, &mut random);
        launches
            .into_iter()
            .enumerate()
            .for_each(|(number, launch)| check_line(&folder, &format!("{round}-{number}"), launch));
    }
    restart(world);
}

fn append_line(world: &World, folder: &Path, name: &str) -> Running {
    let code = format!("open(io -> println(io, getpid()), \"{name}\", \"a\")");
    world.start(Way::Client, &Launch::new(["-e", &code]).deadline_seconds(120), folder)
}

/// Exactly once; and at most once where the program itself may have been killed, which its client says.
fn check_line(folder: &Path, name: &str, launch: Running) {
    let outcome = launch.finish();
    let lines = fs::read_to_string(folder.join(name)).unwrap_or_default().lines().count();
    assert!(lines <= 1, "{name} ran {lines} times");
    match outcome.end {
        End::Exited(0) => assert_eq!(lines, 1, "{name} is said to have run: {outcome:?}"),
        End::Killed(libc::SIGKILL) => {}
        other => panic!("{name} ended by {other:?}: {outcome:?}"),
    }
}

fn kill_something(world: &World, random: &mut Random) {
    let candidates = match random.below(4) {
        0 => world.conductor_pid().into_iter().collect(),
        1 => world.worker_pids("zygote_pid"),
        _ => world.worker_pids("spare_pids"),
    };
    if let Some(index) = usize::try_from(random.below(64)).unwrap().checked_rem(candidates.len()) {
        send(candidates[index], libc::SIGKILL);
    }
}

/// xorshift: no two runs alike, no crate for it.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

//! How a REPL ends, and what it leaves of its terminal.

use std::fs;

use super::support::launch::Session;
use super::support::leftovers::is_alive;
use super::support::terminal::Terminal;
use super::support::{Case, End, Running, World, fresh, wait_until};
use super::{CTRL_D, PROMPT, on_screen, start, type_lines};

pub fn cases() -> Vec<Case> {
    let ended = |name: &str, code: &'static str| {
        on_screen(fresh(name)).act(move |program| {
            program.stdout().await_text(PROMPT);
            program.write(format!("atexit(() -> write(\"hook\", \"ran\")); {code}\n"));
        })
    };
    vec![
        ended("exit", "exit()"),
        ended("exit with a status", "exit(3)").exits(3),
        ended("the last words are shown", "print(\"0123456789\"^20_000); print(\"last words\"); exit(6)").exits(6),
        ended("killed by a signal of its own", "ccall(:kill, Cint, (Cint, Cint), getpid(), 9)").dies_by(libc::SIGKILL),
        on_screen(fresh("Ctrl-D")).act(|program| {
            type_lines(program, &["atexit(() -> write(\"hook\", \"ran\"))"]);
            program.write(CTRL_D);
        }),
        by_sigterm(on_screen(fresh("SIGTERM"))).act(|program| {
            // A signal that comes while Julia compiles can be lost on plain Julia, too.
            type_lines(
                program,
                &["atexit(() -> write(\"hook\", \"ran\"))", "sleep(0.3)", "sleep(0.3); touch(\"quiet\")"],
            );
            program.signal(libc::SIGTERM);
        }),
        fresh("a hang-up").on_terminal().normal(|_| Vec::new()).dies_by(libc::SIGHUP).act(|program| {
            program.stdout().await_text(PROMPT);
            program.hang_up();
        }),
    ]
}

/// Julia ends by the signal from 1.9 on, and with 128 and its number before.
fn by_sigterm(case: Case) -> Case {
    let version = std::process::Command::new(super::support::julia::julia()).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let minor: u32 = version.rsplit(' ').next().unwrap().split('.').nth(1).unwrap().parse().unwrap();
    if minor < 9 { case.exits(143) } else { case.dies_by(libc::SIGTERM) }
}

type Ending = &'static dyn Fn(&Running);

/// Where the worker that runs the REPL says who it is.
fn worker_of(world: &World, name: &str, program: &mut Running) -> i32 {
    type_lines(program, &["write(\"pid\", string(getpid()))"]);
    fs::read_to_string(world.folder().join("work").join(name).join("pid")).unwrap().parse().unwrap()
}

pub fn modes_stay(world: &World) {
    let before = Terminal::open().0.mode_words();
    let endings: [(&str, Ending); 5] = [
        ("Ctrl-D", &|program| program.write(CTRL_D)),
        ("exit", &|program| program.write("exit(3)\n")),
        ("SIGTERM", &|program| program.signal(libc::SIGTERM)),
        ("SIGALRM", &|program| program.signal(libc::SIGALRM)),
        ("stty", &|program| program.write(";stty -echo -icanon\n\x04")),
    ];
    for (name, end) in endings {
        let mut program = start(world, "modes", Session::Leader);
        program.stdout().await_text(PROMPT);
        assert_ne!(program.terminal().mode_words(), before, "the user's terminal passes everything on meanwhile");
        end(&program);
        wait_until(&format!("it has ended by {name}"), || program.has_ended());
        assert_eq!(program.terminal().mode_words(), before, "after {name}");
        program.finish();
    }
}

pub fn client_is_killed(world: &World) {
    let mut program = start(world, "killed", Session::Leader);
    let worker = worker_of(world, "killed", &mut program);
    program.signal(libc::SIGKILL);
    assert_eq!(program.finish().end, End::Killed(libc::SIGKILL));
    wait_until("the worker has ended", || !is_alive(worker));
}

pub fn worker_is_killed(world: &World) {
    let before = Terminal::open().0.mode_words();
    let mut program = start(world, "lost", Session::Leader);
    let worker = worker_of(world, "lost", &mut program);
    super::support::running::send(worker, libc::SIGKILL);
    wait_until("the client has ended", || program.has_ended());
    assert_eq!(program.terminal().mode_words(), before);
    assert_eq!(program.finish().end, End::Killed(libc::SIGKILL));
}

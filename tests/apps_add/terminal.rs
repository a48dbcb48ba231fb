//! `jlapp` on the user's terminal: Pkg's own progress is seen there, and Ctrl-C leaves everything as it was.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::crash::leftovers;
use crate::daemon_support::{Steps, skip, wait_until};
use crate::world::{Package, World, dep, rot};

/// `script`, which runs a command on a terminal of its own and writes down what comes out of that (script(1)).
const SCRIPT: &str = "/usr/bin/script";

struct Terminal {
    child: Child,
    transcript: PathBuf,
}

impl Terminal {
    /// Runs `jlapp` with a worker to have Pkg in, or without.
    fn start(world: &World, arguments: &str, daemon: &str) -> Self {
        let transcript = world.path(&format!("transcript-{daemon}"));
        let line = format!("exec {} {arguments}", env!("CARGO_BIN_EXE_jlapp"));
        let mut command: Command = world.command(SCRIPT, &["-q", "-e", "-f", "-c", &line]);
        command.arg(&transcript).env("JULIA_DAEMON", daemon).env("TERM", "xterm").env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap(), transcript }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.transcript).unwrap_or_default()).into_owned()
    }

    fn press(&mut self, key: &[u8]) {
        let keys = self.child.stdin.as_mut().unwrap();
        keys.write_all(key).and_then(|()| keys.flush()).unwrap();
    }
}

#[test]
fn progress_and_ctrl_c() {
    if !fs::exists(SCRIPT).unwrap() {
        skip("jlapp on a terminal", "there is no /usr/bin/script");
        return;
    }
    let world = World::new("tty");
    world.register(&dep("1.0.0"));
    world.register(&rot("0.1.0"));
    let mut steps = Steps::default();
    for daemon in ["off", "on"] {
        steps.step(&format!("Pkg's progress, JULIA_DAEMON={daemon}"), || {
            let mut terminal = Terminal::start(&world, "add Rot", daemon);
            let status = terminal.child.wait().unwrap();
            let said = terminal.text();
            assert_eq!(status.code(), Some(0), "{said}");
            // In colour, as Pkg has it on terminals alone.
            assert!(said.contains("\x1b[32m\x1b[1m") && said.contains("Resolving"), "{said}");
            assert!(said.contains("Rot 0.1.0 is added\r\n  rot\r\n  rot-sub\r\n"), "{said}");
        });
    }
    steps.step("elsewhere it is on standard error, and results alone on standard output", || {
        let said = world.does(&["add", "Rot"]);
        assert!(said.err.contains("Updating") && !said.err.contains('\r'), "{}", said.err);
        assert_eq!(said.out, "Rot 0.1.0 is added\n  rot\n  rot-sub\n");
    });
    for daemon in ["off", "require"] {
        steps.step(&format!("Ctrl-C, JULIA_DAEMON={daemon}"), || interrupt(&world, daemon));
    }
    steps.finish();
}

/// While a package is being built, which is a process that Pkg has started.
fn interrupt(world: &World, daemon: &str) {
    let began = world.path("began");
    let _ = fs::remove_file(&began);
    let build = format!("touch({:?}); sleep(600)", began.display().to_string());
    world.publish(&Package {
        name: "Slow",
        uuid: "7a0c1d0e-0000-4000-8000-000000000014",
        version: "1.0.0",
        apps: "slow = {}",
        files: [("deps/build.jl".to_owned(), build)].into(),
        ..Package::default()
    });
    let before = world.everything();
    let mut terminal = Terminal::start(world, "add ./repos/Slow", daemon);
    wait_until("the package is being built", 120, || began.exists());
    terminal.press(b"\x03");
    let status = terminal.child.wait().unwrap();
    // `script` says of a signal what a shell says.
    assert!(status.code() == Some(130) || status.signal() == Some(2), "{status:?}: {}", terminal.text());
    assert!(world.everything() == before, "something was changed");
    assert_eq!(leftovers(world), Vec::<PathBuf>::new());
    let building = || world.place.processes().iter().any(|(_, line)| line.contains("build.jl"));
    wait_until("the build has ended", 20, || !building());
}

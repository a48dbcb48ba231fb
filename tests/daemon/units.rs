//! `jlapp daemon install`, with a `systemctl` that notes what it is asked.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::daemon_support::{Place, wait_until};
use super::shared::{SCRIPT, stderr_of, stdout_of};

struct Desk {
    place: Place,
}

impl Desk {
    fn new(name: &str) -> Self {
        let place = Place::with_script(name, SCRIPT);
        fs::create_dir(place.path("programs")).unwrap();
        Self { place }
    }

    /// `systemctl`, which also does `more`.
    fn systemctl(&self, more: &str) {
        let calls = self.place.path("calls").display().to_string();
        self.place.write_program("programs/systemctl", &format!("echo \"$*\" >> '{calls}'\n{more}"));
    }

    fn daemon(&self, words: &[&str]) -> Output {
        let mut command: Command = self.place.command(env!("CARGO_BIN_EXE_jlapp"));
        let path = format!("{}:/usr/bin:/bin", self.place.path("programs").display());
        command.arg("daemon").args(words).env("PATH", path).env("XDG_CONFIG_HOME", self.place.path("config"));
        command.env("JULIA_DAEMON_MEMORY", "3G").output().unwrap()
    }

    fn unit(&self, name: &str) -> PathBuf {
        self.place.path("config/systemd/user").join(name)
    }

    fn calls(&self) -> String {
        let calls = fs::read_to_string(self.place.path("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.place.path("calls"));
        calls
    }
}

#[test]
fn units_are_installed_and_uninstalled() {
    let desk = Desk::new("units");
    desk.systemctl("exit 0");
    desk.place.start();
    let output = desk.daemon(&["install"]);
    let text = stdout_of(&output);
    assert!(output.status.success(), "{}", stderr_of(&output));
    assert!(text.contains("enable-linger") && text.contains("ends no program"), "{text}");
    wait_until("whoever listened there has left", 10, || desk.place.conductors().is_empty());
    let service = fs::read_to_string(desk.unit("julia-daemon.service")).unwrap();
    let socket = fs::read_to_string(desk.unit("julia-daemon.socket")).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_jlconductor"));
    let path = desk.place.socket().display().to_string();
    assert!(service.contains(&format!("ExecStart=\"{}\" run --socket \"{path}\"\n", program.display())), "{service}");
    assert!(service.contains("KillMode=process\n") && service.contains("JULIA_DAEMON_MEMORY=3G"), "{service}");
    assert!(socket.contains(&format!("ListenStream={path}\n")), "{socket}");
    let calls = desk.calls();
    assert!(calls.ends_with("--user daemon-reload\n--user enable --now julia-daemon.socket\n"), "{calls}");
    // Once more is no harm.
    assert!(desk.daemon(&["install"]).status.success());
    desk.calls();
    let output = desk.daemon(&["uninstall"]);
    assert!(output.status.success(), "{}", stderr_of(&output));
    assert!(desk.calls().contains("--user disable --now julia-daemon.socket\n"));
    assert!(!desk.unit("julia-daemon.service").exists() && !desk.unit("julia-daemon.socket").exists());
    assert_eq!(stdout_of(&desk.daemon(&["uninstall"])), "not installed\n");
}

#[test]
fn without_systemd_nothing_changes() {
    for systemctl in [None, Some("exit 1")] {
        let desk = Desk::new("no-systemd");
        // No `systemctl` at all: its folder is the whole PATH then.
        match systemctl {
            Some(script) => desk.systemctl(script),
            None => {
                desk.place.write_program("programs/systemctl", "exit 127");
            }
        }
        let running = desk.place.start();
        let output = desk.daemon(&["install"]);
        assert!(output.status.success(), "{}", stderr_of(&output));
        assert!(stdout_of(&output).contains("nothing was changed"), "{}", stdout_of(&output));
        assert!(!desk.place.path("config").exists());
        assert_eq!(desk.place.conductor_pid(), running);
    }
}

#[test]
fn what_somebody_else_wrote_stays() {
    let desk = Desk::new("foreign");
    desk.systemctl("exit 0");
    fs::create_dir_all(desk.place.path("config/systemd/user")).unwrap();
    fs::write(desk.unit("julia-daemon.service"), "[Service]\nExecStart=/mine\n").unwrap();
    for command in ["install", "uninstall"] {
        let output = desk.daemon(&[command]);
        assert!(!output.status.success() && stderr_of(&output).contains("was not written by jlapp"), "{output:?}");
        assert_eq!(fs::read_to_string(desk.unit("julia-daemon.service")).unwrap(), "[Service]\nExecStart=/mine\n");
    }
    assert!(!desk.unit("julia-daemon.socket").exists());
}

#[test]
fn a_systemd_that_refuses_leaves_nothing() {
    let desk = Desk::new("refused");
    desk.systemctl("case \"$*\" in *enable*) echo 'no such luck' >&2; exit 1;; esac");
    let output = desk.daemon(&["install"]);
    assert!(!output.status.success() && stderr_of(&output).contains("no such luck"), "{output:?}");
    assert!(!desk.unit("julia-daemon.service").exists() && !desk.unit("julia-daemon.socket").exists());
}

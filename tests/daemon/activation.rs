//! A daemon that is given its socket by systemd.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use super::daemon_support::{Place, is_alive, wait_until};
use super::shared::{SCRIPT, log_of, stdout_of};

/// What systemd does: the socket is number 3, and `LISTEN_PID` names the process that will be the daemon.
fn activated(place: &Place, listener: &UnixListener, socket: &Path) -> Child {
    let start = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" run --socket \"$1\"";
    let mut command: Command = place.command("sh");
    command.args(["-c", start, env!("CARGO_BIN_EXE_jlconductor")]).arg(socket);
    let number = listener.as_raw_fd();
    // SAFETY: dup2(2) is async-signal-safe, and the descriptor outlives the spawn.
    #[allow(unsafe_code, reason = "a descriptor is handed on by its number")]
    unsafe {
        command.pre_exec(move || match libc::dup2(libc::dup(number), 3) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    command.spawn().unwrap()
}

#[test]
fn a_socket_of_systemds() {
    let place = Place::with_script("activated", SCRIPT);
    let listener = UnixListener::bind(place.socket()).unwrap();
    let mut daemon = activated(&place, &listener, &place.socket());
    let report = place.report().unwrap();
    assert_eq!((report["is_activated"].as_bool(), report["pid"].as_u64()), (Some(true), Some(daemon.id().into())));
    assert!(stdout_of(&place.daemon(&["status"])).contains("(systemd's)"));
    place.client(["-e", "1"]).run().assert_direct("booting", "plain\n", 3);
    // It holds the lock as any other does.
    let mut other = place.command(env!("CARGO_BIN_EXE_jlconductor"));
    assert!(other.args(["run", "--socket"]).arg(place.socket()).status().unwrap().success());
    assert_eq!(place.conductor_pid(), daemon.id());
    assert!(place.daemon(&["stop"]).status.success());
    daemon.wait().unwrap();
    assert!(place.socket().exists(), "the name is systemd's, who still listens there");
    // The next connection has systemd start it again.
    let mut next = activated(&place, &listener, &place.socket());
    assert_eq!(place.conductor_pid(), next.id());
    place.daemon(&["stop"]);
    next.wait().unwrap();
    fs::remove_file(place.socket()).unwrap();
}

#[test]
fn a_name_that_systemd_has_lost_is_made_again() {
    let place = Place::with_script("lost-name", SCRIPT);
    let listener = UnixListener::bind(place.socket()).unwrap();
    let mut daemon = activated(&place, &listener, &place.socket());
    assert_eq!(place.conductor_pid(), daemon.id());
    fs::remove_file(place.socket()).unwrap();
    wait_until("the socket is there again", 10, || place.socket().exists());
    let report = place.report().unwrap();
    assert_eq!((report["is_activated"].as_bool(), report["pid"].as_u64()), (Some(false), Some(daemon.id().into())));
    place.daemon(&["stop"]);
    daemon.wait().unwrap();
    assert!(!place.socket().exists());
}

#[test]
fn what_was_not_meant_for_it_is_no_socket() {
    let place = Place::with_script("misdirected", SCRIPT);
    // Variables of a parent that was activated itself.
    let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
    command.args(["daemon", "start"]).env("LISTEN_PID", "1").env("LISTEN_FDS", "1");
    assert!(command.output().unwrap().status.success());
    assert_eq!(place.report().unwrap()["is_activated"], false);
    assert!(place.daemon(&["stop"]).status.success());
    let elsewhere = UnixListener::bind(place.path("elsewhere.sock")).unwrap();
    let status = activated(&place, &elsewhere, &place.socket()).wait().unwrap();
    assert_eq!(status.code(), Some(1), "it listens where nobody asked it to");
    assert!(!log_of(&place).contains("elsewhere"));
}

/// Somebody has started a daemon while systemd listened: it serves, and whoever has got into systemd's queue runs plain Julia.
#[test]
fn another_one_was_first() {
    let place = Place::with_script("second", SCRIPT);
    let first = place.start();
    // The first one's name is out of the way for a moment, as systemd would do it.
    let aside = place.path("run/aside");
    fs::rename(place.socket(), &aside).unwrap();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let waiting = place.client(["-e", "1"]).spawn();
    let mut second = activated(&place, &listener, &place.socket());
    let outcome = waiting.finish();
    outcome.assert_ended("plain\n", 3);
    assert!(second.wait().unwrap().success());
    assert!(is_alive(first));
    wait_until("the first one has its name again", 10, || place.report().is_some_and(|report| report["pid"] == first));
    fs::remove_file(aside).unwrap();
}

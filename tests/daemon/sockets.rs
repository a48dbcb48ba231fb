//! Sockets, their folders, and logs beside them.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use jlapp::client::socket::MAX_PATH_BYTES;
use jlapp::protocol::{Kind, frame};
use rustix::process::Signal;

use super::daemon_support::{Place, Way, is_alive, is_root, kill, skip, stays, wait_until};
use super::shared::{SCRIPT, answer, assert_unharmed, log_of, stderr_of, stdout_of};

#[test]
fn the_socket_of_a_killed_conductor_is_replaced() {
    let place = Place::with_script("stale", SCRIPT);
    let first = place.start();
    kill(first, Signal::KILL);
    wait_until("it is dead", 5, || !is_alive(first));
    assert!(place.socket().exists());
    assert_eq!(stdout_of(&place.daemon(&["status"])), "not running (the next launch starts it)\n");
    place.client(["-e", "1"]).run().assert_direct("booting", "plain\n", 3);
    assert_ne!(place.conductor_pid(), first);
}

#[test]
fn a_removed_socket_is_made_again() {
    let place = Place::with_script("removed", SCRIPT);
    let pid = place.start();
    fs::remove_file(place.socket()).unwrap();
    let meanwhile = place.client(["-e", "1"]).run();
    meanwhile.assert_direct("", "plain\n", 3);
    wait_until("the socket is there again", 5, || place.socket().exists());
    assert_unharmed(&place, pid);
    wait_until("whoever was started meanwhile has ended", 5, || place.conductors() == [pid]);
}

/// A file, or a socket where nobody listens, at the socket's name: nobody would ever reach the conductor that holds the lock.
#[test]
fn a_socket_that_was_overlaid_is_made_again() {
    let place = Place::with_script("overlaid", SCRIPT);
    let pid = place.start();
    let reaches = |pid: u32| {
        let text = stdout_of(&place.daemon(&["status"]));
        text.contains(&format!("(pid {pid},"))
    };
    fs::write(place.path("run/other"), "").unwrap();
    fs::rename(place.path("run/other"), place.socket()).unwrap();
    wait_until("the conductor answers at its name, where a file was", 5, || reaches(pid));
    drop(UnixListener::bind(place.path("run/other")).unwrap());
    fs::rename(place.path("run/other"), place.socket()).unwrap();
    wait_until("the conductor answers at its name, where a dead socket was", 5, || reaches(pid));
}

#[test]
fn a_conductor_whose_folder_was_removed_ends() {
    let place = Place::with_script("folder", SCRIPT);
    let pid = place.start();
    fs::remove_dir_all(place.path("run")).unwrap();
    wait_until("it has ended", 5, || !is_alive(pid));
    place.client(["-e", "1"]).run().assert_direct("booting", "plain\n", 3);
    assert_eq!(place.path("run").metadata().unwrap().mode() & 0o7777, 0o700, "the folder made anew");
    assert_ne!(place.conductor_pid(), pid);
}

#[test]
fn the_sockets_folder_is_made_for_this_user_alone() {
    let place = Place::with_script("made", SCRIPT);
    let socket = place.path("run/a/b/my.sock");
    let place = place.at_socket(&socket);
    place
        .client(["-e", "1"])
        .through(&["sh", "-c", "umask 000; exec \"$@\"", "sh"])
        .run()
        .assert_direct("booting", "plain\n", 3);
    for folder in ["run/a", "run/a/b"] {
        assert_eq!(place.path(folder).metadata().unwrap().mode() & 0o7777, 0o700, "{folder}");
    }
    assert!(socket.exists());
    assert_eq!(place.lock().metadata().unwrap().mode() & 0o077, 0);
    let log = place.report().unwrap()["log"].as_str().unwrap().to_owned();
    assert_eq!(fs::metadata(log).unwrap().mode() & 0o077, 0);
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let place = Place::with_script("writable", SCRIPT);
    for mode in [0o777, 0o1777, 0o770] {
        fs::set_permissions(place.path("run"), fs::Permissions::from_mode(mode)).unwrap();
        let outcome = place.client(["-e", "1"]).run();
        outcome.assert_direct("socket: ", "plain\n", 3);
        let Way::Direct(reason) = outcome.way else { unreachable!() };
        assert!(reason.contains("chmod 700"), "{reason}");
        let started = place.daemon(&["start"]);
        assert_eq!(started.status.code(), Some(1));
        assert!(stderr_of(&started).contains("chmod 700"), "{}", stderr_of(&started));
    }
    assert_eq!(place.conductors(), Vec::<u32>::new());
}

#[test]
fn a_path_too_long_for_a_socket_is_an_honest_reason() {
    let place = Place::with_script("long", SCRIPT);
    let socket = place.path("run").join("x".repeat(120));
    let place = place.at_socket(socket);
    let outcome = place.client(["-e", "1"]).run();
    outcome.assert_direct("socket: ", "plain\n", 3);
    let Way::Direct(reason) = outcome.way else { unreachable!() };
    assert!(["longer than", "shorter than", "too long"].iter().any(|words| reason.contains(words)), "{reason}");
    let started = place.daemon(&["start"]);
    assert_eq!(started.status.code(), Some(1));
    assert!(
        ["longer than", "too long"].iter().any(|words| stderr_of(&started).contains(words)),
        "{}",
        stderr_of(&started)
    );
}

#[test]
fn the_longest_path_of_a_socket_is_served() {
    let place = Place::with_script("longest", SCRIPT);
    let folder = place.path("run");
    let name = "x".repeat(MAX_PATH_BYTES - folder.as_os_str().len() - 1);
    let place = place.at_socket(folder.join(name));
    place.client(["-e", "1"]).run().assert_direct("booting", "plain\n", 3);
}

/// The credentials of one thread: the kernel keeps them per thread, and sockets take them from there.
fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let nobody = rustix::process::Uid::from_raw(65534);
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
                work()
            })
            .join()
            .unwrap()
    })
}

#[test]
fn another_users_socket_is_refused() {
    if !is_root() {
        return skip("another user's socket", "only root can play another user");
    }
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
    let place = Place::with_script("foreign", SCRIPT);
    let listener = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(place.socket()).unwrap()).unwrap();
    as_nobody(|| listen(&listener, 8).unwrap());
    let heard = Arc::<Mutex<Vec<usize>>>::default();
    let ear = heard.clone();
    std::thread::spawn(move || {
        for mut stream in UnixListener::from(listener).incoming().flatten() {
            ear.lock().unwrap().push(stream.read(&mut [0; 16]).unwrap());
        }
    });
    let outcome = place.client(["-e", "1"]).env("MY_SECRET", "hunter2").run();
    outcome.assert_direct("socket: the socket belongs to another user", "plain\n", 3);
    place.client(["-e", "1"]).require().run().assert_ended("", 125);
    for words in [["status"].as_slice(), &["stop"], &["start"]] {
        let output = place.daemon(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", stdout_of(&output));
        assert!(stderr_of(&output).contains("another user"), "{words:?}: {}", stderr_of(&output));
    }
    assert!(stays(300, || place.conductors().is_empty()), "a conductor was started all the same");
    // Connections were made, and not a byte went over them.
    let heard = heard.lock().unwrap();
    assert!(
        heard.len() >= 2 && heard.iter().all(|bytes| *bytes == 0),
        "another user's process was told something: {heard:?}"
    );
    fs::remove_file(place.socket()).unwrap();
}

#[test]
fn another_users_client_gets_nothing() {
    if !is_root() {
        return skip("another user's client", "only root can play another user");
    }
    let place = Place::with_script("stranger", SCRIPT);
    let pid = place.start();
    // As open as can be, so that only the conductor's own check is in the way.
    for (path, mode) in [(place.path(""), 0o755), (place.path("run"), 0o755), (place.socket(), 0o777)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for kind in [Kind::Status, Kind::Stop] {
        let answered = as_nobody(|| {
            let stream = UnixStream::connect(place.socket()).unwrap();
            let _ = (&stream).write_all(&frame(kind, b"").unwrap());
            answer(&stream)
        });
        assert_eq!(answered, None, "{kind:?}");
    }
    assert_unharmed(&place, pid);
    wait_until("the log says so", 5, || log_of(&place).contains("another user"));
}

/// A conductor logs beside its socket where there is no state folder to be had; `logs` and `status` must know that.
#[test]
fn without_a_state_folder_the_log_is_beside_the_socket() {
    let place = Place::with_script("stateless", SCRIPT);
    fs::write(place.path("home/file"), "").unwrap();
    let jlapp = |words: &[&str]| {
        let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
        command.arg("daemon").args(words).env("HOME", place.path("home/file")).output().unwrap()
    };
    let started = jlapp(&["start"]);
    assert!(started.status.success(), "{}", stderr_of(&started));
    wait_until("there is a log beside the socket", 5, || place.path("run/julia-daemon.log").exists());
    let logs = jlapp(&["logs"]);
    assert!(stdout_of(&logs).contains("listening at"), "{}", stderr_of(&logs));
    assert!(stdout_of(&jlapp(&["status"])).contains("run/julia-daemon.log"), "{}", stdout_of(&jlapp(&["status"])));
    fs::remove_file(place.path("home/file")).unwrap();
}

/// Sockets of the same name in two folders are two daemons, with a log each.
#[test]
fn two_conductors_have_two_logs() {
    let place = Place::with_script("twins", SCRIPT);
    let log_at = |folder: &str| {
        let jlapp = |words: &[&str]| {
            let mut command = place.command(env!("CARGO_BIN_EXE_jlapp"));
            command.arg("daemon").args(words).env("JULIA_DAEMON_SERVER", place.path(folder).join("x.sock"));
            stdout_of(&command.output().unwrap())
        };
        assert!(jlapp(&["start"]).starts_with("running at"));
        let report: serde_json::Value = serde_json::from_str(&jlapp(&["status", "--json"])).unwrap();
        jlapp(&["stop"]);
        report["log"].as_str().unwrap().to_owned()
    };
    assert_ne!(log_at("run/one"), log_at("run/two"));
}

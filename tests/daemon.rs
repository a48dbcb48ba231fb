//! The conductor as a daemon: one per socket, hard to kill by accident, harmed by nobody, and leaving nothing behind.
//!
//! Real programs throughout. Where a booted Julia isn't the subject, a shell script stands in for it: every launch then
//! goes direct, with the conductor's reason. Cases that need a booted one share it ([`Steps`]), since a boot takes seconds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jlapp::client::socket::MAX_PATH_BYTES;
use jlapp::protocol::{HEADER_BYTES, Header, Kind, Launch, MAX_BODY_BYTES, PROTOCOL, Refusal, Release, frame};
use rustix::process::Signal;

use daemon_support::{
    Outcome, Place, Steps, WAITS, Way, command_line, is_alive, is_root, kill, pids, resident_kb, skip, stays,
    wait_until,
};

/// What the script that stands in for Julia prints and ends with.
const SCRIPT: &str = "echo plain\nexit 3";

/// A conductor's own memory, in kB.
const MOST_RESIDENT_KB: u64 = 10_000;

// ---- talking to a conductor without a client

fn connect(place: &Place) -> UnixStream {
    let stream = UnixStream::connect(place.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// A frame with any header.
fn forged(kind: Kind, protocol: u16, release: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = frame(kind, body).unwrap();
    bytes[4..6].copy_from_slice(&protocol.to_le_bytes());
    bytes[12..16].copy_from_slice(&release.to_le_bytes());
    bytes
}

/// The conductor's answer; `None` when it closed without one.
fn answer(mut stream: &UnixStream) -> Option<(Kind, Vec<u8>)> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).ok()?;
    let header = Header::decode(&head).unwrap();
    let mut body = vec![0; header.body_bytes as usize];
    stream.read_exact(&mut body).unwrap();
    Some((header.kind().unwrap(), body))
}

fn ask(place: &Place, bytes: &[u8]) -> Option<(Kind, Vec<u8>)> {
    let mut stream = connect(place);
    stream.write_all(bytes).unwrap();
    answer(&stream)
}

fn launch_message() -> Vec<u8> {
    Launch { channel: None, ..Launch::default() }.encode()
}

/// Nothing that a conductor has gone through may show in how it serves the next.
fn assert_unharmed(place: &Place, pid: u32) {
    assert_eq!(place.conductor_pid(), pid, "another conductor answers");
}

fn open_descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn stderr_of(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout_of(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn log_of(place: &Place) -> String {
    stdout_of(&place.daemon(&["logs"]))
}

// ---- one conductor

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

// ---- sockets and folders

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

// ---- hostile clients

#[test]
fn nobody_harms_the_conductor_by_what_he_sends() {
    let place = Place::with_script("hostile", SCRIPT);
    let pid = place.start();
    let before = open_descriptors(pid);
    let mut steps = Steps::default();
    let header = frame(Kind::Launch, &launch_message()).unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut header = header.clone();
        header[at..at + bytes.len()].copy_from_slice(bytes);
        header
    };
    let malformed: Vec<(&str, Vec<u8>)> = vec![
        ("garbage", (0..1000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()),
        ("text", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("wrong magic", changed(0, b"PALJ")),
        ("longer than any message", changed(8, &(MAX_BODY_BYTES + 1).to_le_bytes())),
        ("4 GiB", changed(8, &u32::MAX.to_le_bytes())),
        ("unknown kind", changed(6, &999u16.to_le_bytes())),
        ("only a conductor says that", frame(Kind::Job, b"").unwrap()),
        ("answer as question", frame(Kind::Retired, b"").unwrap()),
    ];
    for (name, bytes) in malformed {
        steps.step(name, || {
            let mut stream = connect(&place);
            // It may have closed before all was written.
            let _ = stream.write_all(&bytes);
            assert_eq!(answer(&stream), None);
            assert_unharmed(&place, pid);
        });
    }
    let understood: Vec<(&str, Vec<u8>, &[u8])> = vec![
        ("launch without descriptors", header.clone(), b"malformed"),
        ("empty launch", frame(Kind::Launch, b"").unwrap(), b"malformed"),
        ("launch of garbage", frame(Kind::Launch, &[0xff; 5000]).unwrap(), b"malformed"),
        ("older protocol", forged(Kind::Launch, 0, 1, b""), b"other-release"),
        ("other protocol of this release", forged(Kind::Launch, PROTOCOL + 1, Release::OURS.0, b"x"), b"other-release"),
        ("older protocol, another kind", forged(Kind::Stop, 0, 1, b""), b"other-release"),
    ];
    for (name, bytes, reason) in understood {
        steps.step(name, || {
            let (kind, body) = ask(&place, &bytes).unwrap();
            let said = Refusal::decode(&body).map_or(body, |refusal| refusal.reason);
            assert_eq!((kind, said.as_slice()), (Kind::Direct, reason));
            assert_unharmed(&place, pid);
        });
    }
    steps.step("an older release of the same protocol does not replace it", || {
        let (kind, _) = ask(&place, &forged(Kind::Launch, PROTOCOL, 1, &launch_message())).unwrap();
        assert_eq!(kind, Kind::Direct);
        assert_unharmed(&place, pid);
    });
    steps.step("cut off at every byte", || {
        for cut in 0..header.len() {
            let mut stream = connect(&place);
            stream.write_all(&header[..cut]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(answer(&stream), None, "cut at {cut}");
        }
        assert_unharmed(&place, pid);
    });
    steps.step("one byte at a time", || {
        let mut stream = connect(&place);
        for byte in frame(Kind::Status, b"").unwrap() {
            stream.write_all(&[byte]).unwrap();
        }
        assert_eq!(answer(&stream).unwrap().0, Kind::Report);
    });
    steps.step("descriptors without a message", || send_descriptors(&place, pid));
    steps.step("a client that is killed in the middle of its message", || killed_in_the_middle(&place, pid));
    steps.step("no descriptor is left open", || {
        wait_until("as many as before", 15, || open_descriptors(pid) <= before + 1);
    });
    steps.finish();
}

/// As many as a message can carry, ten times, on a frame that never ends: all of them are closed.
fn send_descriptors(place: &Place, pid: u32) {
    let before = open_descriptors(pid);
    let null = fs::File::open("/dev/null").unwrap();
    let many = vec![null.as_fd(); 253];
    for _ in 0..10 {
        let stream = connect(place);
        let half = &frame(Kind::Launch, &launch_message()).unwrap()[..20];
        jlapp::sys::passing::send_all(stream.as_fd(), half, &many).unwrap();
    }
    let stream = connect(place);
    let too_many = frame(Kind::Launch, &launch_message()).unwrap();
    jlapp::sys::passing::send_all(stream.as_fd(), &too_many, &many).unwrap();
    let malformed = Refusal { reason: b"malformed".to_vec(), command: Vec::new() };
    assert_eq!(answer(&stream), Some((Kind::Direct, malformed.encode())));
    wait_until("all are closed again", 5, || open_descriptors(pid) <= before + 2);
    assert_unharmed(place, pid);
}

/// Its kernel buffers are full, since the conductor stands still: so it is killed half-way for certain.
fn killed_in_the_middle(place: &Place, pid: u32) {
    kill(pid, Signal::STOP);
    let long = "x".repeat(100_000);
    let arguments: Vec<&str> = ["-e", "1"].into_iter().chain(std::iter::repeat_n(long.as_str(), 12)).collect();
    let mut running = place.client(arguments).spawn();
    std::thread::sleep(Duration::from_millis(300));
    assert!(running.child.try_wait().unwrap().is_none(), "the client did not wait for a conductor that stands still");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    kill(pid, Signal::CONT);
    assert_unharmed(place, pid);
}

#[test]
fn silent_connections_are_in_nobodys_way() {
    let place = Place::with_script("silent", SCRIPT);
    let pid = place.start();
    let before = open_descriptors(pid);
    let status = frame(Kind::Status, b"").unwrap();
    let idle: Vec<UnixStream> = (0..200).map(|_| connect(&place)).collect();
    let halves: Vec<UnixStream> = (0..20).map(|_| connect(&place)).collect();
    for mut half in &halves {
        half.write_all(&status[..8]).unwrap();
    }
    // As long as allowed, and then nothing.
    let promise = frame(Kind::Launch, &vec![0; MAX_BODY_BYTES as usize]).unwrap();
    let promises: Vec<UnixStream> = (0..20).map(|_| connect(&place)).collect();
    for mut promised in &promises {
        promised.write_all(&promise[..100]).unwrap();
    }
    let start = Instant::now();
    assert_unharmed(&place, pid);
    place.client(["-e", "1"]).run().assert_direct("booting", "plain\n", 3);
    assert!(start.elapsed() < Duration::from_secs(5), "others had to wait for {:?}", start.elapsed());
    let resident = resident_kb(pid);
    assert!(resident < 2 * MOST_RESIDENT_KB, "promises alone cost {resident} kB");
    wait_until("those that say nothing are let go", 20, || open_descriptors(pid) <= before + 1);
    drop((idle, halves, promises));
    assert_unharmed(&place, pid);
}

#[test]
fn the_log_is_bounded() {
    let place = Place::with_script("log", SCRIPT);
    let pid = place.start();
    let log = PathBuf::from(place.report().unwrap()["log"].as_str().unwrap());
    let old = log.with_extension("log.old");
    let bytes = |path: &Path| path.metadata().map_or(0, |found| found.len());
    let mut most = 0;
    // Until it was begun anew twice; each line is short, so this many connections write several times the bound.
    let (mut turns, mut last) = (0, 0);
    for round in 0..60_000 {
        let mut stream = connect(&place);
        let _ = stream.write_all(b"this is no message at all");
        assert_eq!(answer(&stream), None);
        if round % 100 == 0 {
            let now = bytes(&log);
            most = most.max(now).max(bytes(&old));
            turns += usize::from(now < last);
            last = now;
            if turns == 2 {
                break;
            }
        }
    }
    assert_eq!(turns, 2, "the log was not begun anew; it has {} bytes", bytes(&log));
    assert!(most < (1 << 20) + (64 << 10), "a log grew to {most} bytes");
    let mut names: Vec<_> =
        fs::read_dir(log.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, [log.file_name().unwrap(), old.file_name().unwrap()]);
    assert_unharmed(&place, pid);
    let resident = resident_kb(pid);
    assert!(resident < 2 * MOST_RESIDENT_KB, "the conductor grew to {resident} kB");
}

/// Connections made faster than they can be served: neither descriptors nor memory may grow with them, and whoever
/// comes in earnest is served all the while.
#[test]
fn a_flood_of_connections_is_held_back() {
    let place = Place::with_script("flood", SCRIPT);
    let pid = place.start();
    let before = open_descriptors(pid);
    let (mut most, start) = (0, Instant::now());
    for round in 0..20_000 {
        let mut stream = UnixStream::connect(place.socket()).unwrap();
        let _ = stream.write_all(b"this is no message at all");
        drop(stream);
        if round % 500 == 0 {
            most = most.max(open_descriptors(pid));
        }
    }
    assert_unharmed(&place, pid);
    assert!(start.elapsed() < Duration::from_secs(60), "a question was answered after {:?}", start.elapsed());
    assert!(most < before + 2000, "the conductor had {most} descriptors open");
    let resident = resident_kb(pid);
    assert!(resident < 2 * MOST_RESIDENT_KB, "the conductor grew to {resident} kB");
    wait_until("all are closed", 10, || open_descriptors(pid) <= before + 1);
}

// ---- hostile conductors

/// A conductor of this user that does something else: the program still runs.
struct FalseConductor {
    place: Place,
    /// Connections on which nothing more is said. With a launch's message they hold its descriptors.
    held: Arc<Mutex<Vec<UnixStream>>>,
}

impl FalseConductor {
    /// Each connection is given to `serve`; one that it returns is held.
    fn new(name: &str, serve: impl Fn(UnixStream) -> Option<UnixStream> + Send + 'static) -> Self {
        let place = Place::with_script(name, SCRIPT);
        let listener = UnixListener::bind(place.socket()).unwrap();
        let held = Arc::<Mutex<Vec<UnixStream>>>::default();
        let into = held.clone();
        // Ends with the test's process; what it holds is closed then.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().filter_map(serve) {
                into.lock().unwrap().push(stream);
            }
        });
        Self { place, held }
    }

    fn assert_launches_go_direct_in_time(&self, arguments: &[&str], reasons: &[&str]) {
        assert_goes_direct_in_time(&self.place, arguments, reasons, || self.held.lock().unwrap().clear());
    }
}

impl Drop for FalseConductor {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.socket());
    }
}

/// A client waits for a worker for five seconds; with all that goes before, not three times as long.
const PATIENCE: Duration = Duration::from_secs(13);

/// `release` lets go of what was passed to a conductor: the end of the program's output shows only then.
fn assert_goes_direct_in_time(place: &Place, arguments: &[&str], reasons: &[&str], release: impl FnOnce()) {
    let mut running = place.client(arguments).spawn();
    let start = Instant::now();
    while running.child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            running.child.kill().unwrap();
            panic!("the launch hangs, {PATIENCE:?} after it began");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    release();
    let outcome = running.finish();
    outcome.assert_ended("plain\n", 3);
    let Way::Direct(reason) = &outcome.way else { panic!("{outcome:#?}") };
    assert!(reasons.contains(&reason.as_str()), "{outcome:#?}");
}

#[test]
fn a_conductor_that_never_answers_costs_patience_and_no_more() {
    FalseConductor::new("mute", Some).assert_launches_go_direct_in_time(&["-e", "1"], &["too-slow"]);
}

#[test]
fn a_conductor_that_stops_in_its_answer_costs_patience_and_no_more() {
    let half = |mut stream: UnixStream| {
        stream.write_all(&frame(Kind::Direct, b"booting").unwrap()[..18]).unwrap();
        Some(stream)
    };
    FalseConductor::new("half", half).assert_launches_go_direct_in_time(&["-e", "1"], &["too-slow", "lost"]);
}

/// The message is longer than the kernel's buffers: writing it must not wait for ever either.
#[test]
fn a_conductor_that_does_not_read_costs_patience_and_no_more() {
    let long = "x".repeat(100_000);
    let arguments: Vec<&str> = ["-e", "1"].into_iter().chain(std::iter::repeat_n(long.as_str(), 12)).collect();
    FalseConductor::new("deaf", Some).assert_launches_go_direct_in_time(&arguments, &["too-slow", "lost"]);
}

/// Its queue of connections is full, since it stands still: connecting must not wait for ever either.
#[test]
fn a_conductor_that_does_not_accept_costs_patience_and_no_more() {
    let place = Place::with_script("full", SCRIPT);
    let pid = place.start();
    kill(pid, Signal::STOP);
    let mut queue = Vec::new();
    loop {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)
                .unwrap();
        if connect(&socket, &SocketAddrUnix::new(place.socket()).unwrap()).is_err() {
            break;
        }
        queue.push(socket);
    }
    let outcome = std::panic::catch_unwind(|| {
        assert_goes_direct_in_time(&place, &["-e", "1"], &["too-slow", "lost", "no-conductor"], || ());
    });
    drop(queue);
    kill(pid, Signal::CONT);
    outcome.unwrap();
}

#[test]
fn answers_that_make_no_sense_end_in_plain_julia() {
    let answers: [(&str, Vec<u8>); 5] = [
        ("closed", Vec::new()),
        ("garbage", vec![b'?'; 100]),
        ("huge", [&frame(Kind::Direct, b"").unwrap()[..8], &[0xff; 8]].concat()),
        ("a report", frame(Kind::Report, b"{}").unwrap()),
        ("of another protocol", forged(Kind::Direct, 9, u32::MAX, b"other-release")),
    ];
    for (name, bytes) in answers {
        let serve = move |mut stream: UnixStream| {
            // The client's message is read, or closing would throw our answer away.
            let mut head = [0; HEADER_BYTES];
            let _ = stream.read_exact(&mut head);
            let mut body = vec![0; Header::decode(&head).map_or(0, |header| header.body_bytes as usize)];
            let _ = stream.read_exact(&mut body);
            let _ = stream.write_all(&bytes);
            None
        };
        eprintln!("answer: {name}");
        FalseConductor::new("nonsense", serve)
            .assert_launches_go_direct_in_time(&["-e", "1"], &["lost", "other-release"]);
    }
}

/// A conductor of another release refuses `status` and `stop`; saying otherwise would be a lie.
#[test]
fn refused_commands_say_so() {
    let refuse = |mut stream: UnixStream| {
        let mut head = [0; HEADER_BYTES];
        let _ = stream.read_exact(&mut head);
        let _ = stream.write_all(&forged(Kind::Direct, PROTOCOL + 1, u32::MAX, b"other-release"));
        None
    };
    let conductor = FalseConductor::new("refusal", refuse);
    let mut steps = Steps::default();
    for words in [["status"].as_slice(), &["status", "--json"], &["stop"]] {
        steps.step(&words.join(" "), || {
            let output = conductor.place.daemon(words);
            assert_eq!((output.status.code(), stdout_of(&output).as_str()), (Some(1), ""), "{words:?}");
            assert!(stderr_of(&output).contains("release"), "{words:?}: {}", stderr_of(&output));
        });
    }
    steps.finish();
}

// ---- releases

#[test]
fn a_newer_client_makes_the_conductor_give_way() {
    let place = Place::with_script("newer", SCRIPT);
    for protocol in [PROTOCOL, PROTOCOL + 1] {
        let pid = place.start();
        let newer = forged(Kind::Launch, protocol, Release::OURS.0 + 1, b"whatever it may say");
        assert_eq!(ask(&place, &newer), Some((Kind::Retired, Vec::new())));
        assert!(!place.socket().exists(), "the name is not free");
        let lock = fs::File::open(place.lock()).unwrap();
        lock.try_lock().expect("the lock is not free");
        drop(lock);
        wait_until("it has ended", 5, || !is_alive(pid));
    }
}

/// Looking is not replacing: `jlapp daemon status` of a newer release must leave the conductor where it is.
#[test]
fn a_newer_status_does_not_end_the_conductor() {
    let place = Place::with_script("looking", SCRIPT);
    let pid = place.start();
    let answered = ask(&place, &forged(Kind::Status, PROTOCOL, Release::OURS.0 + 1, b""));
    assert!(!matches!(answered, Some((Kind::Retired, _))), "{answered:?}");
    assert_unharmed(&place, pid);
}

// ---- Julias that are not there, or no Julias

#[test]
fn a_julia_that_does_not_exist() {
    let place = Place::with_script("nowhere", SCRIPT);
    let missing = place.path("no/such/julia").display().to_string();
    let by_path = || place.client(["-e", "1"]).env("JULIA_DAEMON_WORKER_EXECUTABLE", &missing);
    let outcome = by_path().run();
    outcome.assert_direct("no-julia", "", 127);
    assert!(outcome.stderr.contains(&missing) && outcome.stderr.contains("No such file"), "{}", outcome.stderr);
    by_path().env("JULIA_DAEMON", "off").run().assert_direct("off", "", 127);
    let required = by_path().require().run();
    required.assert_ended("", 125);
    assert!(required.stderr.contains("no-julia"), "{}", required.stderr);
    let by_name = place.client(["-e", "1"]).env("JULIA_DAEMON_WORKER_EXECUTABLE", "no-such-julia").run();
    by_name.assert_ended("", 127);
    assert!(by_name.stderr.contains("no-such-julia") && by_name.stderr.contains("PATH"), "{}", by_name.stderr);
}

#[test]
fn a_julia_that_cannot_be_executed() {
    let place = Place::with_script("text", SCRIPT);
    fs::write(place.path("no-program"), "text").unwrap();
    let outcome = place.client(["-e", "1"]).env("JULIA_DAEMON_WORKER_EXECUTABLE", place.path("no-program")).run();
    outcome.assert_direct("", "", 126);
    assert!(outcome.stderr.contains("no-program"), "{}", outcome.stderr);
}

#[test]
fn a_julia_that_cannot_boot_runs_directly() {
    let place = Place::with_script("unbootable", "exit 3");
    place.client(["-e", "1"]).run().assert_direct("booting", "", 3);
    let known = || {
        let outcome = place.client(["-e", "1"]).run();
        outcome.assert_ended("", 3);
        outcome.way == Way::Direct("cannot-boot".into())
    };
    wait_until("it is known that it can't boot", 10, known);
    let required = place.client(["-e", "1"]).require().run();
    required.assert_direct("cannot-boot", "", 125);
    assert!(required.stderr.contains("cannot-boot"), "{}", required.stderr);
    let report = place.report().unwrap();
    assert!(report["workers"][0]["state"].as_str().unwrap().contains("log"), "{report}");
    let declined = report["declined"].as_array().unwrap();
    assert!(declined.iter().any(|entry| entry[0] == "cannot-boot"), "{report}");
}

/// Whoever insists on a worker is told in time that there will be none.
#[test]
fn a_julia_that_cannot_boot_is_not_waited_for() {
    for isolation in ["fork", "fresh"] {
        let place = Place::with_script("hopeless", "sleep 1; exit 3");
        let running = place.client(["-e", "1"]).require().env("JULIA_DAEMON_ISOLATION", isolation).spawn();
        let outcome = running.finish();
        assert!(outcome.took < Duration::from_secs(20), "{isolation}: told after {:?}", outcome.took);
        outcome.assert_direct("cannot-boot", "", 125);
    }
}

#[test]
fn off_starts_nothing() {
    let place = Place::with_script("off", SCRIPT);
    for off in ["off", "no", "0"] {
        place.client(["-e", "1"]).env("JULIA_DAEMON", off).run().assert_direct("off", "plain\n", 3);
    }
    assert_eq!(place.conductors(), Vec::<u32>::new());
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

// ---- a booted Julia

/// The conductor's one group of workers.
fn worker(place: &Place) -> serde_json::Value {
    place.worker()
}

#[test]
fn a_warm_conductor() {
    // Through a script, so that this Julia can be replaced.
    let wrapper = format!("exec '{}' \"$@\"", daemon_support::julia().display());
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
    let outcomes: Vec<Outcome> = running.into_iter().map(daemon_support::Running::finish).collect();
    let mut ran: Vec<&Way> = outcomes.iter().map(|outcome| &outcome.way).collect();
    for (number, outcome) in (0..).zip(&outcomes) {
        outcome.assert_served(&number.to_string(), number);
    }
    ran.sort_by_key(|way| format!("{way:?}"));
    ran.dedup();
    assert_eq!(ran.len(), 8, "a process was used twice");
}

/// Whether a program that changes what a process inherits can be had here.
fn can(prefix: &[&str]) -> bool {
    let tried = std::process::Command::new(prefix[0]).args(&prefix[1..]).arg("true").output();
    tried.is_ok_and(|output| output.status.success())
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
    let served: [(&[&str], &str, &str); 5] = [
        (&["nice", "-n", "5"], "print(ccall(:getpriority, Cint, (Cint, Cint), 0, 0))", "5"),
        (&["prlimit", "--nofile=200:"], "print(readchomp(`sh -c 'ulimit -Sn'`))", "200"),
        (&["prlimit", "--nofile=300:300"], "print(readchomp(`sh -c 'ulimit -Sn; ulimit -Hn'`))", "300\n300"),
        (&["prlimit", "--core=0:0"], "print(readchomp(`sh -c 'ulimit -Hc'`))", "0"),
        (&["setsid", "--wait"], "print(getpid() == ccall(:getpid, Cint, ()))", "true"),
    ];
    for (prefix, program, expected) in served {
        steps.step(&format!("served: {}", prefix.join(" ")), || {
            place.client(["-e", program]).require().through(prefix).run().assert_served(expected, 0);
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

fn kept_after_a_job(place: &Place, short_lived: impl Fn() -> daemon_support::Client) {
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
fn two_fresh_jobs(place: &Place, fresh: impl Fn(&str) -> daemon_support::Client) {
    let mut long = fresh(WAITS).spawn();
    let job = long.served_pid();
    fresh("exit(3)").run().assert_served("", 3);
    assert!(stays(500, || is_alive(job)), "the end of another job ended this one");
    let known = pids(&worker(place)["job_pids"]);
    long.finish().assert_served("runs\n", 7);
    assert_eq!(known, [job], "the running job was forgotten");
}

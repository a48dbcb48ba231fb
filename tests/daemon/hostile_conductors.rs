//! Hostile conductors.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jlapp::protocol::{HEADER_BYTES, Header, Kind, PROTOCOL, frame};
use rustix::process::Signal;

use super::daemon_support::{Place, Steps, Way, kill};
use super::shared::{SCRIPT, forged, stderr_of, stdout_of};

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
    let mute = FalseConductor::new("mute", Some);
    mute.assert_launches_go_direct_in_time(&["-e", "1"], &["too-slow"]);
    let output = mute.place.daemon(&["status"]);
    let (said, pid) = (stderr_of(&output), std::process::id());
    assert!(!output.status.success() && said.contains("has not answered for 4 seconds"), "{said}");
    assert!(said.contains(&format!("kill -9 {pid}")), "{said}");
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

//! Hostile clients.

use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jlapp::protocol::{Kind, MAX_BODY_BYTES, PROTOCOL, Refusal, Release, frame};
use rustix::process::Signal;

use super::daemon_support::{Place, Steps, kill, resident_kb, wait_until};
use super::shared::{
    MOST_RESIDENT_KB, SCRIPT, answer, ask, assert_unharmed, connect, forged, launch_message, open_descriptors,
};

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
    let (kind, body) = answer(&stream).unwrap();
    let refusal = Refusal::decode(&body).unwrap();
    assert_eq!((kind, refusal.reason.as_slice(), refusal.command), (Kind::Direct, b"malformed".as_slice(), Vec::new()));
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

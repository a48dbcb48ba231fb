//! Messages as bytes: what one side writes the other reads, and nothing hostile is believed.
//!
//! `tests/golden/job.bin` is read by both sides: here by the Rust code, and by the worker's source in a real Julia.
//! After a deliberate change of the layout: `JLAPP_BLESS=1 cargo test --test protocol`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "daemon_support/counting.rs"]
mod counting;
mod daemon_support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use jlapp::protocol::{
    Account, HEADER_BYTES, Header, Job, Kept, Kind, Launch, Limit, MAX_BODY_BYTES, OptionValue, PACKET_BYTES, PROTOCOL,
    Packet, Refusal, Release, Revise, Warmed, frame,
};
use proptest::collection::vec;
use proptest::prelude::*;

use counting::peak_allocation;
use daemon_support::{Place, julia};

// ---- anything that can be said

fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(text(), 0..6)
}

fn kepts() -> impl Strategy<Value = Kept> {
    let wishes = prop_oneof![Just(Revise::IfThere), Just(Revise::Yes), Just(Revise::No)];
    let all = (text(), any::<bool>(), any::<bool>(), wishes);
    all.prop_map(|(label, fails_when_busy, restarts, revise)| Kept { label, fails_when_busy, restarts, revise })
}

fn launches() -> impl Strategy<Value = Launch> {
    let words = (proptest::option::of(text()), proptest::option::of(text()), texts(), texts(), vec(any::<u32>(), 0..6));
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>(), any::<bool>(), any::<u32>());
    let numbers = (numbers, proptest::option::of(kepts()));
    (words, numbers).prop_map(|((channel, app, arguments, environment, descriptors), numbers)| {
        let ((umask, ignored_signals, blocked_signals, session, process_group, require, terminal), kept) = numbers;
        Launch {
            channel,
            app,
            arguments,
            environment,
            descriptors,
            umask,
            ignored_signals,
            blocked_signals,
            session,
            process_group,
            require,
            terminal,
            kept,
        }
    })
}

fn options() -> impl Strategy<Value = (Vec<u8>, OptionValue)> {
    let values = prop_oneof![any::<i32>().prop_map(OptionValue::Number), text().prop_map(OptionValue::Text)];
    (text(), values)
}

fn limits() -> impl Strategy<Value = (u32, Limit)> {
    (any::<u32>(), any::<u64>(), any::<u64>()).prop_map(|(resource, soft, hard)| (resource, Limit { soft, hard }))
}

fn jobs() -> impl Strategy<Value = Job> {
    let numbers = (vec(any::<u32>(), 0..6), any::<u32>(), any::<u64>(), any::<i32>(), any::<u64>());
    let lists = (vec(limits(), 0..4), texts(), texts(), texts(), vec(options(), 0..4));
    (numbers, lists).prop_map(|(numbers, lists)| {
        let (descriptors, umask, ignored_signals, niceness, stack_bytes) = numbers;
        let (limits, environment, arguments, commands, options) = lists;
        Job {
            descriptors,
            umask,
            ignored_signals,
            niceness,
            limits,
            environment,
            arguments,
            commands,
            options,
            stack_bytes,
        }
    })
}

fn packets() -> impl Strategy<Value = Packet> {
    (0..10u8, any::<u32>(), any::<i32>()).prop_map(|(kind, pid, value)| match kind {
        0 => Packet::Ready { pid },
        1 => Packet::Go,
        2 => Packet::Ended { pid, status: value },
        3 => Packet::Fork { count: value },
        4 => Packet::Spare { pid },
        5 => Packet::Watch { pid },
        6 => Packet::Booted { version: value },
        7 => Packet::CannotFork { probe: value },
        8 => Packet::Stopped { pid, signal: value },
        _ => Packet::Succeed,
    })
}

/// What holds for every message: cut short anywhere or with a byte too many, it is an error.
fn only_the_whole_decodes<T: PartialEq + std::fmt::Debug, E: std::fmt::Debug>(
    whole: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
) {
    for cut in 0..whole.len() {
        assert!(decode(&whole[..cut]).is_err(), "the first {cut} of {} bytes were taken for a message", whole.len());
    }
    for extra in [0, 1, 0xff] {
        let longer: Vec<u8> = whole.iter().copied().chain([extra]).collect();
        assert!(decode(&longer).is_err(), "a leftover byte {extra} was not noticed");
    }
}

proptest! {
    #[test]
    fn a_launch_arrives_as_it_was(launch in launches()) {
        let bytes = launch.encode();
        prop_assert_eq!(Launch::decode(&bytes).unwrap(), launch);
        only_the_whole_decodes(&bytes, Launch::decode);
    }

    #[test]
    fn a_job_arrives_as_it_was(job in jobs()) {
        let bytes = job.encode();
        prop_assert_eq!(Job::decode(&bytes).unwrap(), job);
        only_the_whole_decodes(&bytes, Job::decode);
    }

    #[test]
    fn a_refusal_arrives_as_it_was(reason in text(), why in text(), command in texts()) {
        let refusal = Refusal { reason, why, command };
        let bytes = refusal.encode();
        prop_assert_eq!(Refusal::decode(&bytes).unwrap(), refusal);
        only_the_whole_decodes(&bytes, Refusal::decode);
    }

    #[test]
    fn an_account_arrives_as_it_was(kind in text(), why in text(), took_us: u32) {
        let account = Account { kind, why, took_us };
        let bytes = account.encode();
        prop_assert_eq!(Account::decode(&bytes).unwrap(), account);
        only_the_whole_decodes(&bytes, Account::decode);
    }

    #[test]
    fn what_was_warmed_arrives_as_it_was(is_ready: bool, about in text()) {
        let warmed = Warmed { is_ready, about };
        let bytes = warmed.encode();
        prop_assert_eq!(Warmed::decode(&bytes).unwrap(), warmed);
        only_the_whole_decodes(&bytes, Warmed::decode);
    }

    #[test]
    fn a_packet_arrives_as_it_was(packet in packets()) {
        let bytes = packet.encode();
        prop_assert_eq!(Packet::decode(&bytes).unwrap(), packet);
        only_the_whole_decodes(&bytes, Packet::decode);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = (Launch::decode(&bytes), Job::decode(&bytes), Packet::decode(&bytes), Refusal::decode(&bytes));
        if let Some(head) = bytes.first_chunk::<HEADER_BYTES>() {
            let _ = Header::decode(head).map(|header| header.kind());
        }
    }

    /// A changed byte gives another message or an error, never the same one: no byte is without meaning.
    #[test]
    fn no_byte_of_a_job_is_ignored(job in jobs(), at in any::<prop::sample::Index>(), change in 1..=255u8) {
        let mut bytes = job.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(Job::decode(&bytes).ok() != Some(job));
    }
}

// ---- headers

#[test]
fn a_header_is_magic_version_kind_length_release() {
    let framed = frame(Kind::Launch, b"abc").unwrap();
    let release = Release::OURS.0.to_le_bytes();
    let expected = [b"JLAP".as_slice(), &[3, 0], &[1, 0], &[3, 0, 0, 0], &release, b"abc"].concat();
    assert_eq!(framed, expected);
    let header = Header::decode(framed.first_chunk().unwrap()).unwrap();
    assert_eq!((header.protocol, header.kind(), header.body_bytes), (PROTOCOL, Ok(Kind::Launch), 3));
    assert_eq!(header.release, Release::OURS);
}

#[test]
fn kinds_keep_their_numbers() {
    let numbers = [
        (Kind::Launch, 1),
        (Kind::Status, 2),
        (Kind::Stop, 3),
        (Kind::Drain, 4),
        (Kind::Warm, 5),
        (Kind::Direct, 16),
        (Kind::Retired, 17),
        (Kind::Report, 18),
        (Kind::Stopped, 19),
        (Kind::Served, 20),
        (Kind::Warmed, 21),
        (Kind::Job, 32),
    ];
    for (kind, number) in numbers {
        let framed = frame(kind, b"").unwrap();
        assert_eq!(u16::from_le_bytes([framed[6], framed[7]]), number, "{kind:?}");
        assert_eq!(Header::decode(framed.first_chunk().unwrap()).unwrap().kind(), Ok(kind));
    }
}

fn header(change: impl FnOnce(&mut [u8; HEADER_BYTES])) -> [u8; HEADER_BYTES] {
    let mut bytes = *frame(Kind::Status, b"").unwrap().first_chunk().unwrap();
    change(&mut bytes);
    bytes
}

#[test]
fn headers_that_are_not_ours_are_refused() {
    assert!(Header::decode(&header(|bytes| bytes[0] = b'j')).is_err());
    assert!(Header::decode(&[0; HEADER_BYTES]).is_err());
    let length = |length: u32| header(|bytes| bytes[8..12].copy_from_slice(&length.to_le_bytes()));
    assert!(Header::decode(&length(MAX_BODY_BYTES)).is_ok());
    assert!(Header::decode(&length(MAX_BODY_BYTES + 1)).is_err());
    assert!(Header::decode(&length(u32::MAX)).is_err());
    let unknown = Header::decode(&header(|bytes| bytes[6] = 99)).unwrap();
    assert!(unknown.kind().is_err());
}

/// The version must be readable whatever else has changed, or two releases could not part in peace.
#[test]
fn a_header_of_another_version_is_still_read() {
    let other = Header::decode(&header(|bytes| bytes[4] = 77)).unwrap();
    assert_eq!(other.protocol, 77);
    assert_eq!(other.release, Release::OURS);
}

#[test]
fn a_body_that_nobody_would_accept_is_not_framed() {
    let longest = vec![0; MAX_BODY_BYTES as usize];
    assert!(frame(Kind::Job, &longest).is_ok());
    assert!(frame(Kind::Job, &[longest, vec![0]].concat()).is_err());
}

#[test]
fn releases_compare_as_versions_do() {
    let ours = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse::<u32>().unwrap());
    let number = ours.fold(0, |number, part| (number << 10) | part);
    assert_eq!(Release::OURS, Release(number));
    assert!(Release(number + 1) > Release::OURS);
}

// ---- hostile lengths

/// A message that promises more than it holds costs no more than the promise of what it holds.
#[test]
fn hostile_lengths_reserve_nothing() {
    // A launch whose first list, or any other field, says that billions follow.
    for at in 0..24 {
        let mut bytes = vec![0; 64];
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let peak = peak_allocation(|| {
            let _ = (Launch::decode(&bytes), Job::decode(&bytes));
        });
        assert!(peak < 16 << 10, "a length of 2^32-1 at byte {at} of 64 made decoding allocate {peak} bytes");
    }
}

/// An empty string takes 4 bytes in a message and 24 in memory: 6 times as much, and growing at most doubles that.
#[test]
fn a_long_message_costs_a_small_multiple_of_its_length() {
    let promise = u32::MAX.to_le_bytes();
    let length = 1 << 20;
    let launch = [[0; 4].as_slice(), &promise, &vec![0xff; length]].concat();
    // Before the environment stand descriptors, umask, signals, niceness and limits: 24 bytes.
    let job = [[0; 24].as_slice(), &promise, &vec![0xff; length]].concat();
    for (name, peak) in [
        ("launch", peak_allocation(|| drop(Launch::decode(&launch)))),
        ("job", peak_allocation(|| drop(Job::decode(&job)))),
    ] {
        assert!(
            peak <= 14 * length,
            "a {name} of {length} bytes with a false length made decoding allocate {peak} bytes"
        );
    }
}

// ---- golden bytes

/// Every field has a value of its own; texts are empty, not UTF-8, with newlines and beyond ASCII.
fn golden_job() -> Job {
    let texts = |items: &[&[u8]]| items.iter().map(|item| item.to_vec()).collect();
    Job {
        descriptors: vec![0, 1, 2, 7, 255],
        umask: 0o027,
        ignored_signals: 1 << 63 | 1 << 12,
        niceness: -5,
        limits: vec![(7, Limit { soft: 1024, hard: u64::MAX }), (3, Limit { soft: 8 << 20, hard: 1 << 40 })],
        environment: texts(&[
            b"HOME=/home/user",
            b"EMPTY=",
            b"no equals sign",
            b"BYTES=\xff\xfe\n",
            "UMLAUT=ä".as_bytes(),
        ]),
        arguments: texts(&[b"script.jl", b"", b"two words", b"\x80"]),
        commands: texts(&[b"eprintln(1)", b"E1 + 1", b"L/some/file.jl"]),
        options: vec![
            (b"quiet".to_vec(), OptionValue::Number(1)),
            (b"banner".to_vec(), OptionValue::Number(-1)),
            (b"project".to_vec(), OptionValue::Text(b"/some/\xffproject".to_vec())),
            (b"color".to_vec(), OptionValue::Number(i32::MIN)),
            (b"empty".to_vec(), OptionValue::Text(Vec::new())),
        ],
        stack_bytes: 8 << 20,
    }
}

fn golden_file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/job.bin")
}

#[test]
fn a_job_is_the_golden_bytes() {
    let job = golden_job();
    if std::env::var_os("JLAPP_BLESS").is_some() {
        fs::write(golden_file(), job.encode()).unwrap();
    }
    let golden = fs::read(golden_file()).unwrap();
    assert_eq!(
        job.encode(),
        golden,
        "the layout has changed: PROTOCOL must change with it (JLAPP_BLESS=1 writes the file)"
    );
    assert_eq!(Job::decode(&golden).unwrap(), job);
}

#[test]
fn packets_are_three_integers() {
    let all = [
        (Packet::Ready { pid: 258 }, [1, 258, 0]),
        (Packet::Go, [2, 0, 0]),
        (Packet::Ended { pid: 3, status: -2 }, [3, 3, -2]),
        (Packet::Fork { count: 4 }, [4, 0, 4]),
        (Packet::Spare { pid: 5 }, [5, 5, 0]),
        (Packet::Watch { pid: 6 }, [6, 6, 0]),
        (Packet::Booted { version: 0x0001_0503 }, [7, 0, 0x0001_0503]),
        (Packet::CannotFork { probe: -1 }, [8, 0, -1]),
        (Packet::Succeed, [9, 0, 0]),
        (Packet::TimeToLive { pid: 7, seconds: 60 }, [13, 7, 60]),
    ];
    for (packet, numbers) in all {
        let expected: Vec<u8> = numbers.iter().flat_map(|number: &i32| number.to_le_bytes()).collect();
        assert_eq!(packet.encode().as_slice(), expected, "{packet:?}");
        assert_eq!(expected.len(), PACKET_BYTES);
    }
}

// ---- the other side

/// Reads frames and packets with the worker's own functions and prints every field, texts as hexadecimal digits.
const READER: &str = r#"
const W = Module(:JuliaWorker)
Base.include_string(W, read(ARGS[1], String), "worker.jl")
hex(text) = bytes2hex(Vector{UInt8}(codeunits(text)))
function receive(bytes)
    here, there = W.socket_pair(1)
    ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), there, bytes, length(bytes))
    W.close_fd(there)
    W.receive_frame(here, Cint[], W.MessageBuffers())
end
decode(frame) = W.decode_job(frame, W.HEADER_BYTES + 1)
function show_job(job)
    println("descriptors", map(d -> " $d", job.descriptors)...)
    println("umask ", job.umask, " ignored ", job.ignored_signals, " niceness ", job.niceness)
    for limit in job.limits; println("limit ", limit.resource, " ", limit.soft, " ", limit.hard); end
    for name in (:environment, :arguments, :commands), item in getfield(job, name); println(name, " ", hex(item)); end
    for (name, value) in job.numbers; println("number ", hex(name), " ", value); end
    for (name, value) in job.texts; println("text ", hex(name), " ", hex(value)); end
    println("stack ", job.stack_bytes)
end
function is_refused(frame)
    try
        decode(frame)
        false
    catch error
        error isa ErrorException || rethrow()
        true
    end
end
frame = read(ARGS[2])
show_job(decode(receive(frame)))
println("short ", count(cut -> is_refused(frame[1:cut]), W.HEADER_BYTES:length(frame)-1))
println("long ", is_refused([frame; 0x00]))
println("closed early ", receive(frame[1:end-1]) === nothing)
packets = read(ARGS[3])
for at in 1:W.PACKET_BYTES:length(packets)
    bytes = packets[at:at+W.PACKET_BYTES-1]
    kind, pid, value = W.decode_packet(bytes)
    println("packet ", Int(kind), " ", pid, " ", value, " ", W.encode_packet(kind, pid, value) == bytes)
end
names = (:READY, :GO, :ENDED, :FORK, :SPARE, :WATCH, :BOOTED, :CANNOT_FORK, :SUCCEED)
println("kinds", map(name -> " $(Int(getfield(W, name)))", names)...)
"#;

/// What [`READER`] must print for a job.
fn description(job: &Job) -> String {
    let hex = |text: &[u8]| text.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let mut out = String::from("descriptors");
    for number in &job.descriptors {
        write!(out, " {number}").unwrap();
    }
    let (umask, ignored, niceness) = (job.umask, job.ignored_signals, job.niceness);
    writeln!(out, "\numask {umask} ignored {ignored} niceness {niceness}").unwrap();
    for (resource, limit) in &job.limits {
        writeln!(out, "limit {resource} {} {}", limit.soft, limit.hard).unwrap();
    }
    let lists = [("environment", &job.environment), ("arguments", &job.arguments), ("commands", &job.commands)];
    for (name, list) in lists {
        for item in list {
            writeln!(out, "{name} {}", hex(item)).unwrap();
        }
    }
    for (name, value) in &job.options {
        if let OptionValue::Number(number) = value {
            writeln!(out, "number {} {number}", hex(name)).unwrap();
        }
    }
    for (name, value) in &job.options {
        if let OptionValue::Text(text) = value {
            writeln!(out, "text {} {}", hex(name), hex(text)).unwrap();
        }
    }
    writeln!(out, "stack {}", job.stack_bytes).unwrap();
    out
}

#[test]
fn the_worker_reads_the_same_golden_bytes() {
    let place = Place::new("protocol");
    let golden = fs::read(golden_file()).unwrap();
    let packets = [
        Packet::Ready { pid: 1 },
        Packet::Ended { pid: 4_194_304, status: -2 },
        Packet::Spare { pid: u32::MAX },
        Packet::Booted { version: i32::MIN },
    ];
    let files = [
        ("reader.jl", READER.as_bytes().to_vec()),
        ("worker.jl", jlapp::worker::SOURCE.as_bytes().to_vec()),
        ("frame.bin", frame(Kind::Job, &golden).unwrap()),
        ("packets.bin", packets.iter().flat_map(|packet| packet.encode()).collect()),
    ];
    for (name, bytes) in &files {
        fs::write(place.path(name), bytes).unwrap();
    }
    let mut command = Command::new(julia());
    command.arg("--startup-file=no").args(files.iter().map(|(name, _)| place.path(name)));
    let output = command.env_clear().env("HOME", place.path("")).output().unwrap();
    let mut expected = description(&golden_job());
    writeln!(expected, "short {}\nlong true\nclosed early true", golden.len()).unwrap();
    for (kind, pid, value) in [(1, 1, 0), (3, 4_194_304, -2), (5, u32::MAX, 0), (7, 0, i32::MIN)] {
        writeln!(expected, "packet {kind} {pid} {value} true").unwrap();
    }
    expected.push_str("kinds 1 2 3 4 5 6 7 8 9\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

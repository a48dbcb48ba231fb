//! What the tests share: talking to a conductor without a client, and looking at it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use jlapp::protocol::{HEADER_BYTES, Header, Kind, Launch, frame};

use super::daemon_support::Place;

/// What the script that stands in for Julia prints and ends with.
pub const SCRIPT: &str = "echo plain\nexit 3";

/// A conductor's own memory, in kB.
pub const MOST_RESIDENT_KB: u64 = 10_000;

pub fn connect(place: &Place) -> UnixStream {
    let stream = UnixStream::connect(place.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// A frame with any header.
pub fn forged(kind: Kind, protocol: u16, release: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = frame(kind, body).unwrap();
    bytes[4..6].copy_from_slice(&protocol.to_le_bytes());
    bytes[12..16].copy_from_slice(&release.to_le_bytes());
    bytes
}

/// The conductor's answer; `None` when it closed without one.
pub fn answer(mut stream: &UnixStream) -> Option<(Kind, Vec<u8>)> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).ok()?;
    let header = Header::decode(&head).unwrap();
    let mut body = vec![0; header.body_bytes as usize];
    stream.read_exact(&mut body).unwrap();
    Some((header.kind().unwrap(), body))
}

pub fn ask(place: &Place, bytes: &[u8]) -> Option<(Kind, Vec<u8>)> {
    let mut stream = connect(place);
    stream.write_all(bytes).unwrap();
    answer(&stream)
}

pub fn launch_message() -> Vec<u8> {
    Launch { channel: None, ..Launch::default() }.encode()
}

/// Nothing that a conductor has gone through may show in how it serves the next.
pub fn assert_unharmed(place: &Place, pid: u32) {
    assert_eq!(place.conductor_pid(), pid, "another conductor answers");
}

pub fn open_descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

pub fn stderr_of(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout_of(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn log_of(place: &Place) -> String {
    stdout_of(&place.daemon(&["logs"]))
}

/// Whether a program that changes what a process inherits can be had here.
pub fn can(prefix: &[&str]) -> bool {
    let tried = std::process::Command::new(prefix[0]).args(&prefix[1..]).arg("true").output();
    tried.is_ok_and(|output| output.status.success())
}

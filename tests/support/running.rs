//! A launch that runs, and how it ended.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;
use std::{fs, thread};

use super::capture::Capture;
use super::terminal::Terminal;
use super::wait::{comes_true, wait_until};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Exited(i32),
    Killed(i32),
    /// It had not by its deadline, or something still held its output open, and was killed.
    TooLate,
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Killed(status.signal().unwrap()), Self::Exited)
    }
}

/// Everything that a launch left. On a terminal all output is `stdout`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub end: End,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Other descriptors that were read.
    pub others: Vec<(RawFd, Vec<u8>)>,
}

impl Outcome {
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// A launch that was started and has not been waited for.
pub struct Running {
    pub(super) folder: PathBuf,
    pub(super) child: Child,
    pub(super) captures: Vec<(RawFd, Capture)>,
    pub(super) held: Vec<(RawFd, OwnedFd)>,
    pub(super) files: Vec<(RawFd, PathBuf)>,
    pub(super) terminal: Option<Terminal>,
    /// What the shell says of its job, and where it is told what to do.
    pub(super) shell: Option<(Capture, OwnedFd)>,
    pub(super) deadline: Duration,
}

impl Running {
    /// Of the process that was started: `julia`, `juliaclient`, or the shell.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// What comes out of a descriptor, or of the terminal.
    pub fn output(&self, number: RawFd) -> &Capture {
        let piped = self.captures.iter().find(|(other, _)| *other == number).map(|(_, capture)| capture);
        piped.or_else(|| self.terminal.as_ref().map(|terminal| &terminal.capture)).expect("this descriptor is not read")
    }

    pub fn stdout(&self) -> &Capture {
        self.output(1)
    }

    pub fn stderr(&self) -> &Capture {
        self.output(2)
    }

    pub fn terminal(&self) -> &Terminal {
        self.terminal.as_ref().expect("this launch has no terminal")
    }

    /// Writes to a descriptor that is [`super::Stream::Held`], or types.
    pub fn write(&self, bytes: impl AsRef<[u8]>) {
        match (&self.terminal, self.held.first()) {
            (Some(terminal), _) => terminal.write(bytes.as_ref()),
            (None, Some((_, pipe))) => write_all(pipe, bytes.as_ref()),
            (None, None) => panic!("nothing to write to"),
        }
    }

    /// What the shell says of its job: `started 12`, `stopped 20`, `continued`, `exited 0`, `killed 15`.
    pub fn shell(&self) -> &Capture {
        &self.shell.as_ref().expect("no shell").0
    }

    /// Tells the shell `fg` or `bg`.
    pub fn tell_shell(&self, command: &str) {
        write_all(&self.shell.as_ref().expect("no shell").1, format!("{command}\n").as_bytes());
    }

    /// The process that the shell has started, leader of its group.
    pub fn job_pid(&self) -> i32 {
        self.shell().await_text("\n");
        started_job(&self.shell().so_far()).expect("the shell started nothing")
    }

    /// Ends the held input.
    pub fn end_input(&mut self) {
        self.held.clear();
    }

    /// Waits for a file in the launch's folder, which the program makes when it is where the test wants it.
    pub fn await_file(&self, name: &str) {
        wait_until(&format!("the program has made the file {name}"), || self.folder.join(name).exists());
    }

    pub fn signal(&self, signal: i32) {
        send(self.pid(), signal);
    }

    /// Signals the process group that the launch was started in.
    pub fn signal_group(&self, signal: i32) {
        send(-self.pid(), signal);
    }

    /// Hangs its terminal up.
    pub fn hang_up(&mut self) {
        self.terminal.take().expect("this launch has no terminal").hang_up();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The process, its group, and the shell's job.
    fn kill(&self) {
        let job = self.shell.as_ref().and_then(|(reports, _)| started_job(&reports.so_far()));
        for pid in [Some(-self.pid()), Some(self.pid()), job.map(|job| -job)].into_iter().flatten() {
            send(pid, libc::SIGKILL);
        }
    }

    /// Waits for the end of the process and of its output.
    pub fn finish(mut self) -> Outcome {
        self.held.clear();
        let ended = comes_true(self.deadline, || self.child.try_wait().unwrap().is_some());
        if !ended {
            self.kill();
        }
        let status = self.child.wait().unwrap();
        let rest = if ended { Duration::from_secs(10) } else { Duration::from_secs(1) };
        let mut in_time = ended;
        let mut read = |capture: &Capture| {
            capture.all(rest).unwrap_or_else(|| {
                in_time = false;
                capture.so_far()
            })
        };
        let mut outputs: Vec<(RawFd, Vec<u8>)> =
            self.captures.iter().map(|(number, capture)| (*number, read(capture))).collect();
        outputs.extend(self.terminal.iter().map(|terminal| (1, read(&terminal.capture))));
        outputs.extend(self.files.iter().map(|(number, path)| (*number, fs::read(path).unwrap())));
        let end = if in_time { End::from(status) } else { End::TooLate };
        Outcome::new(end, outputs)
    }
}

impl Outcome {
    fn new(end: End, outputs: Vec<(RawFd, Vec<u8>)>) -> Self {
        let mut outcome = Self { end, stdout: Vec::new(), stderr: Vec::new(), others: Vec::new() };
        for (number, bytes) in outputs {
            match number {
                1 => outcome.stdout.extend(bytes),
                2 => outcome.stderr.extend(bytes),
                _ => outcome.others.push((number, bytes)),
            }
        }
        outcome
    }
}

impl Drop for Running {
    /// A test that failed on the way leaves nothing behind.
    fn drop(&mut self) {
        if thread::panicking() && self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// From the shell's first line.
fn started_job(reports: &[u8]) -> Option<i32> {
    let said = String::from_utf8_lossy(reports);
    said.lines().next()?.strip_prefix("started ")?.parse().ok()
}

pub fn send(pid: i32, signal: i32) {
    // SAFETY: a signal to a process that the test started, or its group.
    unsafe { libc::kill(pid, signal) };
}

/// Writes as much as the reader takes; a reader that has gone is its own affair.
pub fn write_all(target: &OwnedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the bytes are as many as stated.
        let count = unsafe { libc::write(target.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(count) {
            Ok(count) => bytes = &bytes[count..],
            Err(_) => return,
        }
    }
}

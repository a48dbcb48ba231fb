//! Launches, the way that they go, and how they end.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{kill, wait_until};

/// A launch to be made.
pub struct Client {
    pub(super) prefix: Vec<OsString>,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) folder: PathBuf,
    pub(super) trace: PathBuf,
}

impl Client {
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.into(), value.as_ref().into());
        self
    }

    /// Only a worker will do; one that boots is waited for.
    pub fn require(self) -> Self {
        self.env("JULIA_DAEMON", "require")
    }

    /// Started by another program that changes what a process inherits: `unshare -n`, `nice`.
    pub fn through(mut self, words: &[&str]) -> Self {
        self.prefix = words.iter().map(OsString::from).collect();
        self
    }

    pub fn spawn(self) -> Running {
        let words: Vec<OsString> =
            self.prefix.into_iter().chain([env!("CARGO_BIN_EXE_juliaclient").into()]).chain(self.arguments).collect();
        let mut command = Command::new(&words[0]);
        let environment = self.environment;
        command.args(&words[1..]).env_clear().envs(&environment).current_dir(self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut asks = Command::new(env!("CARGO_BIN_EXE_jlapp"));
        asks.args(["daemon", "status", "--json"]).env_clear().envs(environment);
        Running { child: command.spawn().unwrap(), trace: self.trace, asks }
    }

    /// Runs it to its end, with nothing on its standard input.
    pub fn run(self) -> Outcome {
        self.spawn().finish()
    }
}

/// A launch that was made.
pub struct Running {
    pub child: Child,
    trace: PathBuf,
    /// Asks the conductor what it knows.
    asks: Command,
}

impl Running {
    /// Waits until the program has begun to run in a worker, and says in which process.
    pub fn served_pid(&mut self) -> u32 {
        let mut job = None;
        wait_until("the launch is served", 180, || {
            assert_eq!(self.child.try_wait().unwrap(), None, "it has ended; {:?}", way(&self.trace));
            job = self.job();
            job.is_some() && self.has_said_go()
        });
        job.unwrap()
    }

    /// The process that the conductor has given this launch to.
    fn job(&mut self) -> Option<u32> {
        let output = self.asks.output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let jobs = report["workers"].as_array()?.iter().flat_map(|worker| worker["jobs"].as_array().unwrap());
        let own = jobs.filter(|job| job["client_pid"] == self.child.id()).map(|job| &job["pid"]).next()?;
        u32::try_from(own.as_u64()?).ok()
    }

    /// A client holds signals back from "go" on (proc_pid_status(5)).
    fn has_said_go(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap_or("0").trim();
        u64::from_str_radix(blocked, 16).unwrap() & (1 << (rustix::process::Signal::INT.as_raw() - 1)) != 0
    }

    pub fn say(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Closes its standard input and waits for its end, five minutes at most.
    pub fn finish(mut self) -> Outcome {
        drop(self.child.stdin.take());
        let (pid, start) = (self.child.id(), Instant::now());
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if is_done.recv_timeout(Duration::from_secs(300)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                kill(pid, rustix::process::Signal::KILL);
            }
        });
        let output = self.child.wait_with_output().unwrap();
        drop(done);
        watchdog.join().unwrap();
        Outcome {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
            signal: output.status.signal(),
            way: way(&self.trace),
            trace: fs::read_to_string(&self.trace).unwrap_or_default(),
            took: start.elapsed(),
        }
    }
}

/// Which way a launch went, by its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    Served(u32),
    Direct(String),
    /// Nothing was traced.
    Unknown,
}

fn way(trace: &Path) -> Way {
    let text = fs::read_to_string(trace).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() <= 1, "one launch, and more than one line in its trace: {text}");
    let Some(line) = lines.first() else { return Way::Unknown };
    let line = line.rsplit_once(" after=").unwrap().0;
    if let Some(pid) = line.strip_prefix("juliaclient: served pid=") {
        return Way::Served(pid.parse().unwrap());
    }
    Way::Direct(line.strip_prefix("juliaclient: direct reason=").unwrap().to_owned())
}

/// How a launch ended.
#[derive(Debug)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub way: Way,
    /// Its line.
    pub trace: String,
    pub took: Duration,
}

impl Outcome {
    /// A number of its trace, without the unit.
    pub fn traced(&self, name: &str) -> Option<u64> {
        let field = self.trace.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        field.trim_end().trim_end_matches("us").parse().ok()
    }

    /// # Panics
    /// It was not served by a worker, or ended or printed otherwise.
    pub fn assert_served(&self, stdout: &str, code: i32) {
        assert!(matches!(self.way, Way::Served(_)), "not served: {self:#?}");
        self.assert_ended(stdout, code);
    }

    /// # Panics
    /// It went another way or for another reason, or ended or printed otherwise. The reason may go on after the one given.
    pub fn assert_direct(&self, reason: &str, stdout: &str, code: i32) {
        let Way::Direct(given) = &self.way else { panic!("not run as plain Julia, wanted {reason}: {self:#?}") };
        assert!(given.starts_with(reason), "wanted the reason {reason}: {self:#?}");
        self.assert_ended(stdout, code);
    }

    pub fn assert_ended(&self, stdout: &str, code: i32) {
        assert_eq!((self.stdout.as_str(), self.code, self.signal), (stdout, Some(code), None), "{self:#?}");
    }
}

//! A private place for real programs: folders of its own, an environment of its own, and nothing left behind.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The Julia to test with: `$JULIA`, else what `.ci/get-julia` finds or makes.
pub fn julia() -> &'static Path {
    static JULIA: OnceLock<PathBuf> = OnceLock::new();
    JULIA.get_or_init(|| {
        if let Some(julia) = std::env::var_os("JULIA").filter(|julia| !julia.is_empty()) {
            return julia.into();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/get-julia");
        let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), ".ci/get-julia found no Julia");
        OsStr::from_bytes(output.stdout.trim_ascii()).into()
    })
}

/// A list of depots with this one first. The empty entry is what comes with Julia: from 1.11 on standard libraries such as Pkg are
/// compiled there, which a lone depot would take minutes for.
pub fn depots(first: &Path) -> OsString {
    let mut list = first.as_os_str().to_owned();
    list.push(":");
    list
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says why a case was left out.
pub fn skip(case: &str, why: &str) {
    eprintln!("skipped: {case}: {why}");
}

/// Waits until something is as it should be.
///
/// # Panics
/// It has not come to that in time.
pub fn wait_until(what: &str, seconds: u64, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        assert!(Instant::now() < deadline, "after {seconds} s still not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether something stays as it is for so long.
pub fn stays(milliseconds: u64, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < end {
        if !is_so() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Steps that share what is dear to make: all run, and the failures are told together.
#[derive(Default)]
pub struct Steps {
    failed: Vec<String>,
}

impl Steps {
    pub fn step(&mut self, name: &str, work: impl FnOnce()) {
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        eprintln!(
            "  {} {name} ({} ms)",
            if outcome.is_ok() { "ok    " } else { "FAILED" },
            start.elapsed().as_millis()
        );
        if outcome.is_err() {
            self.failed.push(name.to_owned());
        }
    }

    /// # Panics
    /// A step has failed.
    pub fn finish(self) {
        assert!(self.failed.is_empty(), "these steps failed, see above: {:#?}", self.failed);
    }
}

/// A folder with a home and a runtime folder in it. When it is dropped, nothing may be left of what was started in it.
pub struct Place {
    folder: PathBuf,
    launches: AtomicU32,
    /// Sockets at which a conductor may have been started.
    server: Option<PathBuf>,
    julia: OsString,
    start: Instant,
}

impl Place {
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("jld-{name}-{}-{number}", std::process::id()));
        for part in ["", "home", "run"] {
            fs::DirBuilder::new().mode(0o700).create(folder.join(part)).unwrap();
        }
        let folder = fs::canonicalize(folder).unwrap();
        Self { folder, launches: AtomicU32::new(0), server: None, julia: OsString::new(), start: Instant::now() }
    }

    /// A place whose Julia is a shell script: for cases where the real one isn't the subject.
    pub fn with_script(name: &str, script: &str) -> Self {
        let mut place = Self::new(name);
        place.julia = place.write_program("julia", script).into();
        place
    }

    /// Launches and commands use this socket instead of the one in the runtime folder.
    pub fn at_socket(mut self, socket: impl Into<PathBuf>) -> Self {
        self.server = Some(socket.into());
        self
    }

    pub fn write_program(&self, name: &str, script: &str) -> PathBuf {
        let (path, beside) = (self.path(name), self.path(format!("{name}+")));
        fs::write(&beside, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(beside, &path).unwrap();
        path
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.server.clone().unwrap_or_else(|| self.path("run/julia-daemon.sock"))
    }

    pub fn lock(&self) -> PathBuf {
        let mut name = self.socket().into_os_string();
        name.push(".lock");
        name.into()
    }

    fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<OsString, OsString> = BTreeMap::from([
            ("HOME".into(), self.path("home").into()),
            ("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
            ("XDG_RUNTIME_DIR".into(), self.path("run").into()),
        ]);
        let julia = if self.julia.is_empty() { julia().into() } else { self.julia.clone() };
        all.insert("JULIA_DAEMON_WORKER_EXECUTABLE".into(), julia);
        all.extend(self.server.iter().map(|server| ("JULIA_DAEMON_SERVER".into(), server.into())));
        // The whole suite runs under either backend.
        all.extend(std::env::var_os("JULIA_DAEMON_IO").map(|io| ("JULIA_DAEMON_IO".into(), io)));
        all
    }

    /// `juliaclient` with these arguments.
    pub fn client<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Client {
        let trace = self.path(format!("trace-{}", self.launches.fetch_add(1, Ordering::Relaxed)));
        let mut environment = self.environment();
        environment.insert("JULIA_DAEMON_TRACE".into(), trace.clone().into());
        Client {
            prefix: Vec::new(),
            arguments: arguments.into_iter().map(|word| word.as_ref().to_owned()).collect(),
            environment,
            folder: self.folder.clone(),
            trace,
        }
    }

    /// A program of ours, ready to run.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).stdin(Stdio::null());
        command
    }

    /// `jlapp daemon …`.
    pub fn daemon(&self, words: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_jlapp")).arg("daemon").args(words).output().unwrap()
    }

    /// What `jlapp daemon status --json` says; `None` when no conductor runs.
    pub fn report(&self) -> Option<serde_json::Value> {
        let output = self.daemon(&["status", "--json"]);
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "jlapp daemon status --json: {problem}");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        Some(value).filter(|value| !value.is_null())
    }

    /// What is reported of the workers of the one key that is in use.
    pub fn worker(&self) -> serde_json::Value {
        let report = self.report().unwrap();
        let workers = report["workers"].as_array().unwrap();
        assert_eq!(workers.len(), 1, "{report:#}");
        workers[0].clone()
    }

    pub fn conductor_pid(&self) -> u32 {
        let report = self.report().expect("no conductor runs");
        u32::try_from(report["pid"].as_u64().unwrap()).unwrap()
    }

    /// Starts the conductor, and says which process it is.
    pub fn start(&self) -> u32 {
        let output = self.daemon(&["start"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.conductor_pid()
    }

    /// Process ids of conductors, by their command lines.
    pub fn conductors(&self) -> Vec<u32> {
        let is_one = |line: &str| line.contains("jlconductor") && line.contains(" run ");
        self.processes().into_iter().filter(|(_, line)| is_one(line)).map(|(pid, _)| pid).collect()
    }

    /// Every process that names this folder in its command line, environment or working directory.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let pids =
            fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid != std::process::id() && self.names_us(*pid))
            .map(|pid| (pid, command_line(pid)))
            .collect()
    }

    fn names_us(&self, pid: u32) -> bool {
        let needle = self.folder.as_os_str().as_bytes();
        let names = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).is_ok_and(|bytes| names(&bytes));
        let link = |name: &str| {
            fs::read_link(format!("/proc/{pid}/{name}")).is_ok_and(|link| names(link.as_os_str().as_bytes()))
        };
        file("cmdline") || file("environ") || link("cwd")
    }

    /// Files below the folder of the socket and the home that our programs have made.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        let mut folders = vec![self.path("run"), self.path("home")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path())
                } else {
                    all.push(entry.path())
                }
            }
        }
        all
    }

    /// Stops the conductor and waits for all that was started here to end.
    fn leave(&self) -> Result<(), String> {
        // Where a test has put something else at the socket's place, this fails and nothing is there to be stopped.
        let _ = self.daemon(&["stop"]);
        let deadline = Instant::now() + Duration::from_secs(40);
        while !self.processes().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let left = self.processes();
        for (pid, _) in &left {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        if !left.is_empty() {
            return Err(format!("processes were left behind: {left:#?}"));
        }
        self.check_files()
    }

    /// A socket's lock file stays: who removed it could take the lock from under a starting conductor.
    fn check_files(&self) -> Result<(), String> {
        let expected = |file: &PathBuf| {
            let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let is_profile = file.parent().is_some_and(|folder| folder.ends_with("jlapp/profiles"));
            is_profile || name.ends_with(".lock") || name.ends_with(".log") || name.ends_with(".log.old")
        };
        let left: Vec<PathBuf> = self.files().into_iter().filter(|file| !expected(file)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("files were left behind: {left:#?}")) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let used = self.start.elapsed().as_millis();
        let left = self.leave();
        let all = self.start.elapsed().as_millis();
        eprintln!("{}: {used} ms, with leaving {all} ms", self.folder.file_name().unwrap().display());
        if std::thread::panicking() {
            self.show_log();
            eprintln!("the folder of the failed test: {} ({left:?})", self.folder.display());
            return;
        }
        let _ = fs::remove_dir_all(&self.folder);
        assert_eq!(left, Ok(()));
    }
}

impl Place {
    /// What conductors here have logged.
    pub fn log(&self) -> String {
        let logs = fs::read_dir(self.path("home/.local/state/jlapp")).into_iter().flatten().flatten();
        logs.filter_map(|log| fs::read_to_string(log.path()).ok()).collect()
    }

    fn show_log(&self) {
        let text = self.log();
        let lines: Vec<&str> = text.lines().rev().take(30).collect();
        eprintln!("the end of the conductor's log:\n{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
}

/// A report's list of process ids.
pub fn pids(value: &serde_json::Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|pid| u32::try_from(pid.as_u64().unwrap()).unwrap()).collect()
}

/// A program that says that it runs, and ends when its standard input does.
pub const WAITS: &str = "println(\"runs\"); flush(stdout); read(stdin); exit(7)";

pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

pub fn is_alive(pid: u32) -> bool {
    // A process that has ended and was not taken away yet counts as ended.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Resident memory in kB (proc_pid_status(5)).
pub fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A launch to be made.
pub struct Client {
    prefix: Vec<OsString>,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    folder: PathBuf,
    trace: PathBuf,
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

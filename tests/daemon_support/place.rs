//! The folders, and what runs in them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{Client, command_line, julia};

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
        for part in ["", "home", "run", "tmp"] {
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
            ("TMPDIR".into(), self.path("tmp").into()),
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

    /// Files below the folder of the socket, the home and the folder for temporary files that our programs have made.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        let mut folders = vec![self.path("run"), self.path("home"), self.path("tmp")];
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

    /// Children of conductors that have ended and were not taken away.
    fn zombies(&self) -> Vec<u32> {
        let all = self.conductors().into_iter().flat_map(jlapp::sys::children::with_descendants);
        all.filter(|pid| super::processes::is_zombie(*pid)).collect()
    }

    /// Stops the conductor and waits for all that was started here to end.
    fn leave(&self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.zombies().is_empty() {
            if Instant::now() > deadline {
                return Err(format!("zombies: {:?}", self.zombies()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
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

//! A user of their own: home, runtime folder, environment, conductor.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, process};

use super::julia::julia;
use super::launch::{Launch, Way};
use super::leftovers::{self, Process};
use super::running::{Outcome, Running, send};
use super::spawn;
use super::turns::Turns;
use super::wait::comes_true;

/// Everything that a launch sees of a user, and the only conductor that it can reach.
///
/// The folder's path is short, since a socket's must be, and names the world: whatever process has it in its
/// environment or command line belongs to the world and must be gone at the end.
pub struct World {
    folder: PathBuf,
    launches: AtomicU32,
    pub turns: Turns,
}

/// How many launches workers of each kind have served.
pub type Served = BTreeMap<String, u64>;

impl World {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = PathBuf::from(format!("/tmp/jl{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        for part in ["", "home", "run", "work"] {
            fs::DirBuilder::new().mode(0o700).create(folder.join(part)).unwrap();
        }
        Self { folder, launches: AtomicU32::new(0), turns: Turns::default() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("run/s")
    }

    /// An empty folder for a case. The same name gives the same path.
    pub fn case_folder(&self, name: &str) -> PathBuf {
        let slug: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let folder = self.folder.join("work").join(slug);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A file for the trace of one launch.
    pub fn new_trace(&self) -> PathBuf {
        self.folder.join(format!("trace{}", self.launches.fetch_add(1, Ordering::Relaxed)))
    }

    /// What every launch finds in its environment, and nothing else.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let path = |path: PathBuf| path.into_os_string();
        let mut entries: Vec<(OsString, OsString)> = vec![
            ("HOME".into(), path(self.folder.join("home"))),
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
            ("LANG".into(), "C.UTF-8".into()),
            ("TERM".into(), "xterm".into()),
            ("XDG_RUNTIME_DIR".into(), path(self.folder.join("run"))),
            ("JULIA_DAEMON_SERVER".into(), path(self.socket())),
            ("JULIA_DAEMON_WORKER_EXECUTABLE".into(), julia().as_os_str().to_owned()),
        ];
        entries.extend(std::env::var_os("JULIA_DAEMON_IO").map(|io| ("JULIA_DAEMON_IO".into(), io)));
        entries
    }

    /// Starts a launch in `folder`.
    pub fn start(&self, way: Way, launch: &Launch, folder: &Path) -> Running {
        let mut environment = self.environment();
        for (name, value) in &launch.variables {
            environment.retain(|(other, _)| other != name);
            environment.extend(value.clone().map(|value| (name.clone(), value)));
        }
        let first = if way == Way::Plain { worker_arguments(&environment) } else { Vec::new() };
        let words: Vec<OsString> = first.into_iter().chain(launch.arguments.iter().cloned()).collect();
        spawn::spawn(&program(way), &words, &environment, folder, launch)
    }

    /// Runs `juliaclient` to its end, in a folder of its own.
    pub fn run(&self, launch: &Launch) -> Outcome {
        let number = self.launches.fetch_add(1, Ordering::Relaxed);
        self.start(Way::Client, launch, &self.case_folder(&format!("run{number}"))).finish()
    }

    /// A conductor with workers of the ordinary kind, ready to serve, and not about to change places.
    pub fn warm(&self) {
        let outcome = self.run(&Launch::new(["-e", "print(1)"]).env("JULIA_DAEMON", "require").deadline_seconds(300));
        assert_eq!(outcome.stdout, b"1", "the first launch failed: {outcome:?}");
        let is_growing = || self.status()["workers"][0]["is_growing"] != false;
        let deadline = Instant::now() + Duration::from_secs(300);
        while is_growing() {
            assert!(Instant::now() < deadline, "no successor came: {:#}", self.status());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn jlapp(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_jlapp"))
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What `jlapp daemon status` says; null where no conductor runs.
    pub fn status(&self) -> serde_json::Value {
        let output = self.jlapp(&["daemon", "status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Process ids that the status has under `key` in its workers: `zygote_pid`, `spare_pids`, `job_pids`.
    pub fn worker_pids(&self, key: &str) -> Vec<i32> {
        let status = self.status();
        let workers = status["workers"].as_array().cloned().unwrap_or_default();
        let values = workers.iter().flat_map(|worker| match &worker[key] {
            serde_json::Value::Array(pids) => pids.clone(),
            one => vec![one.clone()],
        });
        values.filter_map(|pid| i32::try_from(pid.as_i64()?).ok()).collect()
    }

    pub fn conductor_pid(&self) -> Option<i32> {
        i32::try_from(self.status()["pid"].as_i64()?).ok()
    }

    pub fn served(&self) -> Served {
        let mut served = Served::new();
        for worker in self.status()["workers"].as_array().into_iter().flatten() {
            *served.entry(worker["kind"].as_str().unwrap().to_owned()).or_default() +=
                worker["served"].as_u64().unwrap();
        }
        served
    }

    /// Ends the conductor and everything of this world; says what would not go.
    pub fn end(self) -> Vec<Process> {
        let stopped = self.jlapp(&["daemon", "stop"]);
        if !stopped.status.success() {
            eprintln!("jlapp daemon stop: {}", String::from_utf8_lossy(&stopped.stderr));
        }
        comes_true(Duration::from_secs(15), || leftovers::processes_of(&self.folder).is_empty());
        let left = leftovers::processes_of(&self.folder);
        for process in &left {
            send(process.pid, libc::SIGKILL);
        }
        left
    }

    /// The conductor's log, for a failure message.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.jlapp(&["daemon", "logs"]).stdout).into_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What `juliaclient` puts before the arguments.
fn worker_arguments(environment: &[(OsString, OsString)]) -> Vec<OsString> {
    let given = environment.iter().find(|(name, _)| name == "JULIA_DAEMON_WORKER_ARGS");
    let words = given.map_or("--startup-file=no", |(_, words)| words.to_str().unwrap());
    words.split_ascii_whitespace().map(OsString::from).collect()
}

fn program(way: Way) -> PathBuf {
    match way {
        Way::Plain => julia().to_owned(),
        Way::Client => env!("CARGO_BIN_EXE_juliaclient").into(),
    }
}

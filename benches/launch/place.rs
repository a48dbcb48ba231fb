//! A private home and runtime folder, and the programs in it.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jlapp::conductor::{Report, WorkerReport};

/// Nothing takes as long; what does is broken.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// After a fork the zygote and the kernel still have work to do, which would be counted as the next launch's.
const SETTLING: Duration = Duration::from_millis(40);

/// Two; one where nothing has been launched for long.
fn has_spares(worker: &WorkerReport) -> bool {
    worker.spare_pids.len() >= if worker.idle_seconds < 2 { 2 } else { 1 }
}

/// Where everything runs. Ends the conductor and removes the folder when it goes.
pub struct Place {
    folder: PathBuf,
    pub julia: PathBuf,
    programs: PathBuf,
}

impl Place {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let julia = std::env::var_os("JULIA").ok_or("JULIA must name a Julia; `make bench` sets it")?;
        let programs = Path::new(env!("CARGO_BIN_EXE_juliaclient")).parent().ok_or("no folder of programs")?;
        let folder = std::env::temp_dir().join(format!("jlapp-bench-{}", std::process::id()));
        let private = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        private(&folder)?;
        private(&folder.join("home"))?;
        private(&folder.join("run"))?;
        Ok(Self { folder, julia: fs::canonicalize(julia)?, programs: programs.to_owned() })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Which way each launch of [`Self::untimed_way`] went, one line per launch.
    fn trace(&self) -> PathBuf {
        self.folder.join("trace")
    }

    /// A program with nothing of this process's environment, without input and output.
    pub fn command<Word: AsRef<OsStr>>(&self, program: &Path, arguments: &[Word]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.env("HOME", self.folder.join("home")).env("XDG_RUNTIME_DIR", self.folder.join("run"));
        command.env("PATH", "/usr/bin:/bin").env("JULIA_DAEMON_WORKER_EXECUTABLE", &self.julia);
        // Where this process is killed and cannot clean up, workers end soon by themselves.
        command.env("JULIA_DAEMON_WORKER_TTL", "300");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub fn nothing(&self) -> Command {
        self.command::<&str>(Path::new("/bin/true"), &[])
    }

    /// Plain Julia, started as `juliaclient` would start it.
    pub fn plain(&self, arguments: &[String]) -> Command {
        let all: Vec<&str> = ["--startup-file=no"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        self.command(&self.julia, &all)
    }

    /// Fails rather than run as plain Julia.
    pub fn warm(&self, arguments: &[String]) -> Command {
        let mut command = self.command(&self.program("juliaclient"), arguments);
        command.env("JULIA_DAEMON", "require");
        command
    }

    /// Goes whichever way is open, and says so in the trace.
    pub fn cold(&self, arguments: &[String]) -> Command {
        let mut command = self.command(&self.program("juliaclient"), arguments);
        command.env("JULIA_DAEMON_TRACE", self.trace());
        command
    }

    /// The ways that launches of [`Self::cold`] went, each once.
    pub fn ways(&self) -> String {
        let lines = fs::read_to_string(self.trace()).unwrap_or_default();
        let way = |line: &str| line.split(" after=").next().unwrap_or_default().replace("juliaclient: ", "");
        let mut ways: Vec<String> = lines.lines().map(way).collect();
        ways.sort_unstable();
        ways.dedup();
        ways.join("; ")
    }

    /// `None` where no conductor runs.
    pub fn status(&self) -> Result<Option<Report>, Box<dyn Error>> {
        let mut command = self.command(&self.program("jlapp"), &["daemon", "status", "--json"]);
        let output = command.stdout(Stdio::piped()).output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Waits until its spares are there and nothing runs.
    pub fn wait_for_spares(&self) -> Result<WorkerReport, Box<dyn Error>> {
        let at_rest = |worker: &WorkerReport| {
            let settled = worker.state.starts_with("ready") && !worker.is_growing && worker.program.is_empty();
            settled && has_spares(worker) && worker.job_pids.is_empty()
        };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let found = self.status()?.and_then(|report| report.workers.into_iter().find(at_rest));
            if let Some(worker) = found {
                sleep(SETTLING);
                return Ok(worker);
            }
            sleep(POLL_INTERVAL);
        }
        Err(self.complaint("no spare came")?.into())
    }

    /// Waits until so many programs have branches with their spares.
    pub fn wait_for_branches(&self, count: usize) -> Result<(), Box<dyn Error>> {
        let is_ready = |worker: &&WorkerReport| !worker.program.is_empty() && has_spares(worker);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let report = self.status()?;
            if report.is_some_and(|report| report.workers.iter().filter(is_ready).count() >= count) {
                sleep(SETTLING);
                return Ok(());
            }
            sleep(POLL_INTERVAL);
        }
        Err(self.complaint("a branch did not come")?.into())
    }

    /// Waits until a program whose words contain these has a branch with its spares, which is not being made again.
    pub fn wait_for_branch_of(&self, words: &str) -> Result<(), Box<dyn Error>> {
        let is_ready =
            |worker: &&WorkerReport| worker.program.contains(words) && has_spares(worker) && !worker.is_growing;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.status()?.is_some_and(|report| report.workers.iter().any(|worker| is_ready(&worker))) {
                sleep(SETTLING);
                return Ok(());
            }
            sleep(POLL_INTERVAL);
        }
        Err(self.complaint(&format!("a branch of {words} did not come"))?.into())
    }

    /// Whether so many programs whose words contain these have branches that have taken memory to be forked quickly.
    pub fn are_in_a_loop(&self, words: &str, count: usize) -> Result<bool, Box<dyn Error>> {
        let workers = self.status()?.ok_or("the conductor has ended")?.workers;
        let are = workers.iter().filter(|worker| worker.program.contains(words) && worker.about.contains("in a loop"));
        Ok(are.count() >= count)
    }

    /// With what the daemon says about itself, for the folder with its log goes when this process ends.
    fn complaint(&self, what: &str) -> Result<String, Box<dyn Error>> {
        let said = |word: &str| self.command(&self.program("jlapp"), &["daemon", word]).stdout(Stdio::piped()).output();
        let (status, log) = (said("status")?.stdout, said("logs")?.stdout);
        Ok(format!("{what}\n{}\n{}", String::from_utf8_lossy(&status), String::from_utf8_lossy(&log)))
    }

    /// Stops the conductor and waits until its workers have ended too.
    pub fn stop(&self) -> Result<(), Box<dyn Error>> {
        let pids = self.status()?.map(|report| pids(&report)).unwrap_or_default();
        self.command(&self.program("jlapp"), &["daemon", "stop"]).status()?;
        let deadline = Instant::now() + PATIENCE;
        while pids.iter().any(|pid| runs(*pid)) {
            if Instant::now() > deadline {
                return Err("workers outlived their conductor".into());
            }
            sleep(POLL_INTERVAL);
        }
        sleep(SETTLING);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left lies in the temporary folder, and workers end with their conductor.
        let _ = self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Processes of the daemon.
fn pids(report: &Report) -> Vec<u32> {
    let of_workers = report.workers.iter().flat_map(|worker| worker.zygote_pid.iter().chain(&worker.spare_pids));
    of_workers.chain([&report.pid]).copied().collect()
}

/// Whether a process is there and has not ended.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

//! `jlapp daemon`: start, stop and look at the conductor.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use clap::Subcommand;

use crate::client::{self, Connection, socket};
use crate::conductor::{Report, WorkerReport, lock_path, log_path, log_path_beside};
use crate::protocol::Kind;
use crate::sys::files;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Start the daemon, if none is running
    Start,
    /// End the daemon; programs that run go on
    Stop,
    /// Show the daemon and its workers
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the daemon's log
    Logs,
}

impl Command {
    pub(super) fn run(self) -> io::Result<()> {
        match self {
            Self::Start => start(),
            Self::Stop => stop(),
            Self::Status { json } => status(json),
            Self::Logs => logs(),
        }
    }
}

fn start() -> io::Result<()> {
    match Connection::to_running() {
        Ok(_) => {
            println!("already running at {}", socket::path().display());
            return Ok(());
        }
        Err(error) if !is_absent(&error) => return Err(error),
        Err(_) => {}
    }
    client::start_conductor()?;
    println!("running at {}", socket::path().display());
    Ok(())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Returns when the lock is free, so that a start right after finds nothing in its way.
fn stop() -> io::Result<()> {
    match client::converse(Kind::Stop) {
        Ok(_) => {}
        Err(error) if is_absent(&error) => {
            println!("not running");
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_held(&lock_path(&socket::path())) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    println!("stopped; programs that run go on");
    Ok(())
}

fn is_held(lock: &Path) -> bool {
    lock.exists() && matches!(files::try_lock(lock), Ok(None))
}

fn status(json: bool) -> io::Result<()> {
    let body = match client::converse(Kind::Status) {
        Ok((_, body)) => body,
        Err(error) if is_absent(&error) && json => {
            println!("null");
            return Ok(());
        }
        Err(error) if is_absent(&error) => {
            println!("not running (the next launch starts it)");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if json {
        println!("{}", String::from_utf8_lossy(&body));
        return Ok(());
    }
    let report: Report = serde_json::from_slice(&body).map_err(io::Error::other)?;
    print_report(&report);
    Ok(())
}

/// The programs of all workers; none where no daemon runs.
pub(super) fn worker_programs() -> io::Result<Vec<PathBuf>> {
    let body = match client::converse(Kind::Status) {
        Ok((_, body)) => body,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let report: Report = serde_json::from_slice(&body).map_err(io::Error::other)?;
    Ok(report.workers.into_iter().map(|worker| worker.julia.into()).collect())
}

fn print_report(report: &Report) {
    println!("conductor {} (pid {}, {}, up {} s)", report.version, report.pid, report.io, report.uptime_seconds);
    println!("  socket  {}", report.socket);
    println!("  log     {}", report.log);
    println!("  served at once by a spare: {}", report.spare_hits);
    for (reason, count) in &report.declined {
        println!("  run as plain Julia, {reason}: {count}");
    }
    for (julia, why) in &report.not_forked {
        println!("  {julia} is not forked: {why}");
    }
    for (program, why) in &report.not_branched {
        println!("  nothing is done ahead for {program}: {why}");
    }
    for worker in &report.workers {
        print_worker(worker);
    }
}

fn print_worker(worker: &WorkerReport) {
    let growing = if worker.is_growing { "; a faster one is being prepared" } else { "" };
    println!("{} {} ({}{growing})", worker.kind, worker.julia, worker.state);
    if !worker.program.is_empty() {
        println!("  for {}", worker.program);
    }
    if !worker.about.is_empty() {
        println!("  {}; {} MB", worker.about, worker.own_bytes >> 20);
    }
    if !worker.switches.is_empty() {
        println!("  switches {}", worker.switches.join(" "));
    }
    println!(
        "  {} spares, {} running, {} served, {} waited; {} s old, idle {} s of {} s",
        worker.spare_pids.len(),
        worker.job_pids.len(),
        worker.served,
        worker.waited,
        worker.age_seconds,
        worker.idle_seconds,
        worker.ttl_seconds,
    );
}

/// The running daemon's own word, else where the last one would have logged.
fn current_log() -> PathBuf {
    let report = client::converse(Kind::Status).ok();
    let report: Option<Report> = report.and_then(|(_, body)| serde_json::from_slice(&body).ok());
    let usual = log_path(&socket::path());
    let beside = log_path_beside(&socket::path());
    report.map_or_else(|| if !usual.exists() && beside.exists() { beside } else { usual }, |report| report.log.into())
}

fn logs() -> io::Result<()> {
    let path = current_log();
    let opened = fs::File::open(&path);
    let mut file = opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    file.seek(SeekFrom::Start(0))?;
    let copied = io::copy(&mut file, &mut io::stdout().lock());
    match copied.and_then(|_| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

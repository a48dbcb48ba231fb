//! What `jlapp daemon status` shows.

use serde::{Deserialize, Serialize};

use super::Conductor;
use super::group::{Group, Phase};
use crate::worker::Isolation;

/// A conductor and its workers. Durations are in seconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub version: String,
    pub pid: u32,
    pub socket: String,
    pub log: String,
    pub io: String,
    pub uptime_seconds: u64,
    /// Launches that found a spare waiting.
    pub spare_hits: u64,
    /// Launches sent to plain Julia, by reason.
    pub declined: Vec<(String, u64)>,
    pub workers: Vec<WorkerReport>,
    /// Julias that are not forked, and why.
    pub not_forked: Vec<(String, String)>,
    /// Programs that have no branch, and why.
    pub not_branched: Vec<(String, String)>,
}

/// The workers of one key.
#[derive(Debug, Serialize, Deserialize)]
pub struct WorkerReport {
    pub julia: String,
    pub kind: String,
    pub state: String,
    /// Launches are going to be faster: a successor of the zygote is being prepared.
    pub is_growing: bool,
    /// The program that it is a branch for, the session that it is, or that it serves interactive launches; empty for workers of any program.
    pub program: String,
    /// Of a branch: what was done ahead.
    pub about: String,
    /// Memory that would be free without its zygote, in bytes, as it was last seen; of branches.
    pub own_bytes: u64,
    pub switches: Vec<String>,
    pub zygote_pid: Option<u32>,
    pub spare_pids: Vec<u32>,
    pub job_pids: Vec<u32>,
    pub served: u64,
    pub waited: u64,
    pub age_seconds: u64,
    pub idle_seconds: u64,
    pub ttl_seconds: u64,
}

pub(super) fn report(conductor: &Conductor) -> String {
    let pool = &conductor.pool;
    let mut workers: Vec<WorkerReport> = pool.groups.borrow().values().map(|group| worker_report(group)).collect();
    workers.sort_by(|one, other| (&one.program, &one.julia).cmp(&(&other.program, &other.julia)));
    let report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        socket: conductor.socket.display().to_string(),
        log: conductor.log.path().display().to_string(),
        io: conductor.io.name().to_owned(),
        uptime_seconds: conductor.started.elapsed().as_secs(),
        spare_hits: pool.spare_hits.get(),
        declined: pool.declined.borrow().iter().map(|(reason, count)| (reason.name().to_owned(), *count)).collect(),
        workers,
        not_forked: pool
            .unforkable
            .borrow()
            .iter()
            .map(|(julia, why)| (julia.path.display().to_string(), why.clone()))
            .collect(),
        not_branched: pool.warmth.refusals(),
    };
    serde_json::to_string(&report).unwrap_or_default()
}

fn worker_report(group: &Group) -> WorkerReport {
    let text = |word: &std::ffi::OsString| word.to_string_lossy().into_owned();
    WorkerReport {
        julia: group.key.julia.path.display().to_string(),
        kind: if group.key.program.is_some() { "branch" } else { group.key.isolation.name() }.to_owned(),
        state: state(group.phase.get()),
        is_growing: group.is_growing.get(),
        program: program(group),
        about: group.about.borrow().clone(),
        own_bytes: group.own_bytes.get(),
        switches: group.key.switches.iter().map(text).collect(),
        zygote_pid: group.zygote.borrow().as_ref().map(|(pid, _)| *pid),
        spare_pids: group.spares.borrow().iter().map(|spare| spare.pid).collect(),
        job_pids: group.jobs.borrow().keys().copied().collect(),
        served: group.served.get(),
        waited: group.misses.get(),
        age_seconds: group.since.elapsed().as_secs(),
        idle_seconds: group.last_used.get().elapsed().as_secs(),
        ttl_seconds: group.time_to_live.get().as_secs(),
    }
}

fn program(group: &Group) -> String {
    let is_for_repl = group.key.isolation == Isolation::Repl;
    let session = || group.key.session.as_ref().map(|session| session.words());
    let words = group.key.program.as_ref().map(|program| program.words()).or_else(session);
    words.or_else(|| is_for_repl.then(|| "REPLs and -i".to_owned())).unwrap_or_default()
}

fn state(phase: Phase) -> String {
    match phase {
        Phase::Booting => "booting".to_owned(),
        Phase::Ready((major, minor)) => format!("ready, Julia {major}.{minor}"),
        Phase::Failed(_) => "could not be started; see the log".to_owned(),
    }
}

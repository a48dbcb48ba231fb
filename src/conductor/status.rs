//! What `jlapp daemon status` shows.

use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::Conductor;
use super::group::{Group, Phase};
use super::pool::Pool;
use super::size::{self, Memory};
use super::unwarmed::UnwarmedReport;
use crate::worker::Isolation;

/// A conductor and its workers. Durations are in seconds, memory in bytes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub version: String,
    pub pid: u32,
    pub socket: String,
    pub log: String,
    pub io: String,
    pub uptime_seconds: u64,
    /// Started by systemd, whose socket it serves.
    pub is_activated: bool,
    /// No launch is served any more; it ends with the last program.
    pub is_draining: bool,
    /// Launches that a worker was given, and those of them that found one waiting.
    pub served: u64,
    pub spare_hits: u64,
    /// Launches sent to plain Julia, by reason.
    pub declined: Vec<(String, u64)>,
    /// What all workers take, without the programs that run, and what they may take.
    pub memory_bytes: u64,
    pub budget_bytes: u64,
    pub workers: Vec<WorkerReport>,
    /// Julias that are not forked, and why.
    pub not_forked: Vec<(String, String)>,
    /// Programs that have no branch, and why.
    pub not_branched: Vec<(String, String)>,
    /// The last launches that were not served as warm as could be, newest first.
    pub unwarmed: Vec<UnwarmedReport>,
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
    pub project: String,
    /// Of a branch: what was done ahead.
    pub about: String,
    /// Methods compiled ahead, of branches.
    pub methods: u32,
    /// What all launches have in common that it serves: process-wide switches, and variables that are read at start-up.
    pub switches: Vec<String>,
    pub variables: Vec<String>,
    /// In words, what it has otherwise than the first one of its program or its Julia.
    pub differs: Vec<String>,
    /// Of the zygote and the spares, without programs that run. `None`: it has not been looked at yet.
    pub memory: Option<Memory>,
    pub zygote_pid: Option<u32>,
    pub spare_pids: Vec<u32>,
    pub job_pids: Vec<u32>,
    pub jobs: Vec<JobReport>,
    pub served: u64,
    pub waited: u64,
    pub age_seconds: u64,
    pub idle_seconds: u64,
    pub ttl_seconds: u64,
}

/// A program that runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct JobReport {
    pub pid: u32,
    pub client_pid: u32,
    pub seconds: u64,
}

pub(super) async fn report(conductor: &Conductor) -> String {
    let pool = &conductor.pool;
    size::measure_soon(pool).await;
    let report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        socket: conductor.socket.display().to_string(),
        log: conductor.log.path().display().to_string(),
        io: conductor.io.name().to_owned(),
        uptime_seconds: conductor.started.elapsed().as_secs(),
        is_activated: conductor.lock.is_adopted(),
        is_draining: conductor.draining.get() > 0,
        served: pool.served.get(),
        spare_hits: pool.spare_hits.get(),
        declined: pool.declined.borrow().iter().map(|(reason, count)| (reason.name().to_owned(), *count)).collect(),
        memory_bytes: pool.groups.borrow().values().map(|group| group.takes()).sum(),
        budget_bytes: pool.budget,
        workers: workers(pool),
        not_forked: not_forked(pool),
        not_branched: pool.warmth.refusals(),
        unwarmed: pool.unwarmed.report(),
    };
    serde_json::to_string(&report).unwrap_or_default()
}

fn not_forked(pool: &Pool) -> Vec<(String, String)> {
    let all = pool.unforkable.borrow();
    all.iter().map(|(julia, why)| (julia.path.display().to_string(), why.clone())).collect()
}

/// Those of any program first, then branches, each by name and age.
fn workers(pool: &Pool) -> Vec<WorkerReport> {
    let mut groups: Vec<Rc<Group>> = pool.groups.borrow().values().cloned().collect();
    groups.sort_by_cached_key(|group| {
        let program = group.key.program.as_ref().map(|program| program.words());
        (program, group.key.julia.path.clone(), group.born)
    });
    groups.iter().enumerate().map(|(at, group)| worker_report(group, &groups[..at])).collect()
}

fn worker_report(group: &Group, before: &[Rc<Group>]) -> WorkerReport {
    let program = group.key.program.as_ref();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    WorkerReport {
        julia: group.key.julia.path.display().to_string(),
        kind: group.kind().to_owned(),
        state: state(group.phase.get()),
        is_growing: group.is_growing.get(),
        program: words(group),
        project: program.map(|program| program.project_words()).unwrap_or_default(),
        about: group.about.borrow().clone(),
        methods: group.methods.get(),
        switches: group.key.switches.iter().map(|word| text(word.as_bytes())).collect(),
        variables: group.key.variables.iter().map(|entry| text(entry)).collect(),
        differs: differs(group, before),
        memory: group.memory.get(),
        zygote_pid: group.zygote_pid(),
        spare_pids: group.spares.borrow().iter().map(|spare| spare.pid).collect(),
        job_pids: group.jobs.borrow().keys().copied().collect(),
        jobs: jobs(group),
        served: group.served.get(),
        waited: group.misses.get(),
        age_seconds: group.born.elapsed().as_secs(),
        idle_seconds: group.last_used.get().elapsed().as_secs(),
        ttl_seconds: group.time_to_live.get().as_secs(),
    }
}

fn words(group: &Group) -> String {
    let is_for_repl = group.key.isolation == Isolation::Repl;
    let session = || group.key.session.as_ref().map(|session| session.words());
    let words = group.key.program.as_ref().map(|program| program.words()).or_else(session);
    words.or_else(|| is_for_repl.then(|| "REPLs and -i".to_owned())).unwrap_or_default()
}

/// From the first one of those that it could be taken for.
fn differs(group: &Group, before: &[Rc<Group>]) -> Vec<String> {
    let is_like = |other: &&Rc<Group>| match (&other.key.program, &group.key.program) {
        (Some(other), Some(own)) => other.is_same_program(own),
        (None, None) => other.key.julia.path == group.key.julia.path,
        _ => false,
    };
    before.iter().find(is_like).map(|other| group.key.differences(&other.key)).unwrap_or_default()
}

fn jobs(group: &Group) -> Vec<JobReport> {
    let all = group.jobs.borrow();
    let mut jobs: Vec<JobReport> = all
        .iter()
        .map(|(pid, job)| JobReport { pid: *pid, client_pid: job.client, seconds: job.since.elapsed().as_secs() })
        .collect();
    jobs.sort_by_key(|job| job.pid);
    jobs
}

fn state(phase: Phase) -> String {
    match phase {
        Phase::Booting => "booting".to_owned(),
        Phase::Ready((major, minor)) => format!("ready, Julia {major}.{minor}"),
        Phase::Failed(_) => "could not be started; see the log".to_owned(),
    }
}

//! A branch: a zygote for one program, forked from the zygote of its Julia, which serves meanwhile.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::adoption;
use super::group::{Group, Phase};
use super::inputs::Inputs;
use super::key::Key;
use super::pool::Pool;
use super::socket_io::Socket;
use super::succession::{Growth, grown_up};
use super::warmth::Outcome;
use crate::protocol::{BranchReport, Packet, Recipe};
use crate::sys::passing;
use crate::sys::signals::{self, SIGKILL};

/// Loading and compiling take no longer, or hang.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The launch that made it due has ended a moment ago, and another may follow.
const COURTESY: Duration = Duration::from_millis(50);

/// Branches kept at once.
const MOST_BRANCHES: usize = 48;

/// Grows the branch of `key` from the zygote of `base`, in place of the one that there may be.
pub(super) async fn grow(pool: &Rc<Pool>, base: &Rc<Group>, key: &Key, recipe: &Recipe) -> Outcome {
    tokio::time::sleep(COURTESY).await;
    let since = SystemTime::now();
    let (control, mut report) = match ask(base, recipe) {
        Ok(asked) => asked,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let mut pid = None;
    let growth = tokio::select! {
        growth = grown_up(&control, &mut pid) => growth,
        // Says nothing about the program; it ends with the zygote, whose child it is.
        () = base.retired.notified() => return Outcome::Refused("its Julia's workers have ended".into()),
        () = tokio::time::sleep(TIMEOUT) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    let report = read_report(&mut report).unwrap_or_default();
    match (growth, pid) {
        // What it was made from could not be looked at before a launch.
        (Ok(Growth::Ready(_)), Some(pid)) if report.files.is_empty() => {
            signals::send(-pid.cast_signed(), SIGKILL);
            Outcome::Lost("it did not say what it was made from".into())
        }
        (Ok(Growth::Ready(version)), Some(pid)) => match Inputs::settled(&report.files, since) {
            Ok(inputs) => {
                install(pool, key, (pid, control), version, inputs, &report);
                Outcome::Grown
            }
            Err(path) => Outcome::Unsettled(path),
        },
        (Ok(Growth::Refused(_)), _) => match Inputs::settled(&report.files, since) {
            Err(path) => Outcome::Unsettled(path),
            Ok(_) => Outcome::Refused(report.about),
        },
        (growth, pid) => {
            if let Some(pid) = pid {
                signals::send(-pid.cast_signed(), SIGKILL);
            }
            Outcome::Lost(growth.err().map_or_else(|| "it did not say who it is".to_owned(), |error| error.to_string()))
        }
    }
}

/// Our end of the branch's control socket, and the file that it will report to.
fn ask(base: &Group, recipe: &Recipe) -> io::Result<(Socket, File)> {
    let zygote = base.zygote.borrow();
    let (_, zygote) = zygote.as_ref().ok_or_else(|| io::Error::other("its Julia's zygote has ended"))?;
    let (ours, theirs) = passing::packet_pair()?;
    let (recipe, report) = (memory_file(&recipe.encode())?, memory_file(&[])?);
    zygote.send_packet(Packet::Branch, &[theirs.as_fd(), recipe.as_fd(), report.as_fd()])?;
    Ok((Socket::new(ours)?, report))
}

fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("jlapp-branch", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

fn read_report(file: &mut File) -> io::Result<BranchReport> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    BranchReport::decode(&bytes).map_err(io::Error::other)
}

fn install(
    pool: &Rc<Pool>,
    key: &Key,
    (pid, control): (u32, Socket),
    version: i32,
    inputs: Inputs,
    report: &BranchReport,
) {
    let (old, control) = (pool.groups.borrow().get(key).cloned(), Rc::new(control));
    let group = Rc::new(Group::new(key.clone()));
    if let Some(old) = old {
        group.continue_from(&old);
        pool.remove(&old);
    }
    group.row.set(pool.warmth.row(key));
    group.phase.set(Phase::Ready(adoption::version_of(version)));
    *group.zygote.borrow_mut() = Some((pid, control.clone()));
    pool.log.line(&format!(
        "the branch {pid} serves {}: {}, compiled {} methods, made from {} files",
        key.words(),
        report.about,
        report.methods,
        inputs.len()
    ));
    *group.inputs.borrow_mut() = Arc::new(inputs);
    *group.about.borrow_mut() = format!("{}; {} methods compiled", report.about, report.methods);
    group.methods.set(report.methods);
    make_room(pool);
    pool.groups.borrow_mut().insert(key.clone(), group.clone());
    adoption::replenish(pool, &group);
    tokio::task::spawn_local(adoption::follow(pool.clone(), group, pid, control));
}

/// Lets go of the branch that was used longest ago, if there are too many.
fn make_room(pool: &Pool) {
    let (count, oldest) = {
        let groups = pool.groups.borrow();
        let branches = || groups.values().filter(|group| group.key.program.is_some());
        let idle = branches().filter(|group| group.jobs.borrow().is_empty());
        (branches().count(), idle.min_by_key(|group| group.last_used.get()).cloned())
    };
    if let Some(group) = oldest.filter(|_| count >= MOST_BRANCHES) {
        pool.log.line(&format!("too many branches: that for {} ends", group.key.words()));
        pool.remove(&group);
    }
}

/// What a job had to compile, from the file that came with [`Packet::Traced`].
pub(super) fn read_notes(file: OwnedFd) -> Vec<u8> {
    /// Notes of more than this are no profile.
    const MOST_BYTES: u64 = 4 << 20;
    let mut file = File::from(file);
    let mut bytes = Vec::new();
    // Its offset is that of the writer, who has ended.
    let read = file.rewind().and_then(|()| file.take(MOST_BYTES).read_to_end(&mut bytes));
    if read.is_err() {
        bytes.clear();
    }
    bytes
}

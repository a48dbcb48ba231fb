//! One connection: a question and its answer.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::choice::Chosen;
use super::decline::Decline;
use super::group::{Claim, Group, Phase};
use super::key::{Julia, Key};
use super::pool::First;
use super::program::Program;
use super::socket_io::{Frame, Socket};
use super::standing::Standing;
use super::{Conductor, Place, admission, adoption, job, kept, needs, status, warmth};
use crate::env;
use crate::julia::{CommandLine, parse};
use crate::protocol::{Job, Kind, Launch, OptionValue, PROTOCOL, Recipe, Refusal, Release, frame};
use crate::sys::passing;
use crate::worker::Isolation;

/// A client that has connected has this long to say what it wants.
const SPEAK_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_TTL: Duration = Duration::from_secs(7200);

/// Serves one connection; whatever goes wrong with it stays in here.
pub(super) async fn serve(conductor: Rc<Conductor>, stream: UnixStream, _place: Place) {
    if let Err(error) = converse(&conductor, stream).await {
        conductor.log.line(&format!("client: {error}"));
    }
}

async fn converse(conductor: &Rc<Conductor>, stream: UnixStream) -> io::Result<()> {
    let peer = passing::peer(&stream)?;
    if peer.uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user's process"));
    }
    let socket = Socket::new(OwnedFd::from(stream))?;
    let question = tokio::time::timeout(SPEAK_TIMEOUT, socket.frame()).await??;
    let Some(question) = question else { return Ok(()) };
    let kind = question.header.kind();
    let replaces = question.header.release > Release::OURS || conductor.is_replaced();
    if question.header.protocol != PROTOCOL || (replaces && kind == Ok(Kind::Launch)) {
        return give_way(conductor, &socket, replaces).await;
    }
    match kind.map_err(io::Error::other)? {
        Kind::Launch => launch(conductor, &socket, question, peer.pid).await,
        Kind::Status => answer(&socket, Kind::Report, status::report(conductor).as_bytes()).await,
        Kind::Stop => {
            conductor.stop();
            answer(&socket, Kind::Stopped, &[]).await
        }
        _ => Err(io::Error::other("asked something that only a conductor may say")),
    }
}

async fn answer(socket: &Socket, kind: Kind, body: &[u8]) -> io::Result<()> {
    socket.send(&frame(kind, body).map_err(io::Error::other)?, &[]).await
}

/// A newer client replaces us; an older one is told to go its own way.
async fn give_way(conductor: &Conductor, socket: &Socket, replaces: bool) -> io::Result<()> {
    if !replaces {
        return answer(socket, Kind::Direct, b"other-release").await;
    }
    conductor.log.line("a newer release takes over");
    conductor.stop();
    answer(socket, Kind::Retired, &[]).await
}

async fn launch(conductor: &Rc<Conductor>, socket: &Socket, question: Frame, pid: u32) -> io::Result<()> {
    let Frame { body, descriptors, .. } = question;
    match hand_over(conductor, &body, &descriptors, pid).await {
        // The client hears from its worker; its hang-up here is of no interest.
        Ok(()) => Ok(()),
        Err(Obstacle::Ourselves) => {
            conductor.log.line("started with less than a client has: the client starts another one");
            conductor.stop();
            drop(descriptors);
            answer(socket, Kind::Retired, &[]).await
        }
        Err(Obstacle::Declined { reason, command }) => {
            conductor.pool.count_declined(reason);
            let refusal = Refusal { reason: reason.name().into(), command };
            answer(socket, Kind::Direct, &refusal.encode()).await
        }
    }
}

/// Finds the worker and gives it the job.
async fn hand_over(conductor: &Rc<Conductor>, body: &[u8], descriptors: &[OwnedFd], pid: u32) -> Result<(), Obstacle> {
    let launch = Launch::decode(body).map_err(|_| Decline::Malformed)?;
    if descriptors.len() != launch.descriptors.len() + 2 {
        return Err(Decline::Malformed.into());
    }
    if pid == 0 {
        // Invisible from here: in an outer pid namespace, or in one that is not ours.
        return Err(Decline::Namespaces.into());
    }
    let client = Standing::of(pid).map_err(|_| Decline::Credentials)?;
    if let Err(reason) = admission::admit(&conductor.standing, &client) {
        let broader = conductor.standing.is_narrower_than(&client);
        return Err(if broader { Obstacle::Ourselves } else { reason.into() });
    }
    let directory = descriptors.get(1).and_then(path_of).unwrap_or_else(|| "/".into());
    let chosen = conductor.chooser.choose(&launch, &directory)?;
    let stderr = launch.descriptors.iter().position(|number| *number == 2).and_then(|at| descriptors.get(at + 2));
    conductor.chooser.say(chosen.selection.note.as_ref(), stderr);
    let command = chosen.command(launch.app.is_some());
    let outcome = give(conductor, launch, &chosen, &directory, &client, descriptors, pid).await;
    outcome.map_err(|reason| Obstacle::Declined { reason, command })
}

/// Gives a launch to a worker of the Julia that was picked for it.
async fn give(
    conductor: &Rc<Conductor>,
    launch: Launch,
    chosen: &Chosen,
    directory: &Path,
    client: &Standing,
    descriptors: &[OwnedFd],
    pid: u32,
) -> Result<(), Decline> {
    let mut line = parse(&chosen.arguments()).map_err(|_| Decline::Malformed)?;
    if line.interactive && launch.terminal == 0 {
        return Err(Decline::Interactive);
    }
    line.resolve_paths(directory);
    let mut key = Key::new(Julia::at(&chosen.selection.binary)?, &line, &launch, directory);
    if key.isolation == Isolation::Fork && descriptors.get(1).is_some_and(|folder| needs::own_process(&line, folder)) {
        key = key.fresh();
    }
    let program =
        Program::of(&line, &launch, chosen.app.as_ref(), directory).filter(|_| key.isolation == Isolation::Fork);
    let program = program.map(|program| key.with(program));
    // A session's state is nowhere else: whatever happens to be ready is no use.
    let (time_to_live, require) = (time_to_live(&launch), launch.require || launch.kept.is_some());
    let waits_for_its_turn = launch.kept.as_ref().is_none_or(|kept| !kept.fails_when_busy);
    if let Some(name) = key.session.as_ref().filter(|_| launch.kept.as_ref().is_some_and(|kept| kept.restarts)) {
        conductor.pool.restart_sessions(name.project.as_deref());
    }
    let mut job = job::compose(launch, &line, &conductor.standing, client);
    if let Some(key) = &program {
        let is_lesson = conductor.pool.warmth.note_launch(key, || recipe(job.clone(), chosen, directory));
        job.options.extend(is_lesson.then(|| (b"notes".to_vec(), OptionValue::Number(1))));
    }
    let bytes = frame(Kind::Job, &job.encode()).map_err(|_| Decline::Malformed)?;
    let order = Order { bytes, descriptors, line: &line, require, waits_for_its_turn, program };
    let branch = order.program.as_ref().and_then(|key| warmth::branch(&conductor.pool, key));
    if let Some(branch) = branch {
        branch.touch(time_to_live);
        if give_to_a_worker(conductor, &branch, &order).await.is_ok() {
            return Ok(());
        }
    }
    let first = if require { First::Waits } else { First::RunsPlain(pid) };
    loop {
        let group = conductor.pool.group(key.clone(), time_to_live, first)?;
        check_version(&group, &line)?;
        match give_to_a_worker(conductor, &group, &order).await {
            // What turned out not to be forkable while the launch waited is served fresh.
            Err(Decline::CannotBoot) if conductor.pool.is_fresh_instead(&group.key) => {}
            outcome => return outcome,
        }
    }
}

/// A launch, as a worker is given it.
struct Order<'a> {
    bytes: Vec<u8>,
    descriptors: &'a [OwnedFd],
    line: &'a CommandLine,
    require: bool,
    /// A session that is busy is waited for.
    waits_for_its_turn: bool,
    /// The key of its own branch.
    program: Option<Key>,
}

/// What a branch for such launches is made from.
fn recipe(job: Job, chosen: &Chosen, directory: &Path) -> Recipe {
    let app = chosen.app.iter().flat_map(|found| {
        let folders = [&found.depot].into_iter().chain(&found.start.load_path);
        let folders = folders.map(|folder| folder.as_os_str().as_bytes().to_vec());
        [found.first().as_bytes().to_vec()].into_iter().chain(folders)
    });
    let folder = directory.as_os_str().as_bytes().to_vec();
    // The program's own arguments are each launch's own, and may be megabytes.
    let arguments = job.arguments.into_iter().take(1).collect();
    let job = Job { descriptors: Vec::new(), arguments, ..job };
    Recipe { folder, app: app.collect(), notes: Vec::new(), job }
}

/// The path of an open folder, for what Julia resolves at its start.
fn path_of(folder: &OwnedFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()
}

/// Why a launch is not handed over.
enum Obstacle {
    Declined {
        reason: Decline,
        /// Plain Julia's path and first arguments, where one was picked.
        command: Vec<Vec<u8>>,
    },
    /// This conductor was started with less than the client has; one started by the client would do.
    Ourselves,
}

impl From<Decline> for Obstacle {
    fn from(reason: Decline) -> Self {
        Self::Declined { reason, command: Vec::new() }
    }
}

/// A spare that has died meanwhile is no reason: there are others.
async fn give_to_a_worker(conductor: &Rc<Conductor>, group: &Rc<Group>, order: &Order<'_>) -> Result<(), Decline> {
    for _ in 0..4 {
        if !order.waits_for_its_turn && group.is_busy() {
            return Err(Decline::SessionBusy);
        }
        let spare = match conductor.pool.claim(group, order.require)? {
            Claim::Now(spare) => *spare,
            Claim::Later(spare) => {
                adoption::replenish(&conductor.pool, group);
                spare.await.map_err(|_| Decline::CannotBoot)?
            }
        };
        check_version(group, order.line)?;
        let outcome = if group.key.isolation == Isolation::Session {
            kept::dispatch(group, spare, &order.bytes, order.descriptors).await
        } else {
            adoption::dispatch(group, spare, &order.bytes, order.descriptors, order.program.as_ref()).await
        };
        adoption::replenish_soon(&conductor.pool, group);
        if outcome.is_ok() {
            return Ok(());
        }
    }
    Err(Decline::CannotBoot)
}

/// A switch that this Julia has not got is for Julia itself to refuse.
fn check_version(group: &Group, line: &CommandLine) -> Result<(), Decline> {
    match group.phase.get() {
        Phase::Ready(version) if !line.known_to(version) => Err(Decline::SwitchOfOtherVersion),
        // To 1.8 Julia takes one `--` out of what it has kept of the words, wherever it stands (base/client.jl).
        Phase::Ready(version) if version < (1, 9) && line.arguments.iter().any(|word| word == "--") => {
            Err(Decline::SwitchOfOtherVersion)
        }
        _ => Ok(()),
    }
}

fn time_to_live(launch: &Launch) -> Duration {
    let text = launch.variable(env::WORKER_TTL).and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| text.trim().parse().ok()).map_or(DEFAULT_TTL, Duration::from_secs)
}

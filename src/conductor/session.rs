//! One connection: a question and its answer.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::choice::Chosen;
use super::decline::{Decline, Declined};
use super::group::{Claim, Group, Phase};
use super::guess::Look;
use super::order::{Order, Request, Turn, path_of};
use super::pool::First;
use super::socket_io::{Frame, Socket};
use super::standing::Standing;
use super::{Conductor, Place, admission, adoption, drain, guess, kept, status, warming, warmth};
use crate::julia::CommandLine;
use crate::protocol::{Account, Kind, Launch, OptionValue, PROTOCOL, Refusal, Release, frame};
use crate::sys::passing;
use crate::worker::Isolation;

/// A client that has connected has this long to say what it wants.
const SPEAK_TIMEOUT: Duration = Duration::from_secs(5);

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
    let asker = Asker { socket: &socket, pid: peer.pid, since: Instant::now() };
    let kind = question.header.kind();
    let replaces = question.header.release > Release::OURS || conductor.is_replaced();
    if question.header.protocol != PROTOCOL || (replaces && kind == Ok(Kind::Launch)) {
        return give_way(conductor, &socket, replaces).await;
    }
    match kind.map_err(io::Error::other)? {
        Kind::Launch => launch(conductor, &asker, question).await,
        Kind::Status => answer(&socket, Kind::Report, status::report(conductor).await.as_bytes()).await,
        Kind::Warm => warm(conductor, &asker, question).await,
        Kind::Drain => {
            drain::drain(conductor, &socket).await?;
            conductor.stop();
            answer(&socket, Kind::Stopped, &[]).await
        }
        Kind::Stop => {
            conductor.stop();
            answer(&socket, Kind::Stopped, &[]).await
        }
        _ => Err(io::Error::other("asked something that only a conductor may say")),
    }
}

/// Who wants something, and since when.
struct Asker<'a> {
    socket: &'a Socket,
    pid: u32,
    since: Instant,
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

async fn launch(conductor: &Rc<Conductor>, asker: &Asker<'_>, question: Frame) -> io::Result<()> {
    let Frame { body, descriptors, .. } = question;
    match hand_over(conductor, &body, &descriptors, asker).await {
        // The client hears from its worker; its hang-up here is of no interest.
        Ok(()) => Ok(()),
        Err(Obstacle::Ourselves) => {
            conductor.log.line("started with less than a client has: the client starts another one");
            conductor.stop();
            drop(descriptors);
            answer(asker.socket, Kind::Retired, &[]).await
        }
        Err(Obstacle::Declined { declined: Declined { reason, why }, command }) => {
            conductor.pool.count_declined(reason);
            conductor.pool.unwarmed.note(&words(&body), "plain", &format!("{reason}: {why}"));
            let refusal = Refusal { reason: reason.name().into(), why: why.into_bytes(), command };
            answer(asker.socket, Kind::Direct, &refusal.encode()).await
        }
    }
}

/// A launch in a few words.
fn words(body: &[u8]) -> String {
    let Ok(launch) = Launch::decode(body) else { return String::new() };
    let words = launch.app.iter().chain(&launch.arguments).filter(|word| **word != b"--startup-file=no");
    let words: Vec<_> = words.take(20).map(|word| String::from_utf8_lossy(word)).collect();
    words.join(" ").chars().take(80).collect()
}

/// Does ahead what a launch needs.
async fn warm(conductor: &Rc<Conductor>, asker: &Asker<'_>, question: Frame) -> io::Result<()> {
    let Frame { body, descriptors, .. } = question;
    let admitted = decode(&body).and_then(|launch| Admitted::of(conductor, launch, &descriptors, asker));
    let warmed = match admitted {
        Ok(admitted) => warming::warm(conductor, admitted.request(&descriptors)).await,
        Err(Obstacle::Declined { declined, .. }) => Err(declined),
        Err(Obstacle::Ourselves) => Err(Decline::Limits.into()),
    };
    match warmed {
        Ok(warmed) => answer(asker.socket, Kind::Warmed, &warmed.encode()).await,
        Err(Declined { reason, why }) => {
            let refusal = Refusal { reason: reason.name().into(), why: why.into_bytes(), command: Vec::new() };
            answer(asker.socket, Kind::Direct, &refusal.encode()).await
        }
    }
}

fn decode(body: &[u8]) -> Result<Launch, Obstacle> {
    Ok(Launch::decode(body).map_err(|_| Decline::Malformed)?)
}

/// A launch that a worker may serve, and where it is made.
struct Admitted {
    launch: Launch,
    chosen: Chosen,
    directory: PathBuf,
    client: Standing,
}

impl Admitted {
    fn of(conductor: &Conductor, launch: Launch, descriptors: &[OwnedFd], asker: &Asker<'_>) -> Result<Self, Obstacle> {
        if descriptors.len() != launch.descriptors.len() + 2 {
            return Err(Decline::Malformed.into());
        }
        if asker.pid == 0 {
            // Invisible from here: in an outer pid namespace, or in one that is not ours.
            return Err(Decline::Namespaces.into());
        }
        let client = Standing::of(asker.pid).map_err(|_| Decline::Credentials)?;
        if let Err(reason) = admission::admit(&conductor.standing, &client) {
            // systemd would start the same again.
            let broader = conductor.standing.is_narrower_than(&client) && !conductor.lock.is_adopted();
            return Err(if broader { Obstacle::Ourselves } else { reason.into() });
        }
        let directory = descriptors.get(1).and_then(path_of).unwrap_or_else(|| "/".into());
        let chosen = conductor.chooser.choose(&launch, &directory)?;
        Ok(Self { launch, chosen, directory, client })
    }

    fn request<'a>(&'a self, descriptors: &'a [OwnedFd]) -> Request<'a> {
        let Self { launch, chosen, directory, client } = self;
        Request { launch: launch.clone(), chosen, directory, client, descriptors }
    }
}

/// Finds the worker and gives it the job.
async fn hand_over(
    conductor: &Rc<Conductor>,
    body: &[u8],
    descriptors: &[OwnedFd],
    asker: &Asker<'_>,
) -> Result<(), Obstacle> {
    let launch = decode(body)?;
    let look = Look::begin(&conductor.pool.guesses, &launch);
    let Admitted { launch, chosen, directory, client } = Admitted::of(conductor, launch, descriptors, asker)?;
    let stderr = launch.descriptors.iter().position(|number| *number == 2).and_then(|at| descriptors.get(at + 2));
    conductor.chooser.say(chosen.selection.note.as_ref(), stderr);
    let command = chosen.command(launch.app.is_some());
    let request = Request { launch, chosen: &chosen, directory: &directory, client: &client, descriptors };
    let outcome = give(conductor, request, asker, &look).await;
    outcome.map_err(|declined| Obstacle::Declined { declined, command })
}

/// Gives a launch to a worker of the Julia that was picked for it.
async fn give(
    conductor: &Rc<Conductor>,
    request: Request<'_>,
    asker: &Asker<'_>,
    look: &Look<'_>,
) -> Result<(), Declined> {
    let Request { chosen, directory, descriptors, .. } = request;
    if conductor.draining.get() > 0 {
        return Err(Decline::Draining.into());
    }
    let mut order = Order::of(conductor, request)?;
    if let Some(name) = order.key.session.as_ref().filter(|_| order.restarts) {
        conductor.pool.restart_sessions(name.project.as_deref());
    }
    if let Some(key) = &order.program {
        let is_lesson = conductor.pool.warmth.note_launch(key, || order.recipe(chosen, directory));
        order.job.options.extend(is_lesson.then(|| (b"notes".to_vec(), OptionValue::Number(1))));
    }
    let bytes = frame(Kind::Job, &order.job.encode()).map_err(|_| Decline::Malformed)?;
    let mut parcel = Parcel { bytes, descriptors, order: &order, asker, why: String::new() };
    if let Some(key) = &order.program {
        match warmth::branch(&conductor.pool, key, |inputs| look.changed(inputs)) {
            Ok(branch) => {
                branch.touch(order.time_to_live);
                if give_to_a_worker(conductor, &branch, &parcel).await.is_ok() {
                    guess::hold(&conductor.pool, &branch);
                    return Ok(());
                }
                "its branch has ended".clone_into(&mut parcel.why);
            }
            Err(why) => parcel.why = why,
        }
    }
    give_to_a_group(conductor, &parcel).await
}

async fn give_to_a_group(conductor: &Rc<Conductor>, parcel: &Parcel<'_>) -> Result<(), Declined> {
    let (order, pool) = (parcel.order, &conductor.pool);
    let first = if order.require { First::Waits } else { First::RunsPlain(parcel.asker.pid) };
    loop {
        let group = pool.group(order.key.clone(), order.time_to_live, first)?;
        check_version(&group, &order.line)?;
        match give_to_a_worker(conductor, &group, parcel).await {
            // What turned out not to be forkable while the launch waited is served fresh.
            Err(Decline::CannotBoot) if pool.is_fresh_instead(&group.key) => {}
            Err(reason) => return Err(Declined { reason, why: pool.why_declined(&order.key, reason) }),
            Ok(()) => {
                if let Some(key) = order.program.as_ref().filter(|_| !parcel.why.is_empty()) {
                    pool.unwarmed.note(&key.words(), group.kind(), &parcel.why);
                }
                return Ok(());
            }
        }
    }
}

/// A launch, as a worker is given it.
struct Parcel<'a> {
    bytes: Vec<u8>,
    descriptors: &'a [OwnedFd],
    order: &'a Order,
    asker: &'a Asker<'a>,
    /// Why its program's own branch does not serve it; empty where it does, or nothing can be done ahead.
    why: String,
}

impl Parcel<'_> {
    /// Tells a client that traces its launch who is about to serve it.
    async fn announce(&self, group: &Group) -> io::Result<()> {
        if !self.order.is_traced {
            return Ok(());
        }
        let took_us = u32::try_from(self.asker.since.elapsed().as_micros()).unwrap_or(u32::MAX);
        let account = Account { kind: group.kind().into(), why: self.why.clone().into_bytes(), took_us };
        answer(self.asker.socket, Kind::Served, &account.encode()).await
    }
}

/// Why a launch is not handed over.
enum Obstacle {
    Declined {
        declined: Declined,
        /// Plain Julia's path and first arguments, where one was picked.
        command: Vec<Vec<u8>>,
    },
    /// This conductor was started with less than the client has; one started by the client would do.
    Ourselves,
}

impl From<Decline> for Obstacle {
    fn from(reason: Decline) -> Self {
        Self::Declined { declined: reason.into(), command: Vec::new() }
    }
}

/// A spare that has died meanwhile is no reason: there are others.
async fn give_to_a_worker(conductor: &Rc<Conductor>, group: &Rc<Group>, parcel: &Parcel<'_>) -> Result<(), Decline> {
    let Parcel { order, bytes, descriptors, .. } = parcel;
    for _ in 0..4 {
        if order.turn == Turn::FailsWhenBusy && !kept::is_free(group).await {
            return Err(Decline::SessionBusy);
        }
        let spare = match conductor.pool.claim(group, order.require)? {
            Claim::Now(spare) => *spare,
            Claim::Later(spare) => {
                adoption::replenish(&conductor.pool, group);
                spare.await.map_err(|_| Decline::CannotBoot)?
            }
        };
        check_version(group, &order.line)?;
        // A client that has gone meanwhile is found out by the worker.
        let _ = parcel.announce(group).await;
        let pid = parcel.asker.pid;
        let outcome = if group.key.isolation == Isolation::Session {
            kept::dispatch(group, spare, bytes, descriptors, pid).await
        } else {
            adoption::dispatch(group, spare, bytes, descriptors, order.program.as_ref(), pid).await
        };
        adoption::replenish_soon(&conductor.pool, group);
        if outcome.is_ok() {
            conductor.pool.count_served();
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

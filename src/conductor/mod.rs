//! The per-user daemon: finds or makes the worker for a launch, hands it over and is out of the way.
//!
//! One thread. Invariant: a job never depends on the conductor; everything here may vanish at any moment, and what
//! is running goes on. Absent: running programs, relaying their input or output, Julia's packages.

mod activation;
mod admission;
mod adoption;
mod branch;
mod check;
mod choice;
mod decline;
mod difference;
mod drain;
mod group;
mod guess;
mod held;
mod inputs;
mod io;
mod job;
mod keeper;
mod kept;
mod key;
mod lock;
mod log;
mod memory;
mod needs;
mod order;
mod orphans;
mod pool;
mod profile;
mod program;
mod row;
mod session;
mod size;
mod socket_io;
mod standing;
mod status;
mod succession;
mod ticker;
mod unwarmed;
mod warming;
mod warmth;

use std::cell::Cell;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

pub use keeper::keep;
pub use lock::lock_path;
pub use log::{beside as log_path_beside, log_path};
pub use size::Memory;
pub use status::{JobReport, Report, WorkerReport};
pub use unwarmed::UnwarmedReport;

use choice::Chooser;
use key::Stamped;
use lock::Lock;
use log::Log;
use pool::Pool;
use standing::Standing;

/// Connections served at a time. Each may hold 255 descriptors.
const MOST_SESSIONS: usize = 256;

/// Everything that outlives a connection.
struct Conductor {
    socket: PathBuf,
    lock: Lock,
    log: Log,
    /// What a client must have in common with the workers.
    standing: Standing,
    pool: Rc<Pool>,
    chooser: Chooser,
    started: Instant,
    /// Our own program file when we started.
    program: Option<Stamped>,
    io: io::Backend,
    stopping: Notify,
    /// The socket's name was lost and has to be bound again.
    relisten: Notify,
    /// Places for connections at a time: a flood waits outside, in the socket's own queue.
    places: Rc<Semaphore>,
    /// Who waits for the last program's end.
    draining: Cell<usize>,
}

/// Runs a conductor at `socket` until it is told to stop. Returns at once if another one is alive.
///
/// # Errors
/// The socket's folder is unsafe, or socket, lock or log could not be made; with the path concerned.
pub fn run(socket: PathBuf) -> std::io::Result<()> {
    let inherited = activation::listener(&socket)?;
    let Some(lock) = take_lock(&socket, inherited.as_ref())? else { return Ok(()) };
    crate::sys::descriptors::raise_limit();
    crate::sys::children::adopt_orphans();
    io::run(|backend| async move {
        let (log, writer) = Log::open(&socket, backend)?;
        let writing = tokio::task::spawn_local(writer.run());
        log.line(&format!("listening at {} with {}", socket.display(), backend.name()));
        let conductor = Rc::new(Conductor {
            standing: Standing::of(std::process::id())?,
            chooser: Chooser::default(),
            pool: Rc::new(Pool::new(log.clone())),
            started: Instant::now(),
            program: own_program(),
            stopping: Notify::new(),
            relisten: Notify::new(),
            places: Rc::new(Semaphore::new(MOST_SESSIONS)),
            draining: Cell::new(0),
            io: backend,
            socket,
            lock,
            log,
        });
        let outcome = conductor.clone().serve(inherited).await;
        conductor.say_last_words(&outcome);
        // Workers and sessions still hold the log; what has been said so far is what matters.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), writing).await;
        outcome
    })
}

/// One that gives way takes a moment to be gone; systemd starts us as soon as somebody connects.
const GIVING_WAY: Duration = Duration::from_secs(2);

/// `None` when another conductor lives.
fn take_lock(socket: &std::path::Path, inherited: Option<&UnixListener>) -> std::io::Result<Option<Lock>> {
    let deadline = Instant::now() + GIVING_WAY;
    loop {
        let lock = Lock::take(socket)?;
        let Some(listener) = inherited.filter(|_| lock.is_none()) else { return Ok(lock) };
        if Instant::now() > deadline {
            activation::turn_away(listener);
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A connection's place, free again when it is dropped.
struct Place(Rc<Semaphore>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn own_program() -> Option<Stamped> {
    let path = std::env::current_exe().ok()?;
    Stamped::at(&path).ok()
}

impl Conductor {
    async fn serve(self: Rc<Self>, inherited: Option<UnixListener>) -> std::io::Result<()> {
        let mut acceptor = inherited.map_or_else(|| self.listen(), |listener| self.listen_with(listener))?;
        let ticking = tokio::task::spawn_local(ticker::tick(self.clone()));
        let watching = tokio::task::spawn_local(memory::watch(self.pool.clone()));
        loop {
            tokio::select! {
                accepted = self.place_and(&acceptor) => match accepted {
                    Ok((place, stream)) => { tokio::task::spawn_local(session::serve(self.clone(), stream, place)); }
                    Err(error) => {
                        self.log.line(&format!("accept: {error}"));
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    }
                },
                () = self.relisten.notified() => acceptor = self.listen()?,
                () = self.stopping.notified() => break,
            }
        }
        ticking.abort();
        watching.abort();
        Ok(())
    }

    /// Our program file is another one by now: an installation of the same release, or a newer one.
    fn is_replaced(&self) -> bool {
        self.program.as_ref().is_some_and(|program| {
            let now = Stamped::at(&program.path);
            now.is_ok_and(|now| !now.is_as(program))
        })
    }

    fn say_last_words(&self, outcome: &std::io::Result<()>) {
        match outcome {
            Ok(()) => self.log.line("ended; running jobs go on"),
            Err(error) => self.log.line(&format!("ended: {error}")),
        }
    }

    /// Accepts the next connection once there is a place for it.
    async fn place_and(&self, acceptor: &io::Acceptor) -> std::io::Result<(Place, UnixStream)> {
        let place = Rc::clone(&self.places);
        place.acquire().await.map_err(std::io::Error::other)?.forget();
        let place = Place(place);
        Ok((place, acceptor.accept().await?))
    }

    fn listen(&self) -> std::io::Result<io::Acceptor> {
        self.lock.bind(io::Acceptor::bind)
    }

    fn listen_with(&self, listener: UnixListener) -> std::io::Result<io::Acceptor> {
        self.lock.adopt()?;
        io::Acceptor::listening(listener)
    }

    /// Gives the name and the lock free for a successor, then ends.
    fn stop(&self) {
        self.lock.release();
        self.stopping.notify_one();
    }
}

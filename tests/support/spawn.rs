//! Starting a launch with exactly the descriptors, signals and limits that it says.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::{fs, thread};

use super::capture::Capture;
use super::launch::{Launch, Session, Stream};
use super::running::{Running, write_all};
use super::shell;
use super::terminal::Terminal;

/// Descriptors of the test program itself lie above this, so that placing the launch's never meets them.
const FIRST_OWN: RawFd = 300;

/// Keeps what the test program has inherited from its launches, and the low numbers free for them. Once, at the start.
pub fn prepare_descriptors() {
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .collect();
    open.into_iter().filter(|number| *number > 2).for_each(close_on_exec);
    // For good: were its own number, the lowest, free again, a stream could be opened with the number that it is to be given.
    let null = File::open("/dev/null").unwrap().into_raw_fd();
    loop {
        // SAFETY: a new descriptor from a valid one; left open for good.
        let number = unsafe { libc::fcntl(null, libc::F_DUPFD_CLOEXEC, 3) };
        assert!(number > 0, "{}", io::Error::last_os_error());
        if number >= FIRST_OWN {
            break;
        }
    }
}

pub fn close_on_exec(number: RawFd) {
    // SAFETY: changes a flag of a descriptor, or fails.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
}

/// Starts `program` with `launch` in `folder`, with this environment.
pub fn spawn(
    program: &Path,
    words: &[OsString],
    environment: &[(OsString, OsString)],
    folder: &Path,
    launch: &Launch,
) -> Running {
    let mut ends = Ends::default();
    let mut placed: Vec<(RawFd, Option<OwnedFd>)> =
        launch.streams.iter().map(|(number, stream)| (*number, ends.open(*number, stream, folder))).collect();
    if matches!(launch.session, Session::Job | Session::BackgroundJob) {
        placed.extend(ends.open_shell());
    }
    let mut command = command_for(program, words, launch);
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    let directory = folder.join(&launch.directory);
    fs::create_dir_all(&directory).unwrap();
    command.current_dir(&directory);
    let in_child = InChild::new(launch, &placed, &directory);
    // SAFETY: system calls alone, on memory made before.
    unsafe {
        command.pre_exec(move || {
            in_child.apply();
            Ok(())
        })
    };
    let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    drop(placed);
    for (pipe, bytes) in ends.feeds {
        thread::spawn(move || write_all(&pipe, &bytes));
    }
    Running {
        folder: folder.to_owned(),
        child,
        captures: ends.captures,
        held: ends.held,
        files: ends.files,
        terminal: ends.terminal,
        shell: ends.shell,
        deadline: launch.deadline,
    }
}

fn command_for(program: &Path, words: &[OsString], launch: &Launch) -> Command {
    let mut command = match launch.session {
        Session::None | Session::Leader => Command::new(program),
        Session::Job | Session::BackgroundJob => {
            let mut shell = Command::new(std::env::current_exe().unwrap());
            shell.args(shell::arguments(launch.session == Session::BackgroundJob)).arg(program);
            shell
        }
    };
    command.args(words);
    command
}

/// The test's ends of what the launch gets.
#[derive(Default)]
struct Ends {
    captures: Vec<(RawFd, Capture)>,
    held: Vec<(RawFd, OwnedFd)>,
    feeds: Vec<(OwnedFd, Vec<u8>)>,
    files: Vec<(RawFd, PathBuf)>,
    terminal: Option<Terminal>,
    program_side: Option<OwnedFd>,
    shell: Option<(Capture, OwnedFd)>,
}

impl Ends {
    /// The program's side of a stream; `None` for one that is closed, or a copy of another one.
    fn open(&mut self, number: RawFd, stream: &Stream, folder: &Path) -> Option<OwnedFd> {
        let device = |path: &str| OwnedFd::from(OpenOptions::new().read(true).write(true).open(path).unwrap());
        match stream {
            Stream::Closed | Stream::Same(_) => None,
            Stream::Null => Some(device("/dev/null")),
            Stream::Full => Some(device("/dev/full")),
            Stream::Broken => Some(pipe().1),
            Stream::Feed(bytes) => {
                let (read, write) = pipe();
                self.feeds.push((write, bytes.clone()));
                Some(read)
            }
            Stream::Held => {
                let (read, write) = pipe();
                self.held.push((number, write));
                Some(read)
            }
            Stream::Capture => {
                let (read, write) = pipe();
                self.captures.push((number, Capture::start(Arc::new(read))));
                Some(write)
            }
            Stream::CaptureSocket => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                self.captures.push((number, Capture::start(Arc::new(ours.into()))));
                Some(theirs.into())
            }
            Stream::FileWith(bytes) => {
                let path = beside(folder, number);
                fs::write(&path, bytes).unwrap();
                Some(File::open(&path).unwrap().into())
            }
            Stream::CaptureFile => {
                let path = beside(folder, number);
                let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path);
                self.files.push((number, path));
                Some(file.unwrap().into())
            }
            Stream::Terminal => Some(self.program_side().try_clone().unwrap()),
        }
    }

    /// The shell's side of both of its channels.
    fn open_shell(&mut self) -> [(RawFd, Option<OwnedFd>); 2] {
        let (reports, theirs) = pipe();
        let (commands, ours) = pipe();
        self.shell = Some((Capture::start(Arc::new(reports)), ours));
        [(shell::REPORTS, Some(theirs)), (shell::COMMANDS, Some(commands))]
    }

    fn program_side(&mut self) -> &OwnedFd {
        if self.program_side.is_none() {
            let (terminal, program) = Terminal::open();
            self.terminal = Some(terminal);
            self.program_side = Some(program);
        }
        self.program_side.as_ref().unwrap()
    }
}

/// A file of the case that is not in its folder, where it would count as the program's.
fn beside(folder: &Path, number: RawFd) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Both ends, read and write, for this program alone.
pub fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
    // SAFETY: both are new and ours.
    unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) }
}

/// What happens between fork and exec; everything that needs memory is made before.
struct InChild {
    /// Number and where it comes from; -1: closed.
    places: Vec<(RawFd, RawFd)>,
    /// The number that the terminal has, if there is one.
    terminal: Option<RawFd>,
    umask: u32,
    limits: Vec<(u32, u64)>,
    ignored: Vec<i32>,
    blocked: Vec<i32>,
    niceness: i32,
    deleted: Option<Vec<u8>>,
}

impl InChild {
    fn new(launch: &Launch, placed: &[(RawFd, Option<OwnedFd>)], directory: &Path) -> Self {
        let source = |number: &RawFd| {
            let found = placed.iter().find(|(other, _)| other == number);
            found.and_then(|(_, end)| end.as_ref()).map_or(-1, AsRawFd::as_raw_fd)
        };
        let original = |number: RawFd| match launch.streams.iter().find(|(other, _)| *other == number) {
            Some((_, Stream::Same(other))) => *other,
            _ => number,
        };
        let ends = placed.iter().map(|(number, _)| (*number, source(&original(*number))));
        let terminal = launch.streams.iter().find(|(_, stream)| *stream == Stream::Terminal).map(|(number, _)| *number);
        let path = [directory.as_os_str().as_bytes(), b"\0"].concat();
        Self {
            places: ends.collect(),
            terminal: terminal.filter(|_| launch.session != Session::None),
            umask: launch.umask,
            limits: launch.limits.clone(),
            ignored: launch.ignored_signals.clone(),
            blocked: launch.blocked_signals.clone(),
            niceness: launch.niceness,
            deleted: launch.directory_deleted.then_some(path),
        }
    }

    fn apply(&self) {
        // SAFETY: async-signal-safe calls on memory that was made before the fork.
        unsafe {
            libc::setsid();
            for (number, source) in &self.places {
                if *source < 0 {
                    libc::close(*number)
                } else {
                    libc::dup2(*source, *number)
                };
            }
            if let Some(number) = self.terminal {
                libc::ioctl(number, libc::TIOCSCTTY, 0);
            }
            libc::umask(self.umask);
            for (resource, soft) in &self.limits {
                let mut limit = std::mem::zeroed::<libc::rlimit>();
                libc::getrlimit(*resource, &raw mut limit);
                limit.rlim_cur = *soft;
                libc::setrlimit(*resource, &raw const limit);
            }
            if let Some(path) = &self.deleted {
                libc::rmdir(path.as_ptr().cast());
            }
            for signal in &self.ignored {
                // The kernel's own, which the library's `signal` keeps two signals from.
                let action = [libc::SIG_IGN, 0, 0, 0];
                libc::syscall(libc::SYS_rt_sigaction, *signal, action.as_ptr(), 0, 8);
            }
            let mut set = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut set);
            for signal in &self.blocked {
                libc::sigaddset(&raw mut set, *signal);
            }
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
            if self.niceness != 0 {
                libc::setpriority(libc::PRIO_PROCESS, 0, self.niceness);
            }
        }
    }
}

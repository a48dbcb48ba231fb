//! A row of the table: a command line that plain Julia and `juliaclient` must run alike.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::fd::RawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::{fs, str};

use super::julia;
use super::launch::{Launch, Session, Stream, Way};
use super::normal::Normal;
use super::running::{End, Outcome, Running};
use super::world::World;

/// Which way a launch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Fork,
    Fresh,
    /// Plain Julia, for this reason of the trace.
    Direct(&'static str),
}

impl Expected {
    /// The kind of workers that serve, as the conductor's status has it.
    fn kind(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Fresh => "fresh",
            Self::Direct(_) => "none",
        }
    }
}

/// A row that plain Julia does not fulfil is wrong itself.
const PLAIN: &str = "the case is wrong: plain Julia";

type Act = Box<dyn Fn(&mut Running) + Send + Sync>;

/// A command line, what it inherits, what is done to it, and how it must end: on both ways.
pub struct Case {
    name: String,
    expected: Expected,
    launch: Launch,
    files: Vec<(PathBuf, Vec<u8>)>,
    links: Vec<(&'static str, &'static str)>,
    variables_below: Vec<(&'static str, &'static str)>,
    act: Option<Act>,
    end: End,
    /// What plain Julia must have printed, so that a case can't pass for the wrong reason.
    prints: Vec<String>,
    normals: Vec<Normal>,
    files_differ: bool,
    /// Why there is no plain Julia to compare with.
    alone: Option<&'static str>,
}

/// A case that a forked worker serves.
pub fn fork(name: &str) -> Case {
    Case::new(name, Expected::Fork)
}

/// A case that a process used once serves.
pub fn fresh(name: &str) -> Case {
    Case::new(name, Expected::Fresh)
}

/// A case that runs as plain Julia, and the reason.
pub fn direct(name: &str, reason: &'static str) -> Case {
    Case::new(name, Expected::Direct(reason))
}

impl Case {
    fn new(name: &str, expected: Expected) -> Self {
        Self {
            name: name.to_owned(),
            expected,
            launch: Launch::default(),
            files: Vec::new(),
            links: Vec::new(),
            variables_below: Vec::new(),
            act: None,
            end: End::Exited(0),
            prints: Vec::new(),
            normals: Vec::new(),
            files_differ: false,
            alone: None,
        }
    }

    /// What holds from this Julia on.
    pub fn since(self, version: (u32, u32), change: impl FnOnce(Self) -> Self) -> Self {
        if julia::version() >= version { change(self) } else { self }
    }

    /// From this Julia on a forked worker serves it.
    pub fn forked_since(self, version: (u32, u32)) -> Self {
        self.since(version, |case| Self { expected: Expected::Fork, ..case })
    }

    pub fn title(&self) -> String {
        match self.expected {
            Expected::Fork => format!("fork: {}", self.name),
            Expected::Fresh => format!("fresh: {}", self.name),
            Expected::Direct(reason) => format!("direct ({reason}): {}", self.name),
        }
    }

    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.launched(|launch| launch.args(arguments))
    }

    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.launched(|launch| launch.env(name, value))
    }

    pub fn with(self, number: RawFd, stream: Stream) -> Self {
        self.launched(|launch| launch.with(number, stream))
    }

    /// A variable with a path below the case's folder.
    pub fn env_below(mut self, name: &'static str, path: &'static str) -> Self {
        self.variables_below.push((name, path));
        self
    }

    /// Standard input through a pipe.
    pub fn fed(self, bytes: impl AsRef<[u8]>) -> Self {
        self.with(0, Stream::Feed(bytes.as_ref().to_vec()))
    }

    pub fn on_terminal(self) -> Self {
        self.launched(|launch| launch.on_terminal(Session::Leader))
    }

    /// A working directory below the case's folder.
    pub fn directory(self, directory: impl AsRef<OsStr>) -> Self {
        self.launched(|launch| launch.directory(directory))
    }

    /// Changes what is launched.
    pub fn launched(mut self, change: impl FnOnce(Launch) -> Launch) -> Self {
        self.launch = change(self.launch);
        self
    }

    /// A file in the case's folder, which is the working directory.
    pub fn file(mut self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) -> Self {
        self.files.push((name.as_ref().into(), content.as_ref().to_vec()));
        self
    }

    /// A symbolic link in the case's folder.
    pub fn link(mut self, name: &'static str, target: &'static str) -> Self {
        self.links.push((name, target));
        self
    }

    /// `a.jl` with this content is run.
    pub fn script(self, content: &str) -> Self {
        self.file("a.jl", content).args(["a.jl"])
    }

    /// What is done while the program runs.
    pub fn act(mut self, act: impl Fn(&mut Running) + Send + Sync + 'static) -> Self {
        self.act = Some(Box::new(act));
        self
    }

    pub fn exits(mut self, code: i32) -> Self {
        self.end = End::Exited(code);
        self
    }

    pub fn dies_by(mut self, signal: i32) -> Self {
        self.end = End::Killed(signal);
        self
    }

    /// Julia itself ends the program at this signal: by the signal from 1.9 on, with status 128 + n before.
    pub fn ended_by(self, signal: i32) -> Self {
        if julia::version() < (1, 9) { self.exits(128 + signal) } else { self.dies_by(signal) }
    }

    /// Plain Julia's output holds the one text before this version, and the other from then on.
    pub fn prints_since(self, version: (u32, u32), before: &str, from_then_on: &str) -> Self {
        let text = if julia::version() < version { before } else { from_then_on };
        self.prints(text)
    }

    /// Plain Julia says that this signal came.
    pub fn announces(self, signal: i32) -> Self {
        let text = if julia::version() < (1, 11) || signal == libc::SIGUSR1 {
            format!("signal ({signal})")
        } else {
            format!("signal {signal}")
        };
        self.prints(&text)
    }

    /// Plain Julia's output holds this text.
    pub fn prints(mut self, text: &str) -> Self {
        self.prints.push(text.to_owned());
        self
    }

    pub fn normal(mut self, normal: Normal) -> Self {
        self.normals.push(normal);
        self
    }

    /// The files that the program leaves are not alike even from plain Julia.
    pub fn files_differ(mut self) -> Self {
        self.files_differ = true;
        self
    }

    /// Plain Julia cannot be compared with, for this reason: `juliaclient` alone must do what the row says.
    pub fn alone(mut self, reason: &'static str) -> Self {
        self.alone = Some(reason);
        self
    }

    /// Runs both ways and compares.
    ///
    /// # Errors
    /// All differences.
    pub fn check(&self, world: &World) -> Result<(), String> {
        let trace = world.new_trace();
        let plain = self.alone.is_none().then(|| self.plain(world, &trace));
        assert!(!trace.exists(), "plain Julia has no trace");
        let (client, way) = {
            let _turn = world.turns.take(self.expected.kind());
            let before = world.served();
            let client = self.run(world, Way::Client, &trace);
            (client, Taken::read(&trace, &before, world))
        };
        let mut complaints = String::new();
        match (&plain, self.alone) {
            (Some(plain), _) => self.compare(plain, &client, &mut complaints),
            (None, reason) => {
                eprintln!("{}: not compared with plain Julia: {}", self.title(), reason.unwrap_or_default());
                complaints.push_str(&self.complaints_about("juliaclient", &client));
            }
        }
        if let Err(other) = way.is(self.expected) {
            let _ = writeln!(complaints, "way: expected {:?}, but {other}", self.expected);
        }
        if complaints.is_empty() { Ok(()) } else { Err(self.failure(&complaints, plain.as_ref(), &client)) }
    }

    /// Where signals and terminals meet a loaded machine plain Julia itself does not always do the same: it has three
    /// tries to do what the row says. `juliaclient` has one.
    fn plain(&self, world: &World, trace: &Path) -> Left {
        for _ in 0..2 {
            let left = self.run(world, Way::Plain, trace);
            let complaints = self.complaints_about(PLAIN, &left);
            if complaints.is_empty() {
                return left;
            }
            eprintln!("{}: plain Julia is tried again: {complaints}", self.title());
        }
        self.run(world, Way::Plain, trace)
    }

    fn run(&self, world: &World, way: Way, trace: &Path) -> Left {
        let folder = world.case_folder(&self.name);
        for (name, content) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        for (name, target) in &self.links {
            symlink(target, folder.join(name)).unwrap();
        }
        let mut launch = self.launch.clone().env("JULIA_DAEMON_TRACE", trace);
        for (name, path) in &self.variables_below {
            launch = launch.env(name, folder.join(path));
        }
        if !matches!(self.expected, Expected::Direct(_)) {
            launch = launch.env("JULIA_DAEMON", "require");
        }
        let mut running = world.start(way, &launch, &folder);
        if let Some(act) = &self.act {
            act(&mut running);
        }
        let outcome = running.finish();
        let files = if self.files_differ { Files::new() } else { files_below(&folder) };
        fs::remove_dir_all(&folder).unwrap();
        Left { outcome: self.normalised(outcome), files }
    }

    fn normalised(&self, mut outcome: Outcome) -> Outcome {
        for normal in &self.normals {
            outcome.stdout = normal(&outcome.stdout);
            outcome.stderr = normal(&outcome.stderr);
        }
        outcome
    }

    fn compare(&self, plain: &Left, client: &Left, complaints: &mut String) {
        let mut differ = |what: &str, same: bool| {
            if !same {
                let _ = writeln!(complaints, "{what} differs");
            }
        };
        differ("the end", plain.outcome.end == client.outcome.end);
        differ("stdout", plain.outcome.stdout == client.outcome.stdout);
        differ("stderr", plain.outcome.stderr == client.outcome.stderr);
        differ("another descriptor", plain.outcome.others == client.outcome.others);
        for path in plain.files.keys().chain(client.files.keys()) {
            differ(&format!("the file {}", path.display()), plain.files.get(path) == client.files.get(path));
        }
        complaints.push_str(&self.complaints_about(PLAIN, plain));
    }

    /// What the row says of plain Julia and is not so.
    fn complaints_about(&self, who: &str, left: &Left) -> String {
        let mut complaints = String::new();
        let outcome = &left.outcome;
        if outcome.end != self.end {
            let _ = writeln!(complaints, "{who} ends by {:?}, not {:?}", outcome.end, self.end);
        }
        let printed = [&outcome.stdout[..], &outcome.stderr[..]].concat();
        for text in self.prints.iter().filter(|text| !printed.windows(text.len()).any(|part| part == text.as_bytes())) {
            let _ = writeln!(complaints, "{who} does not print {text:?}");
        }
        complaints
    }

    fn failure(&self, complaints: &str, plain: Option<&Left>, client: &Left) -> String {
        let words: Vec<String> = self.launch.arguments.iter().map(|word| shorten(word.as_encoded_bytes())).collect();
        let plain = plain.map_or_else(|| "not run\n".to_owned(), Left::to_string);
        format!("{complaints}julia {}\n\n--- plain Julia\n{plain}\n--- juliaclient\n{client}", words.join(" "))
    }
}

/// Mode and content of files by path; folders have no content.
type Files = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// What a run left behind.
struct Left {
    outcome: Outcome,
    files: Files,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outcome { end, stdout, stderr, others } = &self.outcome;
        writeln!(f, "{end:?}\nstdout: {}\nstderr: {}", shorten(stdout), shorten(stderr))?;
        for (number, bytes) in others {
            writeln!(f, "descriptor {number}: {}", shorten(bytes))?;
        }
        for (path, (mode, bytes)) in &self.files {
            writeln!(f, "{} ({mode:o}): {}", path.display(), shorten(bytes))?;
        }
        Ok(())
    }
}

fn shorten(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) if text.len() < 4000 => text.to_owned(),
        _ => format!("{} bytes: {}…", bytes.len(), bytes[..bytes.len().min(300)].escape_ascii()),
    }
}

fn files_below(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, found) = (entry.path(), entry.metadata().unwrap());
        if found.is_dir() {
            files.extend(files_below(&path));
        }
        let content = if found.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        files.insert(path, (found.permissions().mode(), content));
    }
    files
}

/// The way that a launch took: its line in the trace, and which counts of the conductor went up.
struct Taken {
    trace: String,
    kinds: Vec<String>,
}

impl Taken {
    fn read(trace: &Path, before: &BTreeMap<String, u64>, world: &World) -> Self {
        let after = world.served();
        let kinds = after.into_iter().filter(|(kind, count)| before.get(kind).copied().unwrap_or(0) < *count);
        Self { trace: fs::read_to_string(trace).unwrap_or_default(), kinds: kinds.map(|(kind, _)| kind).collect() }
    }

    fn is(&self, expected: Expected) -> Result<(), String> {
        let lines: Vec<&str> = self.trace.lines().collect();
        let kinds: Vec<&str> = self.kinds.iter().map(String::as_str).collect();
        let said = match expected {
            Expected::Fork | Expected::Fresh => "juliaclient: served ".to_owned(),
            Expected::Direct(reason) => format!("juliaclient: direct reason={reason} "),
        };
        let counted = if let Expected::Direct(_) = expected { kinds.is_empty() } else { kinds == [expected.kind()] };
        let holds = lines.len() == 1 && lines[0].starts_with(&said) && counted;
        if holds { Ok(()) } else { Err(format!("the trace says {:?}, and served was {:?}", self.trace, self.kinds)) }
    }
}

//! What a Julia command line asks for.
//!
//! Facts: `jl_parse_opts` in Julia's `src/jloptions.c` (settings; what is left becomes `Core.ARGS`), `exec_options` in
//! `base/client.jl` (program, `ARGS`, REPL), `jl_resolve_sysimg_location` in `src/init.c`, since 1.12 `src/jlapi.c`
//! (paths).

use super::getopt::{DOUBLE_DASH_KEPT, Found, Scanner};
use super::switches::{OLDEST, RunSwitch, Scope, YOUNGEST};
use super::{ProcessSwitch, Refusal, Version};
use std::ffi::{OsStr, OsString};
use std::path::Path;

#[cfg(test)]
mod tests;

/// The first Julia that takes the program `-` for its standard input (julia#43191).
const STDIN_PROGRAM: Version = (1, 8);

/// A Julia command line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// What is done before the program, in order.
    pub actions: Vec<Action>,
    /// The words after the switches, the program's or module's own word among them: `Core.ARGS` (before 1.9 that also
    /// holds the `--` in front). For `-mX` and `--module=X` the module's word is the whole switch.
    pub arguments: Vec<OsString>,
    /// The program. [`Program::None`] as well with `--eval`, `--print` or `--module`.
    pub program: Program,
    /// Settings of the whole process, one for each switch, sorted by name.
    pub process: Vec<ProcessSwitch>,
    /// `--project`; bare it is `@.`. The empty word is a setting too: it overrides `JULIA_PROJECT`.
    pub project: Option<OsString>,
    /// `-i`. Without it a session with a terminal is interactive all the same ([`CommandLine::wants_repl`]).
    pub interactive: bool,
    /// `--quiet`. It also means `--banner=no` where no banner was chosen before.
    pub quiet: bool,
    /// `--color`; `None` is `auto`.
    pub color: Option<bool>,
    /// `--banner`; `None` is `auto`.
    pub banner: Option<Banner>,
    /// `--history-file`; Julia's default is yes.
    pub history_file: Option<bool>,
    /// `--startup-file`; Julia's default is yes.
    pub startup_file: Option<bool>,
    /// The first Julia that knows all switches and values in here and reads every word as we do.
    pub newest_switch: Version,
    /// Whether a long switch was cut short; a future Julia may find that ambiguous.
    pub abbreviated: bool,
}

/// Something done before the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `--eval`: the code is run.
    Eval(OsString),
    /// `--print`: the code is run and its value shown.
    Print(OsString),
    /// `--load`: the file is included.
    Load(OsString),
    /// `--module`: the `main` of this module is run. Always the last one.
    Module(OsString),
}

/// What is run after the actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// Nothing, or a session.
    None,
    /// `-`: all of standard input, as a file called `stdin`.
    Stdin,
    /// A file, which may not exist.
    File(OsString),
}

/// How a session greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the word after --banner=")]
pub enum Banner {
    Yes,
    No,
    Short,
}

/// Reads the words after the program's own name.
///
/// # Errors
/// With a [`Refusal`] where a worker can't serve the launch, or we can't tell what Julia would make of it.
pub fn parse(words: &[OsString]) -> Result<CommandLine, Refusal> {
    let mut line = CommandLine::new();
    let mut scanner = Scanner::new(words);
    while let Some(found) = scanner.next()? {
        line.take(&found);
        if found.switch.scope == Scope::Run(RunSwitch::Module) {
            scanner.give_back_word();
            break;
        }
    }
    line.take_arguments(scanner.rest(), scanner.terminated());
    Ok(line)
}

impl CommandLine {
    fn new() -> Self {
        Self {
            actions: Vec::new(),
            arguments: Vec::new(),
            program: Program::None,
            process: Vec::new(),
            project: None,
            interactive: false,
            quiet: false,
            color: None,
            banner: None,
            history_file: None,
            startup_file: None,
            newest_switch: OLDEST,
            abbreviated: false,
        }
    }

    fn take(&mut self, found: &Found<'_>) {
        self.needs(found.since);
        self.abbreviated |= found.abbreviated;
        match found.switch.scope {
            Scope::Run(switch) => self.take_run_switch(switch, found.value.unwrap_or_default()),
            _ => ProcessSwitch::new(found.switch, found.value).join(&mut self.process),
        }
    }

    /// The last setting wins, actions add up.
    fn take_run_switch(&mut self, switch: RunSwitch, value: &OsStr) {
        match switch {
            RunSwitch::Eval => self.actions.push(Action::Eval(value.to_owned())),
            RunSwitch::Print => self.actions.push(Action::Print(value.to_owned())),
            RunSwitch::Load => self.actions.push(Action::Load(value.to_owned())),
            RunSwitch::Module => self.actions.push(Action::Module(value.to_owned())),
            RunSwitch::Project => self.project = Some(value.to_owned()),
            RunSwitch::Interactive => self.interactive = true,
            RunSwitch::Quiet => self.take_quiet(),
            RunSwitch::Color => self.color = yes_or_no(value),
            RunSwitch::Banner => self.banner = banner(value),
            RunSwitch::HistoryFile => self.history_file = yes_or_no(value),
            RunSwitch::StartupFile => self.startup_file = yes_or_no(value),
        }
    }

    /// The order counts: `-q --banner=auto` greets.
    fn take_quiet(&mut self) {
        self.quiet = true;
        self.banner.get_or_insert(Banner::No);
    }

    fn take_arguments(&mut self, words: &[OsString], terminated: bool) {
        self.arguments = words.to_vec();
        if !terminated && words.iter().any(|word| word == "--") {
            self.needs(DOUBLE_DASH_KEPT);
        }
        if !self.suppresses_program() && !self.runs_module() {
            self.take_program();
        }
    }

    fn take_program(&mut self) {
        self.program = match self.arguments.first() {
            None => Program::None,
            Some(word) if word == "-" => Program::Stdin,
            Some(word) => Program::File(word.clone()),
        };
        if self.program == Program::Stdin {
            self.needs(STDIN_PROGRAM);
        }
    }

    fn needs(&mut self, version: Version) {
        self.newest_switch = self.newest_switch.max(version);
    }

    /// Whether this Julia takes the whole command line and reads it as we did. A Julia younger than [`YOUNGEST`] is
    /// trusted with everything but abbreviations.
    pub fn known_to(&self, version: Version) -> bool {
        version >= self.newest_switch && (version <= YOUNGEST || !self.abbreviated)
    }

    /// Whether a session is asked for by leaving out everything else. `-i` asks for one after everything else.
    pub fn wants_repl(&self) -> bool {
        self.arguments.is_empty() && !self.suppresses_program()
    }

    /// Julia's `PROGRAM_FILE`, which is the module's word too.
    pub fn program_file(&self) -> Option<&OsStr> {
        self.arguments.first().filter(|_| !self.suppresses_program()).map(OsString::as_os_str)
    }

    /// Julia's `ARGS` as the code sees it.
    pub fn program_arguments(&self) -> &[OsString] {
        let taken = usize::from(self.program_file().is_some());
        &self.arguments[taken..]
    }

    /// The value of `--threads`.
    pub fn threads(&self) -> Option<&OsStr> {
        self.process_value("threads")
    }

    /// The file of `--sysimage`.
    pub fn sysimage(&self) -> Option<&OsStr> {
        self.process_value("sysimage")
    }

    fn process_value(&self, name: &str) -> Option<&OsStr> {
        self.process.iter().find(|switch| switch.name == name)?.value.as_deref()
    }

    /// Makes the paths that Julia makes absolute at its start independent of where we are: files to load, and files
    /// that the process is made of. Like Julia: what exists by its real path, else `directory` is put in front.
    pub fn resolve_paths(&mut self, directory: &Path) {
        let resolve = |path: &OsStr| {
            let path = directory.join(path);
            path.canonicalize().unwrap_or(path).into_os_string()
        };
        for action in &mut self.actions {
            if let Action::Load(path) = action {
                *path = resolve(path);
            }
        }
        for switch in &mut self.process {
            switch.resolve_path(resolve);
        }
    }

    /// With `--eval` or `--print` all words are arguments.
    fn suppresses_program(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::Eval(_) | Action::Print(_)))
    }

    fn runs_module(&self) -> bool {
        matches!(self.actions.last(), Some(Action::Module(_)))
    }
}

/// `auto` is neither.
fn yes_or_no(value: &OsStr) -> Option<bool> {
    match value.as_encoded_bytes() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

fn banner(value: &OsStr) -> Option<Banner> {
    match value.as_encoded_bytes() {
        b"yes" => Some(Banner::Yes),
        b"no" => Some(Banner::No),
        b"short" => Some(Banner::Short),
        _ => None,
    }
}

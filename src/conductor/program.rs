//! What a launch runs, so far as that decides about what can be done ahead of it: launches of equal programs can share a branch.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::difference::differing_names;
use crate::apps::Found;
use crate::env;
use crate::julia::{Action, CommandLine, Program as Invoked};
use crate::protocol::Launch;

/// A program and everything that may change what loading it means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Program {
    pub(super) what: What,
    /// `--project`.
    project: Option<Vec<u8>>,
    /// The working directory, where something is relative to it.
    folder: Option<PathBuf>,
    /// The client's environment without what is known not to matter, sorted: packages may read any of it while loading.
    environment: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// A program file, absolute.
    File(PathBuf),
    /// `-e`, `-E` and `-m`, each as its letter and its text.
    Actions(Vec<Vec<u8>>),
    /// What is loaded first, from which load path, and the app's depot.
    App { name: String, package: String, load_path: Vec<PathBuf>, depot: PathBuf },
}

/// A longer environment than this, in bytes, is not kept for each program.
const MOST_ENVIRONMENT: usize = 256 << 10;

/// Texts longer than this are programs that somebody generates, each of them once.
const MOST_TEXT: usize = 64 << 10;

impl Program {
    /// `None`: nothing of this launch can be done ahead.
    pub(super) fn of(line: &CommandLine, launch: &Launch, app: Option<&Found>, directory: &Path) -> Option<Self> {
        // A startup file would have to be run first, in each launch.
        let length: usize = launch.environment.iter().map(Vec::len).sum();
        if line.startup_file != Some(false) || length > MOST_ENVIRONMENT {
            return None;
        }
        let what = match app {
            Some(found) => What::App {
                name: found.app.name.clone(),
                package: found.first().to_owned(),
                load_path: found.start.load_path.clone(),
                depot: found.depot.clone(),
            },
            None => what(line, directory)?,
        };
        let project = line.project.as_ref().map(|project| project.as_bytes().to_vec());
        let relative = is_relative(project.as_deref().or_else(|| launch.variable(env::JULIA_PROJECT)))
            || has_relative_entry(launch.variable(env::JULIA_LOAD_PATH))
            || has_relative_entry(launch.variable(env::JULIA_DEPOT_PATH));
        let matters = |entry: &&Vec<u8>| !is_indifferent(entry);
        let mut environment: Vec<Vec<u8>> = launch.environment.iter().filter(matters).cloned().collect();
        environment.sort_unstable();
        Some(Self { what, project, folder: relative.then(|| directory.to_owned()), environment })
    }

    /// The program in a few words.
    pub(super) fn words(&self) -> String {
        match &self.what {
            What::File(path) => path.display().to_string(),
            What::App { name, .. } => format!("the app {name}"),
            What::Actions(actions) => {
                let texts: Vec<_> = actions
                    .iter()
                    .map(|text| format!("-{} {}", char::from(text[0]), String::from_utf8_lossy(&text[1..]).trim_end()))
                    .collect();
                texts.join(" ").chars().take(80).collect()
            }
        }
    }

    /// The project that was asked for, in words; empty: none was.
    pub(super) fn project_words(&self) -> String {
        let given = self.project.as_deref();
        let prefix = format!("{}=", env::JULIA_PROJECT).into_bytes();
        let variable = || self.environment.iter().find_map(|entry| entry.strip_prefix(prefix.as_slice()));
        String::from_utf8_lossy(given.or_else(variable).unwrap_or_default()).into_owned()
    }

    /// Whether the program is a text of the command line, which may hold a secret.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.what, What::Actions(_))
    }

    /// Whether both are the same script, app or expressions, with or without the same surroundings.
    pub(super) fn is_same_program(&self, other: &Self) -> bool {
        self.what == other.what
    }

    /// What it has otherwise than another, in words.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let names = differing_names(&self.environment, &other.environment);
        found.extend((self.what != other.what).then(|| "program".to_owned()));
        found.extend((self.project != other.project).then(|| "--project".to_owned()));
        found.extend((self.folder != other.folder).then(|| "working directory".to_owned()));
        found.extend((!names.is_empty()).then(|| format!("variables {}", names.join(", "))));
        found
    }

    /// What of it is the same tomorrow, after an update of the project, and in another terminal.
    pub(super) fn lasting(&self) -> (&What, Option<&[u8]>) {
        (&self.what, self.project.as_deref())
    }
}

fn what(line: &CommandLine, directory: &Path) -> Option<What> {
    match &line.program {
        Invoked::Stdin => return None,
        Invoked::File(file) => {
            return line.actions.is_empty().then(|| What::File(absolute(directory, Path::new(file))));
        }
        Invoked::None => (),
    }
    let mut actions = Vec::new();
    for action in &line.actions {
        let (letter, text) = match action {
            Action::Eval(text) => (b'e', text),
            Action::Print(text) => (b'E', text),
            Action::Module(text) => (b'm', text),
            Action::Load(_) => return None,
        };
        actions.push([&[letter], text.as_bytes()].concat());
    }
    let is_dear = |text: &Vec<u8>| text[0] == b'm' || DEAR.iter().any(|word| holds(text, word.as_bytes()));
    let length: usize = actions.iter().map(Vec::len).sum();
    (actions.first().is_some_and(is_dear) && length <= MOST_TEXT).then_some(What::Actions(actions))
}

/// What stands in expressions that load packages or that Julia compiles in each launch: anonymous functions, loops, what is timed.
/// Most others take nothing that could be done ahead.
const DEAR: [&str; 8] = ["using ", "import ", "->", "for ", "while ", " do ", " do\n", "@time"];

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|at| at == word)
}

/// As `abspath` has it, by words alone (base/path.jl).
fn absolute(directory: &Path, file: &Path) -> PathBuf {
    let mut path = PathBuf::new();
    for part in directory.join(file).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}

/// A project that depends on the working directory.
fn is_relative(project: Option<&[u8]>) -> bool {
    project.is_some_and(|project| !project.is_empty() && !project.starts_with(b"/"))
}

fn has_relative_entry(list: Option<&[u8]>) -> bool {
    let named =
        |entry: &[u8]| !(entry.is_empty() || entry.starts_with(b"/") || entry.starts_with(b"~") || is_named(entry));
    list.is_some_and(|list| list.split(|byte| *byte == b':').any(named))
}

/// `@`, `@stdlib`, `@v1.10`: environments that have names. `@.` is looked for from the working directory.
fn is_named(entry: &[u8]) -> bool {
    entry.starts_with(b"@") && entry != b"@."
}

/// Variables that describe the terminal, the shell or the launch, not what a package should be.
const INDIFFERENT: [&str; 22] = [
    "_",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "COLUMNS",
    "LINES",
    "WINDOWID",
    "PS1",
    "PS2",
    "PROMPT_COMMAND",
    "DIRSTACK",
    "TMUX",
    "TMUX_PANE",
    "STY",
    "GPG_TTY",
    "TERM_SESSION_ID",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "RANDOM",
];
const INDIFFERENT_PREFIXES: [&str; 8] =
    ["JULIA_DAEMON", "SSH_", "XDG_SESSION", "KONSOLE_", "VSCODE_", "ZELLIJ", "HIST", "STARSHIP_"];

fn is_indifferent(entry: &[u8]) -> bool {
    let name = entry.split(|byte| *byte == b'=').next().unwrap_or_default();
    INDIFFERENT.iter().any(|known| known.as_bytes() == name)
        || INDIFFERENT_PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::julia::parse;

    fn what_of(words: &[&str]) -> Option<What> {
        let words: Vec<_> = words.iter().map(std::ffi::OsString::from).collect();
        what(&parse(&words).expect("a command line"), Path::new("/here"))
    }

    fn actions(texts: &[&str]) -> What {
        What::Actions(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
    }

    #[test]
    fn what_is_launched() {
        assert_eq!(what_of(&["a/../s.jl", "x"]), Some(What::File("/here/s.jl".into())));
        assert_eq!(what_of(&["-e", "using A", "x"]), Some(actions(&["eusing A"])));
        assert_eq!(what_of(&["-e", "using A", "-E", "f()"]), Some(actions(&["eusing A", "Ef()"])));
        for words in [&["-m", "A.B"][..], &["-m", "A.B", "x", "-y"], &["-mA.B", "x"], &["--module=A.B", "x"]] {
            assert_eq!(what_of(words), Some(actions(&["mA.B"])), "{words:?}");
        }
        assert_eq!(what_of(&["-e", "using A", "-m", "B", "x"]), Some(actions(&["eusing A", "mB"])));
    }

    #[test]
    fn what_has_nothing_to_do_ahead() {
        for words in
            [&["-"][..], &["-e", "1"], &["-L", "a.jl", "s.jl"], &["-e", "1", "-m", "A"], &["-L", "a.jl", "-e", "1"]]
        {
            assert_eq!(what_of(words), None, "{words:?}");
        }
    }
}

//! `jlapp completions`: a script for a shell, which then asks `jlapp` itself what a word may become.
//!
//! So the script need not be made again when commands or apps change.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};

use clap::{CommandFactory, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};

use super::Arguments;
use super::failure::Failure;
use crate::apps::{Apps, depots, registered_names};
use crate::env;
use crate::sys::process;
use crate::toolchain::first_depot;

/// Prints a script; a shell that reads it completes commands, options and what is installed.
#[derive(clap::Args)]
#[command(after_help = "bash: source <(jlapp completions bash)\nzsh:  source <(jlapp completions zsh)\n\
    fish: jlapp completions fish | source\n\nPut that line into your shell's start-up file.")]
pub struct Completions {
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub fn run(&self) -> Result<(), Failure> {
        let shell: &dyn EnvCompleter = match self.shell {
            Shell::Bash => &Bash,
            Shell::Zsh => &Zsh,
            Shell::Fish => &Fish,
        };
        let program = process::own_folder()?.join("jlapp").display().to_string();
        let mut script = Vec::new();
        shell.write_registration(env::COMPLETE, "jlapp", "jlapp", &program, &mut script)?;
        io::stdout().write_all(&script)?;
        Ok(())
    }
}

/// Answers a shell that has asked what a word may become; whether one has.
pub(super) fn answer(arguments: &[OsString]) -> bool {
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Arguments::command).var(env::COMPLETE).bin("jlapp");
    // What cannot be completed is nothing to bother anybody with who is typing.
    let answered = asked.try_complete(arguments.iter().cloned(), folder.as_deref()).unwrap_or(true);
    // Nobody does it later: this program has a `main` of its own.
    let _ = io::stdout().flush();
    answered
}

/// Names of apps.
pub(super) fn apps(word: &OsStr) -> Vec<CompletionCandidate> {
    installed(word, false)
}

/// Names of packages and apps.
pub(super) fn packages_and_apps(word: &OsStr) -> Vec<CompletionCandidate> {
    installed(word, true)
}

/// Names of packages that installed registries know.
pub(super) fn registered(word: &OsStr) -> Vec<CompletionCandidate> {
    let word = word.to_string_lossy();
    // All of them are thousands, and of no help.
    if word.is_empty() {
        return Vec::new();
    }
    let names = first_depot(&|name| std::env::var_os(name)).map(|depot| registered_names(&depot)).unwrap_or_default();
    names.into_iter().filter(|name| name.starts_with(&*word)).map(CompletionCandidate::new).collect()
}

fn installed(word: &OsStr, packages: bool) -> Vec<CompletionCandidate> {
    let mut apps = Apps::default();
    let mut names: Vec<String> = Vec::new();
    for depot in depots(&|name| std::env::var_os(name)) {
        let Ok(record) = apps.installed(&depot) else { continue };
        let wanted: Vec<&str> = if packages { record.names().collect() } else { record.app_names().collect() };
        names.extend(wanted.into_iter().map(str::to_owned));
    }
    names.sort_unstable();
    names.dedup();
    let word = word.to_string_lossy();
    names.into_iter().filter(|name| name.starts_with(&*word)).map(CompletionCandidate::new).collect()
}

//! Command lines of `jlapp` and `jlconductor`: one file per command, and all printing.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where we print")]

mod add;
mod choose;
mod completions;
mod conductor;
mod daemon;
mod dev;
mod export;
mod failure;
mod install;
mod julia;
mod launch;
mod names;
mod new;
mod outdated;
mod path;
mod pin;
mod pkg;
mod precompile;
mod remove;
mod resolve;
mod run;
mod run_cache;
mod shims;
mod status;
mod update;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::{Parser, Subcommand};

use crate::apps::shim_path;
use crate::sys::signals;
use crate::{env, exit};

pub use conductor::main as conductor_main;
use failure::Failure;

/// Julia apps and toolchains, started warm.
#[derive(Parser)]
#[command(name = "jlapp", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The daemon that keeps workers warm
    #[command(subcommand)]
    Daemon(daemon::Command),
    /// Julias: which there are, which is used, and getting more
    #[command(subcommand)]
    Julia(julia::Command),
    /// Gets apps: of registered packages, and of packages in repositories
    Add(add::Add),
    /// Gets newer versions of packages with apps, and of what they depend on
    #[command(alias = "up")]
    Update(update::Update),
    /// Has `update` leave packages as they are
    Pin(pin::Pin),
    /// Lets `update` have them again
    Unpin(pin::Pin),
    /// Compiles ahead what apps need
    Precompile(precompile::Precompile),
    /// Apps of a package in your own folder
    Dev(dev::Dev),
    /// Removes packages with apps, or single apps
    #[command(name = "rm", alias = "remove")]
    Remove(remove::Remove),
    /// Writes all that is installed into one file
    Export(export::Export),
    /// Installs what such a file says, in the same versions
    Import(export::Import),
    /// Makes the shims of all apps again
    Shims(shims::Shims),
    /// Runs an app
    Launch(launch::Launch),
    /// Runs an app of a package that is not installed
    Run(run::Run),
    /// Apps that there are
    Status(status::Status),
    /// Makes a package with an app
    New(new::New),
    /// Whether apps are found by their names
    Path(path::Search),
    /// A script with which a shell completes commands, apps and packages
    Completions(completions::Completions),
    /// For `juliaclient`: the Julia that it would run
    #[command(hide = true)]
    Resolve(resolve::Resolve),
}

/// Runs `jlapp` with these arguments, its own name first, and returns the exit status to end with.
pub fn main(arguments: Vec<OsString>) -> i32 {
    if std::env::var_os(env::COMPLETE).is_some() && completions::answer(&arguments) {
        return 0;
    }
    let status = Arguments::parse_from(arguments).command.run();
    // Nobody does it later: this program has a `main` of its own.
    match io::stdout().flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("jlapp: cannot write to standard output: {error}");
            exit::FAILURE
        }
        _ => status,
    }
}

impl Command {
    fn run(self) -> i32 {
        match self {
            Self::Daemon(command) => end(command.run().map_err(Failure::from)),
            Self::Julia(command) => end(command.run()),
            Self::Add(command) => end(command.run()),
            Self::Update(command) => end(command.run()),
            Self::Pin(command) => end(command.run(true)),
            Self::Unpin(command) => end(command.run(false)),
            Self::Precompile(command) => end(command.run()),
            Self::Dev(command) => end(command.run()),
            Self::Remove(command) => end(command.run()),
            Self::Export(command) => end(command.run()),
            Self::Import(command) => end(command.run()),
            Self::Shims(command) => command.run(),
            Self::Launch(command) => command.run(),
            Self::Run(command) => end(command.run()),
            Self::Status(command) => end(command.run()),
            Self::New(command) => command.run(),
            Self::Path(command) => command.run(),
            Self::Completions(command) => end(command.run()),
            Self::Resolve(command) => command.run(),
        }
    }
}

/// Somebody else changes apps at the moment.
fn say_waiting(lock: &Path) {
    eprintln!("jlapp: waiting for {}, which another process holds", lock.display());
}

/// Says how apps can be reached by their names, where they cannot.
fn found_on_path<'a>(depot: &Path, apps: impl IntoIterator<Item = &'a str>) {
    let path = std::env::var_os(env::PATH).unwrap_or_default();
    let mut missing = false;
    for app in apps {
        let shim = shim_path(depot, app);
        let first = std::env::split_paths(&path).map(|folder| folder.join(app)).find(|file| file.is_file());
        let same = |one: &Path| one.canonicalize().ok() == shim.canonicalize().ok();
        match first {
            Some(found) if same(&found) => {}
            Some(found) => {
                eprintln!("jlapp: {app} on PATH is {}, which comes before {}", found.display(), shim.display());
            }
            None => missing = true,
        }
    }
    if missing {
        let folder = depot.join("bin");
        eprintln!("jlapp: {} is not on PATH; add this to your shell's start-up file:", folder.display());
        eprintln!("  export PATH=\"{}:$PATH\"", folder.display());
    }
}

fn end(outcome: Result<(), Failure>) -> i32 {
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("jlapp: {error}");
            if let Failure::Interrupted(signal) = error {
                signals::die_by(signal);
            }
            error.status()
        }
    }
}

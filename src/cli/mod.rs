//! Command lines of `jlapp` and `jlconductor`: one file per command, and all printing.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where we print")]

mod conductor;
mod daemon;
mod launch;
mod resolve;
mod status;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{Parser, Subcommand};

use crate::exit;

pub use conductor::main as conductor_main;

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
    /// Runs an app
    Launch(launch::Launch),
    /// Apps that there are
    Status(status::Status),
    /// For `juliaclient`: the Julia that it would run
    #[command(hide = true)]
    Resolve(resolve::Resolve),
}

/// Runs `jlapp` with these arguments, its own name first, and returns the exit status to end with.
pub fn main(arguments: Vec<OsString>) -> i32 {
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
            Self::Daemon(command) => end(command.run()),
            Self::Launch(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Resolve(command) => command.run(),
        }
    }
}

fn end(outcome: io::Result<()>) -> i32 {
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("jlapp: {error}");
            exit::FAILURE
        }
    }
}

//! Command lines of `jlapp` and `jlconductor`: one file per command, and all printing.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where we print")]

mod conductor;
mod daemon;
mod failure;
mod julia;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Julias: which there are, which is used, and getting more
    #[command(subcommand)]
    Julia(julia::Command),
}

/// Runs `jlapp` with the process's arguments.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Daemon(command) => command.run().map_err(failure::Failure::from),
        Command::Julia(command) => command.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jlapp: {error}");
            error.exit_code()
        }
    }
}

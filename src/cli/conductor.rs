//! `jlconductor`'s own command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::client::socket;
use crate::conductor;
use crate::worker::Isolation;

#[derive(Parser)]
#[command(name = "jlconductor", version, about = "The daemon behind juliaclient; started by it")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve launches until told to stop
    Run {
        /// The socket to listen at
        #[arg(long)]
        socket: Option<PathBuf>,
    },
    /// See one fresh worker through its job
    #[command(hide = true)]
    Keep {
        #[arg(long)]
        terminal: bool,
        #[arg(long)]
        session: bool,
        julia: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        switches: Vec<OsString>,
    },
}

/// Runs `jlconductor` with the process's arguments.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run { socket } => conductor::run(socket.unwrap_or_else(socket::path)),
        Command::Keep { terminal, session, julia, switches } => {
            let other = if session { Isolation::Session } else { Isolation::Fresh };
            conductor::keep(&julia, switches, if terminal { Isolation::Repl } else { other })
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jlconductor: {error}");
            ExitCode::FAILURE
        }
    }
}

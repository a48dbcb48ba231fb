//! `jlapp resolve`: the Julia that `juliaclient` would run, for `juliaclient` itself where no daemon can say it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use crate::julia::parse;
use crate::toolchain::{Error, Request, Selection, Toolchains};

/// Words of a command line of Julia's.
#[derive(clap::Args)]
pub struct Resolve {
    /// The channel that was asked for
    #[arg(long, allow_hyphen_values = true)]
    channel: Option<OsString>,
    /// Arguments that Julia would get
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Resolve {
    /// Prints path and first arguments, each with a NUL behind it.
    pub fn run(&self) -> ExitCode {
        let selection = match self.select() {
            Ok(selection) => selection,
            Err(error) => {
                eprintln!("juliaclient: {error}");
                return u8::try_from(error.exit_status()).map_or(ExitCode::FAILURE, ExitCode::from);
            }
        };
        if let Some(note) = &selection.note {
            eprintln!("juliaclient: {note}");
        }
        let words =
            [selection.binary.as_os_str()].into_iter().chain(selection.arguments.iter().map(OsString::as_os_str));
        let text: Vec<u8> = words.flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
        // Nobody who has gone is to be told.
        let _ = io::stdout().write_all(&text);
        ExitCode::SUCCESS
    }

    fn select(&self) -> Result<Selection, Error> {
        // What Julia itself refuses names no project.
        let line = parse(&self.arguments).ok();
        let directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
        Toolchains::new().select(&Request {
            channel: self.channel.as_deref(),
            directory: &directory,
            project: line.as_ref().and_then(|line| line.project.as_deref()),
            program: line.as_ref().and_then(|line| line.program_file()),
            app: None,
            variable: &|name| std::env::var_os(name),
        })
    }
}

//! `jlapp resolve`: what `juliaclient` would run, for `juliaclient` itself where no daemon can say it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use super::failure::Failure;
use super::julia::{ask, place};
use crate::apps::{self, Apps, jll};
use crate::env;
use crate::julia::parse;
use crate::sys::process;
use crate::toolchain::{self, App, Request, Selection, Toolchains};

/// Words of a command line of Julia's, or an app's.
#[derive(clap::Args)]
pub struct Resolve {
    /// The channel that was asked for
    #[arg(long, allow_hyphen_values = true)]
    channel: Option<OsString>,
    /// The app to launch: its name, or the path of its shim
    #[arg(long, allow_hyphen_values = true)]
    app: Option<OsString>,
    /// The app is a native one whose surroundings are to be worked out again
    #[arg(long, requires = "app")]
    native: bool,
    /// Arguments that Julia, or the app, would get
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Resolve {
    /// Prints path and first arguments, for an app all of them, each with a NUL behind it.
    pub fn run(&self) -> i32 {
        match self.words() {
            Ok(words) => {
                let text: Vec<u8> = words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
                // Nobody who has gone is to be told.
                let _ = io::stdout().write_all(&text);
                0
            }
            Err(error) => {
                eprintln!("juliaclient: {error}");
                error.status()
            }
        }
    }

    fn words(&self) -> Result<Vec<OsString>, Failure> {
        let variable = |name: &str| std::env::var_os(name);
        if let Some(app) = &self.app
            && let Some(native) = jll::plan(app, &variable)?
        {
            if let Some(note) = &native.note {
                eprintln!("juliaclient: {note}");
            }
            if self.native {
                return Ok(Vec::new());
            }
            // From here on it is a launch like any other of a native app.
            let head = [process::own_folder()?.join("jlapp").into(), "launch".into(), native.shim.into()];
            return Ok(head.into_iter().chain(self.arguments.iter().cloned()).collect());
        }
        let found = self.app.as_deref().map(|app| Apps::default().find(app, &variable)).transpose()?;
        let extra = variable(env::APP_ARGS);
        let arguments =
            found.as_ref().map(|found| apps::command_line(found, extra.as_deref(), &self.arguments)).transpose()?;
        let selection = self.select_or_install(found.as_ref().map(|found| &found.recorded))?;
        if let Some(note) = &selection.note {
            eprintln!("juliaclient: {note}");
        }
        let first = [selection.binary.into_os_string()].into_iter().chain(selection.arguments);
        Ok(first.chain(arguments.into_iter().flatten()).collect())
    }

    /// A channel that is not there is installed where the user wants that.
    fn select_or_install(&self, app: Option<&App>) -> Result<Selection, Failure> {
        match self.select(app) {
            Err(toolchain::Error::Missing(missing)) => {
                ask::install(&place()?, missing)?;
                Ok(self.select(app)?)
            }
            selection => Ok(selection?),
        }
    }

    fn select(&self, app: Option<&App>) -> Result<Selection, toolchain::Error> {
        // What Julia itself refuses names no project.
        let line = parse(&self.arguments).ok().filter(|_| app.is_none());
        let directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
        Toolchains::new().select(&Request {
            channel: self.channel.as_deref(),
            directory: &directory,
            project: line.as_ref().and_then(|line| line.project.as_deref()),
            program: line.as_ref().and_then(|line| line.program_file()).map(OsStr::new),
            app,
            variable: &|name| std::env::var_os(name),
        })
    }
}

//! A channel that is wanted and not there.

use std::io::{self, IsTerminal, Write};

use super::add::add;
use crate::cli::failure::Failure;
use crate::toolchain::{Error, Missing, Place};

/// Installs what is missing where the user wants that: by the setting, else by answering on a terminal. Everybody else gets
/// the error back, which names the command.
pub(in crate::cli) fn install(place: &Place, missing: Box<Missing>) -> Result<(), Failure> {
    if missing.command().is_some() && wanted(&missing)? {
        // Standard output is for what was asked for: the words of a launch, or what a program prints.
        return add(place, &missing.channel, |line| eprintln!("{line}"));
    }
    Err(Error::Missing(missing).into())
}

fn wanted(missing: &Missing) -> io::Result<bool> {
    if let Some(wanted) = missing.auto_install {
        return Ok(wanted);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    eprint!("channel {} is not installed. Install it now? [Y/n] ", missing.channel);
    io::stderr().flush()?;
    let mut answer = String::new();
    let count = io::stdin().read_line(&mut answer)?;
    Ok(count > 0 && matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

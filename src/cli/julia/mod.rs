//! `jlapp julia`: toolchains.

mod add;
pub(super) mod ask;
mod config;
mod default;
mod gc;
mod link;
mod list;
mod progress;
mod remove;
mod update;
mod which;

use std::ffi::OsString;
use std::io;

use clap::Subcommand;

use super::failure::Failure;
use crate::toolchain::Place;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Install channels, such as release, lts, 1.10, 1.10.4 or nightly
    Add(add::Arguments),
    /// Remove channels that were installed here
    Rm(remove::Arguments),
    /// Bring channels up to date
    Update(update::Arguments),
    /// Show or set the default channel
    Default(default::Arguments),
    /// Make a channel of a Julia of your own, or another name of a channel
    Link(link::Arguments),
    /// Remove what `link` made
    Unlink(remove::Arguments),
    /// List channels, those of juliaup as well
    List(list::Arguments),
    /// Show which Julia a launch gets, and why
    Which(which::Arguments),
    /// Remove Julias that no channel, app or running program uses
    Gc,
    /// Show or change settings
    #[command(subcommand)]
    Config(config::Command),
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(arguments) => arguments.run(),
            Self::Rm(arguments) => arguments.remove(),
            Self::Update(arguments) => arguments.run(),
            Self::Default(arguments) => arguments.run(),
            Self::Link(arguments) => arguments.run(),
            Self::Unlink(arguments) => arguments.unlink(),
            Self::List(arguments) => arguments.run(),
            Self::Which(arguments) => arguments.run(),
            Self::Gc => gc::run(),
            Self::Config(command) => command.run(),
        }
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

pub(super) fn place() -> Result<Place, Failure> {
    let missing = || io::Error::other("there is no home folder; set HOME, or JULIAUP_DEPOT_PATH to an absolute path");
    Place::from_environment(&variable).ok_or_else(|| missing().into())
}

/// Prints a value for programs.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string_pretty(value).map_err(io::Error::other)?);
    Ok(())
}

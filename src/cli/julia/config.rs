//! `jlapp julia config`.

use clap::{Subcommand, ValueEnum};

use super::place;
use crate::cli::failure::Failure;
use crate::toolchain::{Place, edit};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Whether missing channels are installed without asking
    AutoInstall {
        /// `default` asks on a terminal, and does what juliaup's setting says
        value: Option<Switch>,
    },
    /// Whether the Julia that made a project's manifest is used for the project
    Manifest {
        /// `default` is yes
        value: Option<Switch>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Switch {
    Yes,
    No,
    Default,
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        let place: Place = place()?;
        match self {
            Self::AutoInstall { value: None } => show(edit::settings(&place)?.auto_install),
            Self::Manifest { value: None } => show(edit::settings(&place)?.manifest),
            Self::AutoInstall { value: Some(value) } => {
                edit::set_settings(&place, |settings| settings.auto_install = value.meaning())?;
            }
            Self::Manifest { value: Some(value) } => {
                edit::set_settings(&place, |settings| settings.manifest = value.meaning())?;
            }
        }
        Ok(())
    }
}

impl Switch {
    fn meaning(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Default => None,
        }
    }
}

fn show(value: Option<bool>) {
    println!("{}", value.map_or("default", |value| if value { "yes" } else { "no" }));
}

//! `jlapp julia add`.

use std::ffi::OsStr;
use std::path::Path;

use clap::Args;

use super::{place, progress, variable};
use crate::cli::failure::Failure;
use crate::name::Channel;
use crate::toolchain::install::{Installer, Outcome};
use crate::toolchain::{Error, Place, Request, Toolchains, edit};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// What to install
    #[arg(required = true)]
    channels: Vec<Channel>,
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.channels.iter().try_for_each(|channel| add(&place()?, channel, |line| println!("{line}")))
    }
}

/// Installs one channel and says so.
pub(super) fn add(place: &Place, channel: &Channel, say: impl Fn(String)) -> Result<(), Failure> {
    let mut progress = progress::shown();
    say(match Installer::new(place, &variable, &mut *progress)?.add(channel)? {
        Outcome::Juliaups => format!("{channel} is juliaup's already, and used as it is"),
        Outcome::Current { version } => format!("{channel} is installed already (Julia {version})"),
        Outcome::Installed { version, folder } => {
            format!("installed {channel} (Julia {version}) in {}", folder.display())
        }
    });
    if is_without_julia() {
        edit::set_default(place, channel)?;
        say(format!("{channel} is the default now: there was no Julia before"));
    }
    Ok(())
}

/// Neither a default channel nor a `julia` on `PATH`: whoever has one wants to keep it.
fn is_without_julia() -> bool {
    let request = Request {
        channel: None,
        directory: Path::new("/"),
        project: Some(OsStr::new("")),
        program: None,
        app: None,
        variable: &|name| variable(name).filter(|_| name != crate::env::JULIAUP_CHANNEL),
    };
    matches!(Toolchains::new().select(&request), Err(Error::NoJulia { .. }))
}

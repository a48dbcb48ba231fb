//! `jlapp julia update`.

use clap::Args;

use super::{place, progress, variable};
use crate::cli::failure::Failure;
use crate::name::Channel;
use crate::toolchain::install::{Installer, Outcome};
use crate::toolchain::{Place, edit};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which; all that were installed here and move on, if none is named
    channels: Vec<Channel>,
}

impl Arguments {
    /// One that fails does not keep the others from being updated.
    pub(super) fn run(self) -> Result<(), Failure> {
        let place = place()?;
        let all = if self.channels.is_empty() { edit::moving_channels(&place)? } else { self.channels };
        if all.is_empty() {
            println!(
                "nothing to update: no channel that moves on was installed here (`juliaup update` updates juliaup's)"
            );
        }
        let mut failure = None;
        for channel in &all {
            let Err(error) = update(&place, channel) else { continue };
            if let Some(earlier) = failure.replace(error) {
                eprintln!("jlapp: {earlier}");
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

fn update(place: &Place, channel: &Channel) -> Result<(), Failure> {
    let mut progress = progress::shown();
    match Installer::new(place, &variable, &mut *progress)?.update(channel)? {
        Outcome::Juliaups => println!("{channel} is juliaup's; `juliaup update {channel}` updates it"),
        Outcome::Current { version } => println!("{channel} is up to date (Julia {version})"),
        Outcome::Installed { version, folder } => {
            println!("updated {channel} to Julia {version} in {}", folder.display());
        }
    }
    Ok(())
}

//! `jlapp julia default`.

use clap::Args;

use super::{ask, place};
use crate::cli::failure::Failure;
use crate::name::Channel;
use crate::toolchain::{Error, Toolchains, edit};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The channel of launches that nothing else decides about; without it the present one is shown
    channel: Option<Channel>,
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let place = place()?;
        let Some(channel) = self.channel else {
            let installed = Toolchains::new().installed(&place)?;
            match installed.default_channel() {
                Some((channel, origin)) => println!("{channel} (set in {origin})"),
                None => println!("none; `julia` on PATH is used"),
            }
            return Ok(());
        };
        match edit::set_default(&place, &channel) {
            Err(Error::Missing(missing)) => {
                ask::install(&place, missing)?;
                edit::set_default(&place, &channel)?;
            }
            done => done?,
        }
        println!("{channel} is the default now");
        Ok(())
    }
}

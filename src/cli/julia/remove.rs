//! `jlapp julia rm` and `jlapp julia unlink`.

use clap::Args;

use super::{gc, place};
use crate::cli::failure::Failure;
use crate::name::Channel;
use crate::toolchain::edit::{self, Removal};
use crate::toolchain::gc::collect;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// What to remove
    #[arg(required = true)]
    channels: Vec<Channel>,
}

impl Arguments {
    /// The Julias go as well, unless something uses them.
    pub(super) fn remove(self) -> Result<(), Failure> {
        let place = place()?;
        // Before anything is changed: it may not be known.
        let in_use = gc::programs_in_use()?;
        self.each(Removal::Tree)?;
        gc::show(&collect(&place, &in_use)?);
        Ok(())
    }

    pub(super) fn unlink(self) -> Result<(), Failure> {
        self.each(Removal::Link)
    }

    fn each(self, removal: Removal) -> Result<(), Failure> {
        let place = place()?;
        for channel in &self.channels {
            edit::remove(&place, channel, removal)?;
            println!("removed channel {channel}");
        }
        Ok(())
    }
}

//! `jlapp julia link`.

use std::path::Path;

use clap::Args;

use super::place;
use crate::cli::failure::Failure;
use crate::name::Channel;
use crate::toolchain::edit;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The new name
    name: Channel,
    /// Path of a julia or of the folder that it was unpacked in, or `+channel`
    target: String,
    /// Arguments that come before those of every launch
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    before: Vec<String>,
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { name, target, before } = self;
        let place = place()?;
        let replaced = match target.strip_prefix('+') {
            Some(channel) => {
                let channel = channel.parse().map_err(crate::toolchain::Error::from)?;
                edit::alias(&place, &name, &channel, before)?
            }
            None => edit::link(&place, &name, Path::new(&target), before)?,
        };
        println!("{name} {} {target}", if replaced { "now stands for" } else { "stands for" });
        Ok(())
    }
}

//! `jlapp pin` and `jlapp unpin`: packages that `jlapp update` leaves as they are.

use clap_complete::engine::ArgValueCompleter;

use super::completions::packages_and_apps;
use super::failure::Failure;
use super::names::packages;
use super::{add, say_waiting};
use crate::apps::Edit;

/// Recorded as Pkg records it.
#[derive(clap::Args)]
pub struct Pin {
    /// Packages or apps
    #[arg(required = true, add = ArgValueCompleter::new(packages_and_apps))]
    names: Vec<String>,
}

impl Pin {
    pub(super) fn run(&self, pinned: bool) -> Result<(), Failure> {
        let mut edit = Edit::begin(&add::depot()?, say_waiting)?;
        let packages = packages(&edit.installed(), &self.names)?;
        if let Some(own) = packages.iter().find(|package| package.path.is_some()) {
            let text = format!("{} is under development: it is as its folder is; nothing was changed", own.name);
            return Err(Failure::Refused(text));
        }
        for package in &packages {
            let word = if pinned { "pinned" } else { "not pinned" };
            let now = if edit.pin(package, pinned) { "now" } else { "already" };
            println!("{} is {now} {word} at {}", package.name, package.entry().label());
        }
        Ok(edit.commit()?)
    }
}

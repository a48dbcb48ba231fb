//! `jlapp rm`: packages with all their apps, or single apps.

use clap_complete::engine::ArgValueCompleter;

use super::completions::packages_and_apps;
use super::failure::Failure;
use super::names::packages;
use super::{add, say_waiting};
use crate::apps::Edit;

/// A package goes with its last app; a folder under development stays.
#[derive(clap::Args)]
pub struct Remove {
    /// Packages or apps
    #[arg(required = true, add = ArgValueCompleter::new(packages_and_apps))]
    names: Vec<String>,
}

impl Remove {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut edit = Edit::begin(&add::depot()?, say_waiting)?;
        packages(&edit.installed(), &self.names)?;
        let gone: Vec<_> = self.names.iter().map(|name| edit.remove(name)).collect();
        edit.commit()?;
        for (apps, package) in gone {
            if let Some(package) = &package {
                println!("{package} is removed");
            }
            for app in apps {
                println!("  {app}");
            }
        }
        Ok(())
    }
}

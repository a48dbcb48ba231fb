//! `jlapp rm`: packages with all their apps, or single apps.

use clap_complete::engine::ArgValueCompleter;

use super::completions::packages_and_apps;
use super::say_waiting;
use crate::apps::jll::{self, Jlls};
use crate::apps::{Edit, Error, remove_environment};
use crate::exit;
use crate::name::near_misses;
use crate::toolchain::first_depot;

/// A package goes with its last app; a folder under development stays.
#[derive(clap::Args)]
pub struct Remove {
    /// Packages or apps
    #[arg(required = true, add = ArgValueCompleter::new(packages_and_apps))]
    names: Vec<String>,
}

impl Remove {
    pub fn run(&self) -> i32 {
        match self.remove() {
            Ok(status) => status,
            Err(error) => {
                eprintln!("jlapp: {error}");
                error.exit_status()
            }
        }
    }

    fn remove(&self) -> Result<i32, Error> {
        let Some(depot) = first_depot(&|name| std::env::var_os(name)) else { return Ok(exit::FAILURE) };
        let mut edit = Edit::begin(&depot, say_waiting)?;
        let record = edit.record().clone();
        let jlls = Jlls::read(&depot)?;
        let known = || {
            let of_packages = record.packages.iter().flat_map(|package| {
                [package.name.as_str()].into_iter().chain(package.apps.iter().map(|app| app.name.as_str()))
            });
            let native = jlls.0.iter();
            of_packages.chain(native.flat_map(|(name, jll)| [name].into_iter().chain(&jll.apps).map(String::as_str)))
        };
        if let Some(unknown) = self.names.iter().find(|name| !known().any(|word| word == name.as_str())) {
            let near = near_misses(unknown, known()).join(" or ");
            let hint =
                if near.is_empty() { "`jlapp status` lists all".to_owned() } else { format!("did you mean {near}?") };
            eprintln!("jlapp: there is no package or app {unknown}; {hint} Nothing was changed.");
            return Ok(exit::FAILURE);
        }
        let mut gone = Vec::new();
        for name in &self.names {
            let native = jll::remove(&depot, name)?;
            gone.push(native.unwrap_or_else(|| edit.remove(name)));
        }
        edit.commit()?;
        for (apps, package) in gone {
            if let Some(package) = &package {
                remove_environment(&depot, package)?;
                println!("{package} is removed");
            }
            for app in apps {
                println!("  {app}");
            }
        }
        Ok(0)
    }
}

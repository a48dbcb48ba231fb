//! `jlapp precompile`: what an app would otherwise compile at its next launch.

use clap_complete::engine::ArgValueCompleter;

use super::completions::packages_and_apps;
use std::path::Path;

use super::failure::Failure;
use super::install::prepare;
use super::names::packages;
use super::{add, choose};
use crate::apps::{App, Apps, Declared, Package, app_file};

/// With the Julia and the flags that each app is launched with.
#[derive(clap::Args)]
pub struct Precompile {
    /// Packages or apps; all where there is none
    #[arg(add = ArgValueCompleter::new(packages_and_apps))]
    names: Vec<String>,
}

impl Precompile {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let depot = add::depot()?;
        let mut apps = Apps::default();
        let (record, channels) = (apps.installed(&depot)?, apps.channels(&depot)?);
        let mut failed = Vec::new();
        for package in packages(&record, &self.names)? {
            if package.native {
                println!("{} needs no precompiling", package.name);
                continue;
            }
            let julia = choose::julia(None, Some(&package), &channels)?;
            match prepare(&declared(&package, &depot), &package.environment(&depot), &julia) {
                Ok(()) => println!("{} is precompiled", package.name),
                Err(Failure::Reported(_)) => failed.push(package.name),
                Err(error) => return Err(error),
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(format!("could not be precompiled: {}", failed.join(", "))))
    }
}

/// What is recorded counts, not what the source says by now.
fn declared(package: &Package, depot: &Path) -> Declared {
    let with_file =
        |app: &App| App { file: app_file(package, app, depot).map(|path| path.display().to_string()), ..app.clone() };
    Declared {
        name: package.name.clone(),
        uuid: package.uuid.clone(),
        version: package.version.clone(),
        apps: package.apps.iter().map(with_file).collect(),
        native: package.native,
        has_dependencies: true,
        bundle_manifest: false,
    }
}

//! `jlapp precompile`: what an app would otherwise compile at its next launch.

use clap_complete::engine::ArgValueCompleter;

use super::completions::packages_and_apps;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::install::prepare;
use super::names::packages;
use super::{add, choose, say_waiting};
use crate::apps::{App, Declared, Edit, Package, Staging, app_file};

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
        let edit = Edit::begin(&depot, say_waiting)?;
        let (staging, channels) = (Staging::new(&edit)?, edit.channels().clone());
        let packages = packages(&edit.installed(), &self.names)?;
        drop(edit);
        let (mut failed, mut ready) = (Vec::new(), Vec::new());
        for package in &packages {
            if package.native {
                println!("{} needs no precompiling", package.name);
                continue;
            }
            let julia = choose::julia(None, Some(package), &channels)?;
            let keep = staging.accompanying(&package.name, "precompiled");
            match prepare(&declared(package, &depot), &package.environment(&depot), &keep, &julia) {
                Ok(()) => ready.push((package, keep)),
                Err(Failure::Reported(_)) => failed.push(package.name.clone()),
                Err(error) => return Err(error),
            }
        }
        keep(&depot, &ready)?;
        for (package, _) in &ready {
            println!("{} is precompiled", package.name);
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(format!("could not be precompiled: {}", failed.join(", "))))
    }
}

/// What has gone or was replaced meanwhile is left alone.
fn keep(depot: &Path, ready: &[(&Package, PathBuf)]) -> Result<(), Failure> {
    let mut edit = Edit::begin(depot, say_waiting)?;
    let installed = edit.installed();
    for (package, keep) in ready.iter().filter(|(package, _)| installed.packages.contains(package)) {
        edit.keep_precompiled(&package.name, Some(keep));
    }
    Ok(edit.commit()?)
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

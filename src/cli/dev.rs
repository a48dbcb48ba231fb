//! `jlapp dev`: apps of a package in a folder of the user's, as it is at each launch.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::found_on_path;
use crate::apps::{Conflict, Declared, Edit, Error, declared, folder};
use crate::sys::process;
use crate::toolchain::{self, App, Request, Selection, Toolchains, first_depot};
use crate::{env, exit};

/// Edits are seen at the next launch.
#[derive(clap::Args)]
pub struct Dev {
    /// Folders of packages
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// The channel of Julia to install dependencies with and to record, `+1.10`
    #[arg(long, value_name = "+channel")]
    julia: Option<String>,
    /// Take the names of other packages' apps, and of files that are no shims
    #[arg(long)]
    force: bool,
}

impl Dev {
    pub fn run(&self) -> i32 {
        for path in &self.folders {
            match self.develop(path) {
                Ok(0) => {}
                Ok(status) => return status,
                Err(error) => {
                    eprintln!("jlapp: {error}");
                    return error.exit_status();
                }
            }
        }
        0
    }

    fn develop(&self, path: &Path) -> Result<i32, Error> {
        let variable = |name: &str| std::env::var_os(name);
        let folder = folder(path)?;
        let package = declared(&folder)?;
        let Some(depot) = first_depot(&variable) else {
            eprintln!("jlapp: there is no depot: neither JULIA_DEPOT_PATH nor HOME is set");
            return Ok(exit::FAILURE);
        };
        let selection = self.select(&folder)?;
        // Twice: dependencies may take long, which nobody else should have to wait for.
        if !self.may_take_names(&Edit::begin(&depot, super::say_waiting)?, &package) {
            return Ok(exit::FAILURE);
        }
        if package.has_dependencies {
            let status = instantiate(&selection, &folder);
            if status != 0 {
                eprintln!("jlapp: the dependencies of {} could not be had; nothing was changed", package.name);
                return Ok(status);
            }
        }
        let mut edit = Edit::begin(&depot, super::say_waiting)?;
        if !self.may_take_names(&edit, &package) {
            return Ok(exit::FAILURE);
        }
        edit.develop(&package, &folder, &selection);
        edit.commit()?;
        report(&package, &folder, &depot);
        Ok(0)
    }

    /// Says what is in the way.
    fn may_take_names(&self, edit: &Edit, package: &Declared) -> bool {
        let conflicts = edit.conflicts(package);
        if conflicts.is_empty() || self.force {
            return true;
        }
        conflicts.iter().for_each(complain);
        eprintln!("jlapp: nothing was changed; `--force` takes the names");
        false
    }

    fn select(&self, directory: &Path) -> Result<Selection, toolchain::Error> {
        let app = App::default();
        Toolchains::new().select(&Request {
            channel: self.julia.as_deref().map(|word| word.trim_start_matches('+').as_ref()),
            directory,
            project: None,
            program: None,
            app: Some(&app),
            variable: &|name| std::env::var_os(name),
        })
    }
}

fn complain(conflict: &Conflict) {
    match conflict {
        Conflict::Package { app, package } => eprintln!("jlapp: {app} is an app of {package}"),
        Conflict::File { app, path } => eprintln!("jlapp: {} is there and no shim of {app}", path.display()),
    }
}

/// Pkg's work, in a worker of the app's Julia, with Pkg's own progress.
fn instantiate(selection: &Selection, folder: &Path) -> i32 {
    let program = process::own_folder().unwrap_or_default().join("juliaclient");
    let mut project = std::ffi::OsString::from("--project=");
    project.push(folder);
    let mut command = Command::new(&program);
    command.args(selection.channel.iter().map(|channel| format!("+{channel}")));
    command.arg(project).args(["-e", "using Pkg; Pkg.instantiate()"]);
    command.env(env::WORKER_EXECUTABLE, &selection.binary).env_remove(env::JULIAUP_CHANNEL);
    match command.status() {
        Ok(status) => status.code().unwrap_or(exit::FAILURE),
        Err(error) => {
            eprintln!("jlapp: cannot execute {}: {error}", program.display());
            exit::CANNOT_EXECUTE
        }
    }
}

fn report(package: &Declared, folder: &Path, depot: &Path) {
    println!("{} is under development in {}", package.name, folder.display());
    for app in &package.apps {
        println!("  {}", app.name);
    }
    found_on_path(depot, package.apps.iter().map(|app| app.name.as_str()));
}

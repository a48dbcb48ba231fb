//! `jlapp path`: whether apps can be called by their names.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::apps::{Apps, StartupFiles, shim_path};
use crate::toolchain::{Error, first_depot};
use crate::{env, exit};

/// Says whether the folder of apps is on PATH, and what stands before an app there.
#[derive(clap::Args)]
pub struct Search {
    /// Add the folder in the start-up files of your shells
    #[arg(long)]
    install: bool,
    /// Take that away again
    #[arg(long, conflicts_with = "install")]
    uninstall: bool,
}

impl Search {
    pub fn run(&self) -> i32 {
        let done = if self.install || self.uninstall { self.change() } else { show() };
        done.unwrap_or_else(|error| {
            eprintln!("jlapp: {error}");
            error.status()
        })
    }

    fn change(&self) -> Result<i32, Failure> {
        let depot = depot()?;
        let files = StartupFiles::of(&depot, &|name| std::env::var_os(name));
        let files = files.ok_or_else(|| failed("there is no folder of yours: HOME is not set", "set it"))?;
        let changed = if self.install { files.install()? } else { files.uninstall()? };
        if changed.is_empty() {
            println!("nothing to change");
        }
        let did = if self.install { "added to" } else { "taken out of" };
        for path in &changed {
            println!("{did} {}", path.display());
        }
        if self.install && !is_on_path(&depot.join("bin")) {
            println!("shells that start from now on find apps; for this one:");
            println!("  export PATH=\"{}:$PATH\"", depot.join("bin").display());
        }
        Ok(0)
    }
}

fn failed(cause: &str, next: &str) -> Failure {
    Error::failed("cannot tell where apps are".to_owned(), cause, next).into()
}

fn depot() -> Result<PathBuf, Failure> {
    let depot = first_depot(&|name| std::env::var_os(name));
    depot.ok_or_else(|| failed("neither JULIA_DEPOT_PATH nor HOME is set", "set one of them"))
}

fn folders() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os(env::PATH).unwrap_or_default()).collect()
}

fn is_on_path(bin: &Path) -> bool {
    let same = |folder: &Path| folder == bin || (bin.exists() && folder.canonicalize().ok() == bin.canonicalize().ok());
    folders().iter().any(|folder| same(folder))
}

fn show() -> Result<i32, Failure> {
    let depot = depot()?;
    let bin = depot.join("bin");
    let is_there = is_on_path(&bin);
    println!("{} is {}on PATH", bin.display(), if is_there { "" } else { "not " });
    for app in Apps::default().installed(&depot)?.app_names() {
        if let Some(first) = before(&bin, &shim_path(&depot, app), app) {
            println!("  {app} is {}", first.display());
        }
    }
    if !is_there {
        println!("`jlapp path --install` adds it to the start-up files of your shells");
    }
    Ok(if is_there { 0 } else { exit::FAILURE })
}

/// The program that a shell runs in place of an app.
fn before(bin: &Path, shim: &Path, app: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_program =
        |path: &Path| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    let first = folders()
        .into_iter()
        .filter(|folder| folder != bin)
        .map(|folder| folder.join(app))
        .find(|path| is_program(path))?;
    let is_before = folders().iter().position(|folder| first.starts_with(folder))
        < folders().iter().position(|folder| folder == bin);
    let is_same = first.canonicalize().ok() == shim.canonicalize().ok();
    (!is_same && (is_before || !is_on_path(bin))).then_some(first)
}

//! `jlapp path`: whether apps can be called by their names.

use std::path::PathBuf;

use super::failure::Failure;
use super::found::{other, position};
use crate::apps::{Apps, StartupFiles, shim_path};
use crate::exit;
use crate::toolchain::{Error, first_depot};

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
        if self.install && position(&depot.join("bin")).is_none() {
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

fn show() -> Result<i32, Failure> {
    let depot = depot()?;
    let bin = depot.join("bin");
    let place = position(&bin);
    let is_there = place.is_some();
    println!("{} is {}on PATH", bin.display(), if is_there { "" } else { "not " });
    for app in Apps::default().installed(&depot)?.app_names() {
        // The program that a shell runs in its place.
        if let Some((at, first)) = other(app, &shim_path(&depot, app))
            && place.is_none_or(|place| at < place)
        {
            println!("  {app} is {}", first.display());
        }
    }
    if !is_there {
        println!("`jlapp path --install` adds it to the start-up files of your shells");
    }
    Ok(if is_there { 0 } else { exit::FAILURE })
}

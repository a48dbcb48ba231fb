//! `jlapp export` and `jlapp import`: all that is installed as one file, and the same made from it elsewhere.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::install::{Installation, Made, Plan};
use super::names::{Names, packages};
use super::{add, choose, say_waiting};
use crate::apps::{self, Apps, Declared, Edit, Locked, Source, Spec, lock_text, read_lock};
use crate::sys::files;
use crate::toolchain::{Error, Selection};

/// Sources, exact versions, channels of Julia and the manifests of all environments.
#[derive(clap::Args)]
pub struct Export {
    /// Packages or apps; all where there is none
    names: Vec<String>,
    /// The file. Default: standard output
    #[arg(long, short, value_name = "file")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let depot = add::depot()?;
        let mut apps = Apps::default();
        let (record, channels) = (apps.installed(&depot)?, apps.channels(&depot)?);
        let packages = packages(&record, &self.names)?;
        let locked: Vec<Locked> =
            packages.iter().map(|package| Locked::of(package, &depot, &channels)).collect::<Result<_, _>>()?;
        for one in locked.iter().filter(|one| one.files.is_none() && one.path.is_none()) {
            eprintln!(
                "jlapp: {} was added by Pkg: its dependencies are resolved anew where it is imported",
                one.entry.name
            );
        }
        let text = lock_text(&locked);
        match &self.output {
            Some(path) => {
                files::replace(path, text.as_bytes()).map_err(|error| Error::file("cannot write", path, &error))?;
            }
            None => io::stdout().write_all(text.as_bytes())?,
        }
        Ok(())
    }
}

/// All of them come, or none. What is there already is replaced.
#[derive(clap::Args)]
pub struct Import {
    /// What `jlapp export` wrote
    file: PathBuf,
    /// Take the names of other packages' apps, and of files that are no shims
    #[arg(long)]
    force: bool,
}

impl Import {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (own, locked): (Vec<Locked>, Vec<Locked>) =
            read_lock(&self.file)?.into_iter().partition(|one| one.path.is_some());
        let depot = add::depot()?;
        let edit = Edit::begin(&depot, say_waiting)?;
        let checkouts = own.iter().filter_map(checkout).collect::<Result<Vec<_>, _>>()?;
        let plans = locked.iter().map(plan).collect::<Result<_, _>>()?;
        let mut installation = Installation::begin(edit, Names { force: self.force })?;
        let made = installation.make(plans)?;
        let all: Vec<&Made> = made.iter().collect();
        installation.prepare(&all)?;
        let pinned = locked.iter().filter(|one| one.pinned);
        let pinned: Vec<(&str, &str)> = pinned.map(|one| (one.entry.name.as_str(), one.uuid.as_str())).collect();
        installation.commit(&all, |edit| {
            for (declared, folder, julia) in &checkouts {
                edit.develop(declared, folder, julia);
            }
            edit.pin_all(&pinned);
        })?;
        for made in &made {
            add::report(made);
        }
        for (declared, folder, _) in &checkouts {
            println!("{} is under development in {}", declared.name, folder.display());
        }
        Ok(())
    }
}

/// A package under development is where it was, or left out.
fn checkout(one: &Locked) -> Option<Result<(Declared, PathBuf, Selection), Failure>> {
    let folder = one.path.as_deref().filter(|path| path.is_absolute() && path.is_dir());
    let Some(folder) = folder else {
        let path = one.path.as_deref().unwrap_or(Path::new("")).display();
        eprintln!("jlapp: {} is left out: it was under development in {path}, which is not here", one.entry.name);
        return None;
    };
    let read = || Ok((apps::declared(folder)?, folder.to_owned(), julia(one)?));
    Some(read())
}

fn julia(one: &Locked) -> Result<Selection, Failure> {
    choose::julia(one.channel.as_deref(), None, &apps::Channels::default())
}

/// The environment as it was; where the file doesn't have it, the package by its version.
fn plan(one: &Locked) -> Result<Plan, Failure> {
    let files = one.files.clone();
    let words = if files.is_some() { vec!["instantiate=yes".into(), format!("uuid={}", one.uuid)] } else { again(one) };
    Ok(Plan { words, files, bundled: one.bundled, julia: julia(one)?, optional: false })
}

fn again(one: &Locked) -> Vec<String> {
    let entry = &one.entry;
    let source = match &entry.repo_url {
        Some(url) if Path::new(url).is_absolute() => Source::Folder(url.into()),
        Some(url) => Source::Url(url.clone()),
        None => Source::Registered {
            name: Some(entry.name.clone()),
            uuid: Some(one.uuid.clone()),
            version: entry.version.clone(),
        },
    };
    Spec { source, rev: entry.repo_rev.clone(), subdir: entry.repo_subdir.clone() }.words()
}

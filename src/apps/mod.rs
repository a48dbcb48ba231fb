//! Apps: programs that Julia packages declare, as `Pkg.Apps` records them and we launch them.
//!
//! [`Apps::find`] is what a launch asks; it reads Pkg's record only when that has changed. [`Edit`] changes the record.
//! Invariants: Pkg can read the record at any time and loses nothing by what we change; a depot that was copied or moved
//! serves its apps from where it lies now. Absent: how Julia is started, which Julia (`toolchain`), the network.

mod channels;
mod commit;
mod companion;
mod conflict;
mod document;
mod edit;
mod entry;
mod error;
pub mod jll;
mod journal;
mod launch;
mod lock;
mod lockfile;
mod manifest;
mod new;
mod own_dependencies;
mod precompiled;
mod preferences;
mod program;
mod project;
mod record;
mod registries;
mod removal;
mod shim;
mod shims;
mod source;
mod spec;
mod staging;
mod start;
mod startup_files;
mod usage;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use channels::Channels;
pub use companion::DEPENDENCIES as OWN_FOLDER;
pub use conflict::Conflict;
pub use edit::Edit;
pub use entry::EntryPoint;
pub use error::Error;
pub use launch::{channel_of, command_line};
pub use lockfile::{Locked, lock_text, read_lock};
pub use manifest::{Change, Entry, Manifest};
pub use new::{New, new_package};
pub use own_dependencies::{OWN_DEPENDENCIES, own_dependencies_words, stage_own_dependencies};
pub use preferences::add_preferences;
pub use program::{PREPARE, RESOLVE, Resolved};
pub use project::{Declared, declared, declared_jll, folder};
pub use record::{App, Package, Record};
pub use registries::registered_names;
pub use shim::path as shim_path;
pub use shims::{Made, make_shims, release_shims};
pub use spec::{BadSpec, Source, Spec};
pub use staging::Staging;
pub use start::{Place, Start, app_file};
pub use startup_files::StartupFiles;
pub use usage::note as note_usage;

use crate::env;
use crate::name::near_misses;
use crate::toolchain;
use crate::toolchain::{Cached, Variable, first_depot};

/// Where Pkg keeps the environments of apps, below a depot.
pub const ENVIRONMENTS: &str = "environments/apps";

/// The records of apps, kept as long as their files do not change.
#[derive(Default)]
pub struct Apps {
    known: HashMap<PathBuf, Depot>,
    sources: start::Sources,
}

#[derive(Default)]
struct Depot {
    record: Cached<Record>,
    channels: Cached<Channels>,
}

/// An app, and where its code is.
#[derive(Debug, Clone)]
pub struct Found {
    pub app: App,
    /// What decides about its Julia.
    pub recorded: toolchain::App,
    pub package: String,
    pub start: Start,
    /// Where the app was found; its packages are there too.
    pub depot: PathBuf,
}

impl Found {
    /// The module that is loaded first: the package, or that of the app's file.
    pub fn first(&self) -> &str {
        match &self.start.file {
            Some((module, true)) => module,
            Some((_, false)) | None => &self.package,
        }
    }
}

/// So many different depots are a client's game; then all are forgotten, which only costs reading them again.
const MOST_DEPOTS: usize = 64;

impl Apps {
    /// The app of this name in the first depot that has it; or, where `wanted` is the path of a shim, in that shim's
    /// own depot first.
    ///
    /// # Errors
    /// There is none, or a record cannot be read.
    pub fn find(&mut self, wanted: &OsStr, variable: Variable<'_>) -> Result<Found, Error> {
        let path = Path::new(wanted);
        let name = path.file_name().unwrap_or(wanted);
        let own = path.parent().filter(|_| wanted.as_bytes().contains(&b'/')).and_then(Path::parent).map(PathBuf::from);
        let depots: Vec<PathBuf> = own.into_iter().chain(depots(variable)).collect();
        let mut names = Vec::new();
        for (at, depot) in depots.iter().enumerate() {
            let record = self.record(depot)?;
            if let Some((package, app)) = name.to_str().and_then(|name| record.app(name)) {
                return Ok(Found {
                    app: app.clone(),
                    recorded: app.recorded(&package.uuid, &*self.channels(depot)?),
                    package: package.name.clone(),
                    start: self.sources.start(package, app, &depots[at..])?,
                    depot: depot.clone(),
                });
            }
            names.extend(record.packages.iter().flat_map(|package| package.apps.iter().map(|app| app.name.clone())));
        }
        let near = near_misses(&name.to_string_lossy(), names.iter().map(String::as_str));
        Err(Error::Unknown { name: name.into(), near: near.into_iter().map(String::from).collect(), depots })
    }

    /// What is recorded in one depot; nothing where there is no record.
    ///
    /// # Errors
    /// It cannot be read, or is malformed.
    pub fn record(&mut self, depot: &Path) -> Result<Arc<Record>, Error> {
        let path = depot.join(ENVIRONMENTS).join("AppManifest.toml");
        Ok(self.depot(depot).record.read(&path, record::parse)?)
    }

    /// What is installed in one depot, native apps included.
    ///
    /// # Errors
    /// A record cannot be read, or is malformed.
    pub fn installed(&mut self, depot: &Path) -> Result<Record, Error> {
        Ok(self.record(depot)?.with(&jll::read(depot)?))
    }

    /// Which channels the apps of one depot follow.
    ///
    /// # Errors
    /// Our record cannot be read.
    pub fn channels(&mut self, depot: &Path) -> Result<Arc<Channels>, Error> {
        Ok(self.depot(depot).channels.read(&channels::path(depot), channels::parse)?)
    }

    fn depot(&mut self, depot: &Path) -> &mut Depot {
        if self.known.len() >= MOST_DEPOTS && !self.known.contains_key(depot) {
            self.known.clear();
        }
        self.known.entry(depot.to_owned()).or_default()
    }
}

/// What is recorded of all apps' Julias, of all depots.
///
/// # Errors
/// A record cannot be read, or is malformed.
pub fn recorded(variable: Variable<'_>) -> Result<Vec<toolchain::App>, Error> {
    let (mut apps, mut all) = (Apps::default(), Vec::new());
    for depot in depots(variable) {
        let record = apps.record(&depot)?;
        let channels = apps.channels(&depot)?;
        for package in &record.packages {
            all.extend(package.apps.iter().map(|app| app.recorded(&package.uuid, &channels)));
        }
    }
    Ok(all)
}

/// The depots of `JULIA_DEPOT_PATH`, where an empty entry is the user's own (`init_depot_path`, base/initdefs.jl).
pub fn depots(variable: Variable<'_>) -> Vec<PathBuf> {
    let listed: OsString = variable(env::JULIA_DEPOT_PATH).unwrap_or_default();
    let first = first_depot(variable).into_iter();
    let rest = std::env::split_paths(&listed).filter(|path| path.is_absolute());
    let mut all: Vec<PathBuf> = Vec::new();
    first.chain(rest).for_each(|depot| {
        if !all.contains(&depot) {
            all.push(depot);
        }
    });
    all
}

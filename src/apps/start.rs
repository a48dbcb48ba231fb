//! From an app of the record to the modules that are loaded for it: the package, or a file of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::companion::{self, Companion};
use super::source::{self, Project};
use super::{App, EntryPoint, Package, entry, precompiled};
use crate::toolchain::{Cached, Error};

/// What Julia loads for an app, and where it finds that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The whole load path.
    pub load_path: Vec<PathBuf>,
    /// Where `main` is inside of the package.
    pub submodule: Option<String>,
    /// The module of a file, and whether it is loaded also where the package has a `main`.
    pub file: Option<(String, bool)>,
    /// A depot with precompile files that are not thrown out (`precompiled.rs`).
    pub precompiled: Option<PathBuf>,
}

/// Where the parts of a package lie.
pub struct Place {
    pub environment: PathBuf,
    /// Its own files.
    pub source: PathBuf,
    /// Folders for the environments of files that hold apps; the first that can be written to serves.
    pub companions: Vec<PathBuf>,
}

impl Start {
    /// How an app of a package (its name and UUID) starts that is not recorded.
    ///
    /// # Errors
    /// Its file is not there, holds no module, or its environment cannot be written.
    pub fn unrecorded(package: (&str, &str), app: &App, place: &Place) -> Result<Self, Error> {
        Sources::default().start_in(package, app, place)
    }
}

fn plain(environment: PathBuf, submodule: Option<String>) -> Start {
    Start { load_path: vec![environment], submodule, file: None, precompiled: None }
}

/// Files of packages, kept as long as they do not change.
#[derive(Default)]
pub(super) struct Sources {
    projects: HashMap<PathBuf, Cached<Project>>,
    modules: HashMap<PathBuf, Cached<Module>>,
}

/// The name of the module in a file.
#[derive(Default)]
struct Module(Option<String>);

/// So many files are a client's game; then all are forgotten, which only costs reading them again.
const MOST_FILES: usize = 256;

impl Sources {
    /// How an app of the record starts. `depots` begins with the one where it was found.
    ///
    /// # Errors
    /// Its file is not there, holds no module, or its environment cannot be written.
    pub(super) fn start(&mut self, package: &Package, app: &App, depots: &[PathBuf]) -> Result<Start, Error> {
        let precompiled = depots.first().map(|depot| precompiled::place(depot, &package.name));
        let precompiled = precompiled.filter(|folder| folder.is_dir());
        Ok(Start { precompiled, ..self.start_recorded(package, app, depots)? })
    }

    fn start_recorded(&mut self, package: &Package, app: &App, depots: &[PathBuf]) -> Result<Start, Error> {
        if let Some(problem) = depots.first().and_then(|depot| checkout_problem(package, depot)) {
            return Err(Error::failed(
                format!("cannot launch {}", app.name),
                problem,
                format!("`jlapp dev <folder>` says where it is now, `jlapp rm {}` removes it", package.name),
            ));
        }
        let environment = depots.first().map(|depot| package.environment(depot)).unwrap_or_default();
        let Some(source) = package.source(depots) else { return Ok(plain(environment, app.submodule.clone())) };
        // In a depot that cannot be written to nothing is made; the user's own comes behind it.
        let places: Vec<PathBuf> = depots.iter().map(|depot| companion::of_package(depot, &package.name)).collect();
        let uuid = (package.name.as_str(), package.uuid.as_str());
        self.start_in(uuid, app, &Place { environment, source, companions: places })
    }

    /// How an app of a package (its name and UUID) starts whose files and environment lie there.
    ///
    /// # Errors
    /// As [`Sources::start`].
    pub(super) fn start_in(&mut self, package: (&str, &str), app: &App, place: &Place) -> Result<Start, Error> {
        let plain = |submodule| plain(place.environment.clone(), submodule);
        // Pkg's word about modules counts: it has no other.
        if app.submodule.is_some() {
            return Ok(plain(app.submodule.clone()));
        }
        let source = &place.source;
        let named = self.project(&source::project_file(source))?.entries.get(&app.name).cloned();
        let (file, always) = match named {
            Some(EntryPoint::Module(submodule)) => return Ok(plain(submodule)),
            Some(EntryPoint::File(name)) => {
                (entry::file(source, &name).ok_or_else(|| missing(source, app, &name))?, true)
            }
            None => match entry::usual_file(source, &app.name) {
                None => return Ok(plain(None)),
                Some(file) => (file, false),
            },
        };
        let module = self.module(&file)?;
        let own = own_project(source);
        let project = own.clone().unwrap_or_else(|| source::project_file(source));
        let dependencies = self.project(&project)?.dependencies.clone();
        let (file, module_name) = (file.as_path(), module.as_str());
        let companion =
            Companion { package, app: &app.name, source, file, module: module_name, dependencies: &dependencies };
        let companion = companion.environment(&place.companions)?;
        let resolved = place.companions.first().map(|folder| folder.join(companion::DEPENDENCIES));
        let resolved = resolved.filter(|folder| own.is_some() && folder.is_dir());
        // In the order of `companion.rs`.
        let load_path = resolved.into_iter().chain([place.environment.clone(), companion]).collect();
        Ok(Start { load_path, submodule: None, file: Some((module, always)), precompiled: None })
    }

    fn project(&mut self, path: &Path) -> Result<std::sync::Arc<Project>, Error> {
        cached(&mut self.projects, path).read(path, source::parse)
    }

    fn module(&mut self, file: &Path) -> Result<String, Error> {
        let parse = |_: &Path, bytes: &[u8]| Ok(Module(entry::module_name(&String::from_utf8_lossy(bytes))));
        cached(&mut self.modules, file).read(file, parse)?.0.clone().ok_or_else(|| {
            let next = "put `main` into a module of its own there";
            Error::failed(format!("cannot load {}", file.display()), "it holds no module", next)
        })
    }
}

fn cached<'a, T>(known: &'a mut HashMap<PathBuf, Cached<T>>, path: &Path) -> &'a mut Cached<T> {
    if known.len() >= MOST_FILES && !known.contains_key(path) {
        known.clear();
    }
    known.entry(path.to_owned()).or_default()
}

/// The file that holds an app, where one does: below its package's folder.
pub fn app_file(package: &Package, app: &App, depot: &Path) -> Option<PathBuf> {
    let source = package.source(&[depot.to_owned()]).filter(|_| app.submodule.is_none())?;
    let place = source::project_file(&source);
    let project = source::parse(&place, &std::fs::read(&place).ok()?).ok()?;
    let file = match project.entries.get(&app.name) {
        Some(EntryPoint::File(name)) => entry::file(&source, name),
        Some(EntryPoint::Module(_)) => None,
        None => entry::usual_file(&source, &app.name),
    };
    file.and_then(|file| Some(file.strip_prefix(&source).ok()?.to_owned()))
}

/// What is wrong with where a package lies that is under development, in a record of this depot.
pub fn checkout_problem(package: &Package, depot: &Path) -> Option<String> {
    let folder = package.environment(depot);
    let is_gone = package.path.is_some() && !folder.is_dir();
    is_gone.then(|| format!("its folder {} is gone", folder.display()))
}

/// The Project.toml beside an app's files, with what only those need.
pub(super) fn own_project(source: &Path) -> Option<PathBuf> {
    entry::FOLDERS.iter().map(|place| source.join(place).join("Project.toml")).find(|path| path.is_file())
}

fn missing(source: &Path, app: &App, name: &str) -> Error {
    let doing = format!("cannot launch {}", app.name);
    let cause = format!("there is no apps/{name} in {}", source.display());
    Error::failed(doing, cause, "its Project.toml names it as `entry`")
}

//! From an app of the record to the modules that are loaded for it: the package, or a file of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::companion::{self, Companion};
use super::source::{self, Project};
use super::{App, EntryPoint, Package, entry};
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
    /// How an app starts. `depots` begins with the one where the app was found.
    ///
    /// # Errors
    /// Its file is not there, holds no module, or its environment cannot be written.
    pub(super) fn start(&mut self, package: &Package, app: &App, depots: &[PathBuf]) -> Result<Start, Error> {
        let environment = depots.first().map(|depot| package.environment(depot)).unwrap_or_default();
        let plain = |submodule| Start { load_path: vec![environment.clone()], submodule, file: None };
        // Pkg's word about modules counts: it has no other.
        let Some(source) = package.source(depots).filter(|_| app.submodule.is_none()) else {
            return Ok(plain(app.submodule.clone()));
        };
        let named = self.project(&source::project_file(&source))?.entries.get(&app.name).cloned();
        let (file, always) = match named {
            Some(EntryPoint::Module(submodule)) => return Ok(plain(submodule)),
            Some(EntryPoint::File(name)) => {
                (entry::file(&source, &name).ok_or_else(|| missing(&source, app, &name))?, true)
            }
            None => match entry::usual_file(&source, &app.name) {
                None => return Ok(plain(None)),
                Some(file) => (file, false),
            },
        };
        let module = self.module(&file)?;
        let mut load_path = self.load_path(package, app, depots, (&source, &file, &module))?;
        load_path.push(environment);
        Ok(Start { load_path, submodule: None, file: Some((module, always)) })
    }

    /// The environments that come before the package's own.
    fn load_path(
        &mut self,
        package: &Package,
        app: &App,
        depots: &[PathBuf],
        (source, file, module): (&Path, &Path, &str),
    ) -> Result<Vec<PathBuf>, Error> {
        let own = own_project(source);
        let dependencies =
            self.project(&own.clone().unwrap_or_else(|| source::project_file(source)))?.dependencies.clone();
        let companion = Companion { package, app: &app.name, source, file, module, dependencies: &dependencies };
        let mut failed = None;
        // In a depot that cannot be written to nothing is made; the user's own comes behind it.
        for depot in depots {
            match companion.environment(depot) {
                Ok(folder) => {
                    let extra = own
                        .map(|_| companion::dependencies(&depots[0], &package.name))
                        .filter(|folder| folder.is_dir());
                    return Ok([folder].into_iter().chain(extra).collect());
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(Vec::new()), Err)
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

/// The Project.toml beside an app's files, with what only those need.
pub(super) fn own_project(source: &Path) -> Option<PathBuf> {
    entry::FOLDERS.iter().map(|place| source.join(place).join("Project.toml")).find(|path| path.is_file())
}

fn missing(source: &Path, app: &App, name: &str) -> Error {
    let doing = format!("cannot launch {}", app.name);
    let cause = format!("there is no apps/{name} in {}", source.display());
    Error::failed(doing, cause, "its Project.toml names it as `entry`")
}

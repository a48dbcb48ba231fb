//! JLL packages: each executable product is a command that runs natively, with the library path of all that it depends on.
//!
//! Pkg's record has no place for them: Pkg would make shims that start Julia, and its `update` would stumble over packages
//! without `[apps]`. They have a record of their own (`record.rs`); their environments lie where those of apps lie.
//! What a launch needs is worked out once, into a file for each app (`client::plan`), and again when that no longer holds.
//!
//! Absent: installing, which is Pkg's work; preferences that name other executables.

mod environment;
mod platform;
mod record;
mod wrapper;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Channels, Package, depots, shim};
use crate::client::plan::{self, Plan};
use crate::env;
use crate::sys::files;
use crate::toolchain::{Error, Note, Request, Selection, Toolchains, Variable};
use environment::{Environment, Products};
use platform::Platform;

pub use record::read;
pub(super) use record::{parse, text, write};

/// Whether a package is one of these, by its name.
pub fn is_jll(package: &str) -> bool {
    package.ends_with("_jll")
}

/// The programs of a JLL package whose environment lies in `folder`, in the order of their names.
///
/// # Errors
/// It has none, or none for this machine; or its environment is not as it should be.
pub fn programs(depot: &Path, folder: &Path, package: &str, julia: &Path) -> Result<Vec<String>, Error> {
    let unusable = |error| Error::failed(format!("cannot add {package}"), error, "nothing was changed");
    let products = products(&[depot.to_owned()], folder, package, Some(julia)).map_err(unusable)?;
    let mut names: Vec<String> = products.executables.into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        let next = "libraries are for packages; `Pkg.add` gets them";
        return Err(Error::failed(format!("cannot add {package}"), "it has no executables", next));
    }
    names.sort_unstable();
    Ok(names)
}

/// What a native app was worked out to be run with, and what is to be said of that.
pub struct Native {
    pub shim: PathBuf,
    pub note: Option<Note>,
}

/// Works out what a native app is run with, and writes it down; nothing where the app is not native.
///
/// # Errors
/// Its package, an artifact or the record is not as it should be.
pub fn plan(wanted: &OsStr, variable: Variable<'_>) -> Result<Option<Native>, Error> {
    let path = Path::new(wanted);
    let own = path.parent().filter(|_| wanted.as_bytes().contains(&b'/')).and_then(Path::parent).map(PathBuf::from);
    let Some(app) = path.file_name().and_then(OsStr::to_str) else { return Ok(None) };
    let depots: Vec<PathBuf> = own.into_iter().chain(depots(variable)).collect();
    for (at, depot) in depots.iter().enumerate() {
        let natives = read(depot)?;
        if let Some((package, _)) = natives.app(app) {
            let note = write_plan(&depots[at..], package, app, variable)?;
            return Ok(Some(Native { shim: shim::path(depot, app), note }));
        }
    }
    Ok(None)
}

/// What is wrong with a native app of a depot, as a launch would find out.
pub fn problem(depot: &Path, app: &str) -> Option<Error> {
    if plan::holds(depot, OsStr::new(app)) {
        return None;
    }
    plan(shim::path(depot, app).as_os_str(), &|name| std::env::var_os(name)).err()
}

/// Works out what the native ones among these apps are run with; what is wrong a launch says.
///
/// # Errors
/// The record cannot be read.
pub(super) fn work_out<'a>(depot: &Path, apps: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    let natives = read(depot)?;
    for app in apps {
        if let Some((package, _)) = natives.app(app) {
            let _ = write_plan(&[depot.to_owned()], package, app, &|name| std::env::var_os(name));
        }
    }
    Ok(())
}

/// Takes away what was worked out for an app.
///
/// # Errors
/// The file cannot be removed.
pub(super) fn forget(depot: &Path, app: &str) -> Result<(), Error> {
    let path = plan::place(depot, OsStr::new(app));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::app_file("cannot remove", &path, &error))
        }
        _ => Ok(()),
    }
}

/// The first of `depots` is the one where the package is.
fn write_plan(depots: &[PathBuf], package: &Package, app: &str, variable: Variable<'_>) -> Result<Option<Note>, Error> {
    let depot = depots.first().cloned().unwrap_or_default();
    let julia = julia(&depot, package, app, variable).ok();
    let binary = julia.as_ref().map(|julia| julia.binary.as_path());
    let mut plan = surroundings(depots, &package.environment(&depot), (&package.name, app), binary)?;
    // Another Julia may serve in the place of one that has gone, until that comes back.
    plan.sources.extend(package.apps.iter().find_map(|app| app.julia_command.clone()));
    let path = plan::place(&depot, OsStr::new(app));
    let written =
        fs::create_dir_all(path.parent().unwrap_or(&depot)).and_then(|()| files::replace_shared(&path, &plan.encode()));
    written.map_err(|error| Error::app_file("cannot write", &path, &error))?;
    Ok(julia.and_then(|julia| julia.note))
}

/// What a program of a package is run with whose environment lies in `folder`. The first of `depots` is the one where it is.
///
/// # Errors
/// The package has no such program, or an artifact is not there.
pub fn surroundings(
    depots: &[PathBuf],
    folder: &Path,
    (package, app): (&str, &str),
    julia: Option<&Path>,
) -> Result<Plan, Error> {
    let products = products(depots, folder, package, julia)?;
    let program = products.executables.iter().find(|(name, _)| name == app).map(|(_, path)| path.clone());
    let program = program.filter(|program| program.is_file()).ok_or_else(|| {
        let next = format!("`jlapp rm {app}`, or add {package} again");
        Error::failed(format!("cannot run {app}"), format!("{package} has no such executable"), next)
    })?;
    let join = |folders: &[PathBuf]| std::env::join_paths(folders).unwrap_or_default();
    Ok(Plan {
        depot: depots.first().cloned().unwrap_or_default(),
        path: join(&products.path),
        library_path: join(&products.library_path),
        sources: [&program].into_iter().chain(&products.sources).cloned().collect(),
        program,
    })
}

/// The Julia whose libraries serve a program: the one that its package was added with, or what takes that one's place. What
/// one launch is told by its environment counts for no other, and all share what is worked out. Without any the system's
/// libraries have to do.
///
/// # Errors
/// There is none.
pub fn julia(depot: &Path, package: &Package, app: &str, variable: Variable<'_>) -> Result<Selection, Error> {
    let channels = Channels::read(depot);
    let app = package.apps.iter().find(|other| other.name == app);
    let recorded = app.map(|app| app.recorded(&package.uuid, &channels)).unwrap_or_default();
    let of_launch = [env::APP_JULIA, env::APPS_JULIA_CMD];
    Toolchains::new().select(&Request {
        channel: None,
        directory: Path::new("/"),
        project: None,
        program: None,
        app: Some(&recorded),
        variable: &|name| if of_launch.contains(&name) { None } else { variable(name) },
    })
}

/// `depots` begins with the one where the package is, whose environment lies in `folder`.
fn products(depots: &[PathBuf], folder: &Path, package: &str, julia: Option<&Path>) -> Result<Products, Error> {
    let libraries = julia.map(julia_libraries).unwrap_or_default();
    let host = Platform::host(&libraries, julia_version(&libraries).as_deref());
    let mut products = Environment::read(folder, depots, &host)?.products(package)?;
    products.sources.push(folder.join("Manifest.toml"));
    products.sources.extend(libraries.first().cloned().or_else(|| julia.map(Path::to_owned)));
    products.library_path.extend(libraries);
    Ok(products)
}

/// Julia's own libraries (`get_julia_libpaths`, JLLWrappers): `lib/julia` and `lib`, below a folder more on Debian.
fn julia_libraries(julia: &Path) -> Vec<PathBuf> {
    let binary = fs::canonicalize(julia).unwrap_or_else(|_| julia.to_owned());
    let Some(prefix) = binary.parent().and_then(Path::parent) else { return Vec::new() };
    let library = prefix.join("lib");
    let multiarch = library.join(format!("{}-linux-gnu", std::env::consts::ARCH));
    [multiarch, library]
        .into_iter()
        .flat_map(|folder| [folder.join("julia"), folder])
        .filter(|folder| has_libraries(folder))
        .collect()
}

/// In a folder without any the loader would only look in vain, in some twenty places for each library.
fn has_libraries(folder: &Path) -> bool {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().contains(".so"))
}

/// `1.5.3`, or as much of it as the name of libjulia tells.
fn julia_version(libraries: &[PathBuf]) -> Option<String> {
    let names = libraries.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let versions =
        names.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("libjulia.so.").map(str::to_owned));
    versions.filter(|version| version.contains('.')).max_by_key(String::len)
}

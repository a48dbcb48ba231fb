//! JLL packages: each executable product is a command that runs natively, with the library path of all that it depends on.
//!
//! Pkg's record has no place for them: Pkg would make shims that start Julia, and its `update` would stumble over packages
//! without `[apps]`. They are recorded in `environments/apps/jlls.toml`; their environments lie where those of apps lie.
//! What a launch needs is worked out once, into a file for each app (`client::plan`), and again when that no longer holds.
//!
//! Absent: installing, which is Pkg's work; preferences that name other executables.

mod environment;
mod platform;
mod wrapper;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use toml_edit::{Array, Document, DocumentMut, Item, Table, TableLike, value};

use super::{ENVIRONMENTS, depots, edit, shim};
use crate::client::plan::{self, Plan};
use crate::sys::files;
use crate::toolchain::{Error, Variable};
use environment::{Environment, Products};
use platform::Platform;

/// The JLL packages of one depot, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jlls(pub BTreeMap<String, Jll>);

/// An installed JLL package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jll {
    pub uuid: String,
    pub version: Option<String>,
    /// The Julia that it was installed with: its libraries serve programs too.
    pub julia: PathBuf,
    /// Names of its programs.
    pub apps: Vec<String>,
}

/// Whether a package is one of these, by its name.
pub fn is_jll(package: &str) -> bool {
    package.ends_with("_jll")
}

fn record(depot: &Path) -> PathBuf {
    depot.join(ENVIRONMENTS).join("jlls.toml")
}

impl Jlls {
    /// Reads those of a depot; nothing where there is no record.
    ///
    /// # Errors
    /// It cannot be read, or is no TOML.
    pub fn read(depot: &Path) -> Result<Self, Error> {
        let path = record(depot);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::file("cannot read", &path, &error)),
        };
        let document = Document::parse(text.as_str()).map_err(|error| Error::BadFile {
            path,
            line: error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1),
            problem: error.message().to_owned(),
            remedy: "repair it, or move it away and add your packages again; nothing was changed".into(),
        })?;
        let entry = |(name, item): (&str, &Item)| {
            let table = item.as_table_like()?;
            let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
            let apps = table.get("apps")?.as_array()?.iter().filter_map(|app| app.as_str().map(str::to_owned));
            let jll = Jll {
                uuid: text("uuid")?,
                version: text("version"),
                julia: text("julia")?.into(),
                apps: apps.collect(),
            };
            Some((name.to_owned(), jll))
        };
        Ok(Self(TableLike::iter(document.as_table()).filter_map(entry).collect()))
    }

    /// The package with this program.
    pub fn app(&self, name: &str) -> Option<(&str, &Jll)> {
        self.0
            .iter()
            .find(|(_, jll)| jll.apps.iter().any(|app| app == name))
            .map(|(package, jll)| (package.as_str(), jll))
    }

    fn write(&self, depot: &Path) -> Result<(), Error> {
        let mut document = DocumentMut::new();
        for (name, jll) in &self.0 {
            let mut table = Table::new();
            table.insert("uuid", value(&jll.uuid));
            if let Some(version) = &jll.version {
                table.insert("version", value(version));
            }
            table.insert("julia", value(jll.julia.display().to_string()));
            table.insert("apps", value(jll.apps.iter().collect::<Array>()));
            document.insert(name, Item::Table(table));
        }
        let (path, text) =
            (record(depot), format!("# Written by jlapp: JLL packages whose programs are apps\n\n{document}"));
        files::replace(&path, text.as_bytes()).map_err(|error| Error::file("cannot write", &path, &error))
    }
}

/// Records a JLL package whose environment is in its place, in place of what was recorded of it, and makes its commands.
/// The caller holds Pkg's lock.
///
/// # Errors
/// It has no programs for this machine, another app has the name of one (unless `force`), or a file cannot be written.
/// Then nothing was changed.
pub fn install(depot: &Path, package: &str, mut jll: Jll, force: bool) -> Result<Vec<String>, Error> {
    let products = products(&[depot.to_owned()], package, &jll.julia)?;
    jll.apps = products.executables.iter().map(|(name, _)| name.clone()).collect();
    let doing = || format!("cannot add {package}");
    if jll.apps.is_empty() {
        return Err(Error::failed(doing(), "it has no executables", "libraries are for packages; `Pkg.add` gets them"));
    }
    let mut all = Jlls::read(depot)?;
    let before = all.0.get(package).cloned().unwrap_or_default();
    for app in jll.apps.iter().filter(|app| !force && !before.apps.contains(app)) {
        let taken = match all.app(app) {
            Some((other, _)) => Some(format!("{app} is an app of {other}")),
            None if shim::path(depot, app).symlink_metadata().is_ok() => {
                Some(format!("{} is there", shim::path(depot, app).display()))
            }
            None => None,
        };
        if let Some(taken) = taken {
            return Err(Error::failed(doing(), taken, "`--force` takes the name; nothing was changed"));
        }
    }
    // A name that is taken is the other's no more.
    all.0.values_mut().for_each(|other| other.apps.retain(|app| !jll.apps.contains(app)));
    all.0.retain(|_, other| !other.apps.is_empty());
    let apps = jll.apps.clone();
    all.0.insert(package.to_owned(), jll);
    all.write(depot)?;
    for gone in before.apps.iter().filter(|app| !apps.contains(app)) {
        forget(depot, gone)?;
    }
    for app in &apps {
        write_plan(depot, app, &products, &all)?;
        shim::write(depot, app)?;
    }
    Ok(apps)
}

/// The names of programs that went, and of the package if it did.
pub type Removed = (Vec<String>, Option<String>);

/// Forgets a JLL package, or one program; with its last one a package goes. The names of the programs that went, and of
/// the package if it did. The caller holds Pkg's lock.
///
/// # Errors
/// The record cannot be read or written, or a file cannot be removed.
pub fn remove(depot: &Path, name: &str) -> Result<Option<Removed>, Error> {
    let mut all = Jlls::read(depot)?;
    let package = if all.0.contains_key(name) {
        Some(name.to_owned())
    } else {
        all.app(name).map(|(package, _)| package.to_owned())
    };
    let Some(package) = package else { return Ok(None) };
    let jll = all.0.entry(package.clone()).or_default();
    let gone = if package == name { std::mem::take(&mut jll.apps) } else { vec![name.to_owned()] };
    jll.apps.retain(|app| app != name);
    let whole = jll.apps.is_empty().then(|| package.clone());
    all.0.retain(|_, jll| !jll.apps.is_empty());
    all.write(depot)?;
    gone.iter().try_for_each(|app| forget(depot, app))?;
    if whole.is_some() {
        edit::remove_environment(depot, &package)?;
    }
    Ok(Some((gone, whole)))
}

fn forget(depot: &Path, app: &str) -> Result<(), Error> {
    let path = plan::place(depot, OsStr::new(app));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::file("cannot remove", &path, &error));
        }
        _ => {}
    }
    shim::remove(depot, app)
}

/// Works out what a native app is run with, and writes it down; the app's shim, or nothing where the app is not native.
///
/// # Errors
/// Its package, an artifact or the record is not as it should be.
pub fn plan(wanted: &OsStr, variable: Variable<'_>) -> Result<Option<PathBuf>, Error> {
    let path = Path::new(wanted);
    let own = path.parent().filter(|_| wanted.as_bytes().contains(&b'/')).and_then(Path::parent).map(PathBuf::from);
    let Some(app) = path.file_name().and_then(OsStr::to_str) else { return Ok(None) };
    let depots: Vec<PathBuf> = own.into_iter().chain(depots(variable)).collect();
    for (at, depot) in depots.iter().enumerate() {
        let all = Jlls::read(depot)?;
        let Some((package, jll)) = all.app(app) else { continue };
        let products = products(&depots[at..], package, &jll.julia)?;
        write_plan(depot, app, &products, &all)?;
        return Ok(Some(shim::path(depot, app)));
    }
    Ok(None)
}

/// What is wrong with a native app of a depot, as a launch would find out.
pub fn problem(depot: &Path, app: &str) -> Option<Error> {
    if plan::holds(depot, OsStr::new(app)) {
        return None;
    }
    plan(shim::path(depot, app).as_os_str(), &|_| None).err()
}

/// Makes plans and shims of a depot's native apps again; returns their names. The caller holds Pkg's lock.
///
/// # Errors
/// As [`plan`].
pub fn make_shims(depot: &Path) -> Result<Vec<String>, Error> {
    let all = Jlls::read(depot)?;
    for (package, jll) in &all.0 {
        let products = products(&[depot.to_owned()], package, &jll.julia)?;
        for app in &jll.apps {
            write_plan(depot, app, &products, &all)?;
            shim::write(depot, app)?;
        }
    }
    Ok(all.0.into_values().flat_map(|jll| jll.apps).collect())
}

/// `depots` begins with the one where the package is.
fn products(depots: &[PathBuf], package: &str, julia: &Path) -> Result<Products, Error> {
    let libraries = julia_libraries(julia);
    let host = Platform::host(&libraries, julia_version(&libraries).as_deref());
    let folder = depots.first().map(|depot| depot.join(ENVIRONMENTS).join(package)).unwrap_or_default();
    let mut products = Environment::read(&folder, depots, &host)?.products(package)?;
    products.sources.push(folder.join("Manifest.toml"));
    products.sources.push(libraries.first().cloned().unwrap_or_else(|| julia.to_owned()));
    products.library_path.extend(libraries);
    Ok(products)
}

fn write_plan(depot: &Path, app: &str, products: &Products, all: &Jlls) -> Result<(), Error> {
    let program = products.executables.iter().find(|(name, _)| name == app).map(|(_, path)| path.clone());
    let package = all.app(app).map(|(package, _)| package).unwrap_or_default();
    let program = program.filter(|program| program.is_file()).ok_or_else(|| {
        Error::failed(
            format!("cannot run {app}"),
            format!("{package} has no such executable"),
            format!("`jlapp rm {app}`, or add {package} again"),
        )
    })?;
    let join = |folders: &[PathBuf]| std::env::join_paths(folders).unwrap_or_default();
    let plan = Plan {
        depot: depot.to_owned(),
        path: join(&products.path),
        library_path: join(&products.library_path),
        sources: [&program].into_iter().chain(&products.sources).cloned().collect(),
        program,
    };
    let path = plan::place(depot, OsStr::new(app));
    let written =
        fs::create_dir_all(path.parent().unwrap_or(depot)).and_then(|()| files::replace_shared(&path, &plan.encode()));
    written.map_err(|error| Error::file("cannot write", &path, &error))
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
        .filter(|folder| folder.is_dir())
        .collect()
}

/// `1.5.3`, or as much of it as the name of libjulia tells.
fn julia_version(libraries: &[PathBuf]) -> Option<String> {
    let names = libraries.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let versions =
        names.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("libjulia.so.").map(str::to_owned));
    versions.filter(|version| version.contains('.')).max_by_key(String::len)
}

//! Environments of `jlapp run`, in `<depot>/environments/jlapp-run`, each in a folder that is called after what it holds.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::install::{self, Plan, Workplace};
use crate::apps::{self, Declared, Spec, note_usage};
use crate::sys::files;
use crate::toolchain::{Error, Selection};

/// As deep in a depot as the environments of installed apps: relative paths in them are the same.
const FOLDER: &str = "environments/jlapp-run";
/// In an environment: the folder of the package's source.
const SOURCE: &str = "jlapp-source";

/// An environment, and what the package in it says of itself.
pub(super) struct Kept {
    pub declared: Declared,
    pub environment: PathBuf,
    /// Where its own files lie.
    pub source: PathBuf,
}

/// The environment of a package; made where there is none, or with `refresh`.
///
/// # Errors
/// It cannot be made; one that was there is still there.
pub(super) fn environment(depot: &Path, spec: &Spec, julia: &Selection, refresh: bool) -> Result<Kept, Failure> {
    let folder = depot.join(FOLDER);
    let environment = folder.join(name(spec, julia));
    if let Some(kept) = (!refresh).then(|| kept(depot, &environment, julia)).flatten() {
        return Ok(kept);
    }
    fs::create_dir_all(&folder).map_err(|error| Error::app_file("cannot make", &folder, &error))?;
    // Whoever runs the same for the first time at the same time waits, and then finds it.
    let lock = environment.with_extension("lock");
    let _lock = files::lock(&lock).map_err(|error| Error::app_file("cannot lock", &lock, &error))?;
    if let Some(kept) = (!refresh).then(|| kept(depot, &environment, julia)).flatten() {
        return Ok(kept);
    }
    let made = environment.with_extension("new");
    let outcome = make(depot, &made, spec, julia).and_then(|()| put(&made, &environment));
    let _ = fs::remove_dir_all(&made);
    outcome?;
    note_usage(depot, &environment.join("Manifest.toml"))?;
    kept(depot, &environment, julia).ok_or_else(|| {
        Error::failed(format!("cannot use {}", environment.display()), "its package has gone", "try --refresh").into()
    })
}

/// Where the environments of files that hold apps are, in the package's own.
pub(super) const FILES: &str = "_files";

/// Where its precompile files are kept.
pub(super) const PRECOMPILED: &str = "_precompiled";

/// For people the package, for programs all that decides.
fn name(spec: &Spec, julia: &Selection) -> String {
    let channel = julia.channel.as_ref().map(ToString::to_string).unwrap_or_default();
    let all = [spec.words().join("\n"), channel, julia.binary.display().to_string()].join("\n");
    let digest = Sha256::digest(all.as_bytes());
    let digest = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let label = spec.label();
    let label = label.rsplit('/').next().unwrap_or_default();
    let label: String = label.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("{label}-{digest:016x}")
}

/// What is there and whole: its package may have been collected as garbage.
fn kept(depot: &Path, environment: &Path, julia: &Selection) -> Option<Kept> {
    let source = PathBuf::from(fs::read_to_string(environment.join(SOURCE)).ok()?);
    let declared = install::declared(depot, environment, &source, julia).ok()?;
    Some(Kept { declared, environment: environment.to_owned(), source })
}

fn make(depot: &Path, folder: &Path, spec: &Spec, julia: &Selection) -> Result<(), Failure> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).map_err(|error| Error::app_file("cannot make", folder, &error))?;
    let plan = Plan { words: spec.words(), files: None, bundled: false, julia: julia.clone(), optional: false };
    let (result, own) = (folder.join("result.toml"), folder.join(FILES).join(apps::OWN_FOLDER));
    let place = Workplace { depot, result: &result, own: &|_| own.clone() };
    let made = install::resolve(vec![(plan, folder.to_owned())], &place)?;
    for made in made.into_iter().flatten() {
        install::prepare(&made.declared, folder, &folder.join(PRECOMPILED), julia)?;
        let source = folder.join(SOURCE);
        let text = made.source.display().to_string();
        files::replace(&source, text.as_bytes()).map_err(|error| Error::app_file("cannot write", &source, &error))?;
    }
    Ok(())
}

fn put(made: &Path, environment: &Path) -> Result<(), Failure> {
    let put = if environment.exists() { files::exchange(made, environment) } else { fs::rename(made, environment) };
    Ok(put.map_err(|error| Error::app_file("cannot replace", environment, &error))?)
}

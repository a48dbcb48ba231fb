//! Whether apps are found by their names, and what else has these: said after they were installed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::apps::shim_path;
use crate::env;

/// The folders of `PATH`, in their order.
pub(super) fn folders() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os(env::PATH).unwrap_or_default()).collect()
}

/// Where a folder is on `PATH`, by whatever name.
pub(super) fn position(folder: &Path) -> Option<usize> {
    let real = folder.canonicalize().ok();
    let same = |other: &PathBuf| other == folder || (real.is_some() && other.canonicalize().ok() == real);
    folders().iter().position(same)
}

/// The first program of a name in the folders of `PATH`, other than `shim`; and where that folder is.
pub(super) fn other(name: &str, shim: &Path) -> Option<(usize, PathBuf)> {
    let is_program =
        |path: &Path| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    let is_other = |path: &Path| is_program(path) && path.canonicalize().ok() != shim.canonicalize().ok();
    let files = folders().into_iter().map(|folder| folder.join(name)).enumerate();
    files.into_iter().find(|(_, path)| is_other(path))
}

/// Says how apps can be reached by their names, where they cannot, and which other programs have the same names.
pub(super) fn found_on_path<'a>(depot: &Path, apps: impl IntoIterator<Item = &'a str>) {
    let bin = depot.join("bin");
    let (ours, mut some) = (position(&bin), false);
    for app in apps {
        some = true;
        let shim = shim_path(depot, app);
        match (other(app, &shim), ours) {
            (None, _) => {}
            (Some((at, found)), Some(ours)) if at < ours => {
                eprintln!("jlapp: {app} on PATH is {}, which comes before {}", found.display(), shim.display());
            }
            (Some((_, found)), Some(_)) => {
                eprintln!("jlapp: {app} comes before {} on PATH from now on", found.display());
            }
            (Some((_, found)), None) => eprintln!("jlapp: {app} on PATH is {}", found.display()),
        }
    }
    if some && ours.is_none() {
        eprintln!("jlapp: {} is not on PATH; add this to your shell's start-up file:", bin.display());
        eprintln!("  export PATH=\"{}:$PATH\"", bin.display());
        eprintln!("  (`jlapp path --install` does)");
    }
}

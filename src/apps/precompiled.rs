//! Precompile files that an app keeps: links to those that it was made ready with, in a depot of their own.
//!
//! Julia keeps ten files of each package in a depot, whoever made them, and throws out the one that was loaded longest ago
//! (`compilecache`, base/loading.jl): ten other environments with that package are enough for an app to be compiled anew. It
//! looks for them in all depots, but throws out only where it writes, in the first one. So here none is lost, and it costs
//! no room as long as the other name is there. Nothing else lies in this depot, which comes last.

use std::path::{Path, PathBuf};

use super::companion;

/// The depot of a package's apps, in their own.
pub(super) fn place(depot: &Path, package: &str) -> PathBuf {
    companion::of_package(depot, package).join("_precompiled")
}

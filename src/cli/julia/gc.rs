//! `jlapp julia gc`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{place, variable};
use crate::apps::recorded;
use crate::cli::daemon;
use crate::cli::failure::Failure;
use crate::toolchain::gc::{Collected, collect, running_programs};

pub(super) fn run() -> Result<(), Failure> {
    let collected = collect(&place()?, &programs_in_use()?)?;
    if collected == Collected::default() {
        println!("nothing to remove");
    }
    show(&collected);
    Ok(())
}

/// What apps, workers of the daemon and everything else that runs may need.
///
/// Whoever cannot be asked may need anything, so that is an error.
pub(super) fn programs_in_use() -> Result<BTreeSet<PathBuf>, Failure> {
    let apps = recorded(&variable)?;
    let mut programs: BTreeSet<PathBuf> = apps.into_iter().filter_map(|app| app.julia_command).collect();
    programs.extend(daemon::worker_programs()?);
    programs.extend(running_programs());
    Ok(programs)
}

pub(super) fn show(collected: &Collected) {
    for folder in &collected.removed {
        println!("removed {}", folder.display());
    }
    for folder in &collected.kept {
        println!("kept {}: an app or a running program uses it", folder.display());
    }
}

//! Apps that are native programs: executables of JLL packages. No Julia starts, and no conductor is asked.

use std::env as process_env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::direct::complain;
use super::julia_path;
use super::plan::{Plan, place};
use super::trace::Trace;
use crate::sys::process;
use crate::{env, exit};

/// Executes a native app; returns an exit status only where that failed, and nothing where the app is none. Nothing of this process has
/// been changed before.
pub(super) fn execute(wanted: &OsStr, arguments: &[OsString]) -> Option<i32> {
    let trace = Trace::from_environment();
    let (depot, app) = find(wanted)?;
    let plan = match Plan::read(&depot, &app) {
        Some(plan) => plan,
        None if !place(&depot, &app).exists() => return None,
        None => match worked_out_again(&depot, &app) {
            Ok(plan) => plan,
            Err(status) => return Some(status),
        },
    };
    trace.native();
    let environment = environment(&plan);
    let error = process::execute_with(plan.program.as_os_str(), arguments, &environment);
    complain(&format!("cannot execute {}: {error}", plan.program.display()));
    Some(exit::CANNOT_EXECUTE)
}

/// The first depot with this app, if it is native there: that of the shim, or one of `JULIA_DEPOT_PATH`.
fn find(wanted: &OsStr) -> Option<(PathBuf, OsString)> {
    let path = Path::new(wanted);
    if wanted.as_bytes().contains(&b'/') {
        let depot = std::path::absolute(path).ok()?.parent()?.parent()?.to_owned();
        return Some((depot, path.file_name()?.to_owned()));
    }
    let home = || process_env::var_os(env::HOME).map(|home| PathBuf::from(home).join(".julia"));
    let listed = process_env::var_os(env::JULIA_DEPOT_PATH).unwrap_or_default();
    let depots = process_env::split_paths(&listed)
        .filter_map(|depot| if depot.as_os_str().is_empty() { home() } else { Some(depot) });
    let mut depots = depots.chain(listed.is_empty().then(home).flatten());
    let has = |depot: &PathBuf| place(depot, wanted).exists() || depot.join("bin").join(wanted).exists();
    Some((depots.find(has)?, wanted.to_owned()))
}

/// What a plan was made from has changed: `jlapp` makes it again, or says what is wrong.
fn worked_out_again(depot: &Path, app: &OsStr) -> Result<Plan, i32> {
    let shim = depot.join("bin").join(app).into_os_string();
    let (_, ending) = julia_path::run_jlapp(&["resolve".into(), "--native".into(), "--app".into(), shim], false)?;
    Plan::read(depot, app).ok_or_else(|| julia_path::failure(ending))
}

/// The user's environment with the program's folders before his own (`adjust_ENV!`, src/runtime.jl of JLLWrappers).
fn environment(plan: &Plan) -> Vec<OsString> {
    let mut all: Vec<OsString> = process::environment_block().into_iter().map(OsString::from_vec).collect();
    for (name, folders) in [(env::PATH, &plan.path), (env::LD_LIBRARY_PATH, &plan.library_path)] {
        if folders.is_empty() {
            continue;
        }
        let users = process_env::var_os(name).filter(|value| !value.is_empty());
        let mut entry: OsString = [OsStr::new(name), OsStr::new("="), folders].into_iter().collect();
        if let Some(users) = users {
            entry.push(":");
            entry.push(users);
        }
        let head = format!("{name}=");
        all.retain(|other| !other.as_bytes().starts_with(head.as_bytes()));
        all.push(entry);
    }
    all
}

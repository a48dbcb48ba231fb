//! From what packages were asked for to their environments in place: what `add`, `update` and `import` share.
//!
//! Pkg's lock is held while names are looked at and while all is put in place, never while Pkg works. All packages of one
//! command come, or none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::names::Names;
use super::{found_on_path, pkg, say_waiting};
use crate::apps::{self, Declared, Edit, Entry, Manifest, PREPARE, RESOLVE, Resolved, Staging, add_preferences};
use crate::toolchain::Selection;

/// One package that is wanted, and how.
pub(super) struct Plan {
    /// Words for [`RESOLVE`]: which package.
    pub words: Vec<String>,
    /// Its own Manifest.toml is to be used.
    pub bundled: bool,
    pub julia: Selection,
}

/// One package whose environment is made, and not yet in its place.
pub(super) struct Made {
    pub declared: Declared,
    pub entry: Entry,
    pub environment: PathBuf,
    pub bundled: bool,
    pub julia: Selection,
}

/// Environments being made.
pub(super) struct Installation {
    staging: Staging,
    depot: PathBuf,
    names: Names,
}

impl Installation {
    /// `edit` is let go of: Pkg's work takes long.
    pub(super) fn begin(edit: Edit, names: Names) -> Result<Self, Failure> {
        // The environment's own path is compared with what Julia makes of it.
        let depot = edit.depot().to_owned();
        Ok(Self { staging: Staging::new(&edit)?, depot, names })
    }

    /// Has Pkg make the environments.
    ///
    /// # Errors
    /// One of them cannot be had. Nothing has been changed then.
    pub(super) fn make(&mut self, plans: Vec<Plan>) -> Result<Vec<Made>, Failure> {
        let mut folders = Vec::new();
        for _ in &plans {
            folders.push(self.staging.folder()?);
        }
        let mut made = Vec::new();
        let mut plans: Vec<(Plan, PathBuf)> = plans.into_iter().zip(folders).collect();
        while !plans.is_empty() {
            // One Julia for all that want it.
            let binary = plans[0].0.julia.binary.clone();
            let (same, others) = plans.into_iter().partition(|(plan, _)| plan.julia.binary == binary);
            made.extend(self.resolve(same)?);
            plans = others;
        }
        Ok(made)
    }

    fn resolve(&self, plans: Vec<(Plan, PathBuf)>) -> Result<Vec<Made>, Failure> {
        let result = self.staging.file("result.toml");
        let mut words: Vec<OsString> = vec![result.clone().into()];
        for (plan, folder) in &plans {
            let mut env = OsString::from("env=");
            env.push(folder);
            words.push(env);
            words.extend(plan.words.iter().map(OsString::from));
            words.extend(plan.bundled.then(|| "bundle=yes".into()));
        }
        pkg::run(&plans[0].0.julia, &[], RESOLVE, words)?;
        let resolved = Resolved::read(&result)?;
        let refused = resolved.iter().find(|resolved| resolved.refused);
        if let Some(refused) = refused {
            // It says what is missing, with the file.
            apps::declared(&refused.source)?;
        }
        plans.into_iter().zip(resolved).map(|((plan, folder), resolved)| made(plan, folder, &resolved)).collect()
    }

    /// Loads each package as its apps will, with their flags.
    ///
    /// # Errors
    /// One cannot be loaded, or an app has no `main`.
    pub(super) fn prepare(&self, all: &[Made]) -> Result<(), Failure> {
        self.names.check(&Edit::begin(&self.depot, say_waiting)?, all.iter().map(|made| &made.declared))?;
        all.iter().try_for_each(|made| prepare(&made.declared, &made.environment, &made.julia))
    }

    /// Puts all of it in place.
    ///
    /// # Errors
    /// A name was taken meanwhile, or a file could not be written.
    pub(super) fn commit(self, all: &[Made]) -> Result<(), Failure> {
        let mut edit = Edit::begin(&self.depot, say_waiting)?;
        self.names.check(&edit, all.iter().map(|made| &made.declared))?;
        for made in all {
            edit.install(&made.declared, &made.entry, &made.environment, made.bundled, &made.julia);
        }
        edit.commit()?;
        found_on_path(&self.depot, all.iter().flat_map(|made| &made.declared.apps).map(|app| app.name.as_str()));
        Ok(())
    }
}

fn made(plan: Plan, environment: PathBuf, resolved: &Resolved) -> Result<Made, Failure> {
    let declared = apps::declared(&resolved.source)?;
    let entry = Manifest::read(&environment)?.get(&declared.uuid).cloned().unwrap_or_default().absolute(&environment);
    add_preferences(&environment, &resolved.source)?;
    let bundled = plan.bundled || declared.bundle_manifest;
    Ok(Made { declared, entry, environment, bundled, julia: plan.julia })
}

/// Precompiles and loads a package with each set of flags that its apps have.
pub(super) fn prepare(declared: &Declared, environment: &Path, julia: &Selection) -> Result<(), Failure> {
    let mut sets: Vec<&[String]> = declared.apps.iter().map(|app| app.julia_flags.as_slice()).collect();
    sets.sort_unstable();
    sets.dedup();
    for flags in sets {
        let apps = declared.apps.iter().filter(|app| app.julia_flags == flags);
        let words = apps.map(|app| format!("{}={}", app.name, app.submodule.as_deref().unwrap_or_default()).into());
        let head = [environment.into(), OsString::from(&declared.name)];
        pkg::run(julia, flags, PREPARE, head.into_iter().chain(words).collect())?;
    }
    Ok(())
}

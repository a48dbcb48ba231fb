//! From what packages were asked for to their environments in place: what `add`, `update` and `import` share.
//!
//! Pkg's lock is held while names are looked at and while all is put in place, never while Pkg works. All packages of one
//! command come, or none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use super::failure::Failure;
use super::names::Names;
use super::{found_on_path, pkg, say_waiting};
use crate::apps::{
    self, App, Declared, Edit, Entry, Manifest, PREPARE, RESOLVE, Resolved, Staging, add_preferences, jll,
};
use crate::exit;
use crate::sys::{crash_point, files};
use crate::toolchain::{Error, Selection};

/// One package that is wanted, and how.
pub(super) struct Plan {
    /// Words for [`RESOLVE`]: which package.
    pub words: Vec<String>,
    /// The environment's Project.toml and Manifest.toml, where they are known.
    pub files: Option<(String, String)>,
    /// Its own Manifest.toml is to be used.
    pub bundled: bool,
    pub julia: Selection,
    /// The others come also where this one cannot be had.
    pub optional: bool,
}

/// One package whose environment is made, and not yet in its place.
pub(super) struct Made {
    /// With the executables of a JLL package as its apps.
    pub declared: Declared,
    pub entry: Entry,
    /// Where the package's source lies.
    pub source: PathBuf,
    pub environment: PathBuf,
    pub bundled: bool,
    pub julia: Selection,
    /// The environment of what only its app files need.
    pub own: Option<PathBuf>,
}

/// Where things are made until they are put in place.
pub(super) struct Workplace<'a> {
    pub depot: &'a Path,
    /// What [`RESOLVE`] says.
    pub result: &'a Path,
    /// The environment of what only the app files of a package need.
    pub own: &'a dyn Fn(&str) -> PathBuf,
}

/// Environments being made.
pub(super) struct Installation {
    staging: Staging,
    depot: PathBuf,
    names: Names,
}

impl Installation {
    /// `edit` is let go of: Pkg's work takes long.
    #[expect(clippy::needless_pass_by_value, reason = "Pkg's lock goes with it")]
    pub(super) fn begin(edit: Edit, names: Names) -> Result<Self, Failure> {
        let depot = edit.depot().to_owned();
        Ok(Self { staging: Staging::new(&edit)?, depot, names })
    }

    /// Has Pkg make the environments.
    ///
    /// # Errors
    /// One of them cannot be had. Nothing has been changed then.
    pub(super) fn make(&mut self, plans: Vec<Plan>) -> Result<Vec<Made>, Failure> {
        self.try_make(plans)?.into_iter().map(|made| made.ok_or(Failure::Reported(exit::FAILURE))).collect()
    }

    /// The same, in the same order, with nothing for what could not be had and is optional.
    pub(super) fn try_make(&mut self, plans: Vec<Plan>) -> Result<Vec<Option<Made>>, Failure> {
        let mut left = Vec::new();
        for (at, plan) in plans.into_iter().enumerate() {
            left.push((at, plan, self.staging.folder()?));
        }
        crash_point("apps-begun");
        let mut made: Vec<(usize, Option<Made>)> = Vec::new();
        while let Some((_, first, _)) = left.first() {
            // One Julia for all that want it.
            let binary = first.julia.binary.clone();
            let (same, others): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(_, plan, _)| plan.julia.binary == binary);
            let (places, same): (Vec<usize>, Vec<_>) =
                same.into_iter().map(|(at, plan, folder)| (at, (plan, folder))).unzip();
            let result = self.staging.file("result.toml");
            let own = |package: &str| self.staging.accompanying(package, "own");
            let place = Workplace { depot: &self.depot, result: &result, own: &own };
            made.extend(places.into_iter().zip(resolve(same, &place)?));
            left = others;
        }
        crash_point("apps-made");
        made.sort_by_key(|(at, _)| *at);
        Ok(made.into_iter().map(|(_, made)| made).collect())
    }

    /// Loads each package as its apps will, with their flags.
    ///
    /// # Errors
    /// One cannot be loaded, or an app has no `main`.
    pub(super) fn prepare(&self, all: &[&Made]) -> Result<(), Failure> {
        self.names.check(&Edit::begin(&self.depot, say_waiting)?, all.iter().map(|made| &made.declared))?;
        all.iter().try_for_each(|made| {
            prepare(&made.declared, &made.environment, &self.precompiled(&made.declared.name), &made.julia)
        })
    }

    /// Where the precompile files of a package are kept meanwhile.
    fn precompiled(&self, package: &str) -> PathBuf {
        self.staging.accompanying(package, "precompiled")
    }

    /// What is being made; it goes with this.
    pub(super) const fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Puts all of it in place, packages under development too, with what else is to change.
    ///
    /// # Errors
    /// A name was taken meanwhile, or a file could not be written.
    pub(super) fn commit(
        self,
        all: &[&Made],
        checkouts: &[Checkout],
        others: impl FnOnce(&mut Edit),
    ) -> Result<(), Failure> {
        let mut edit = Edit::begin(&self.depot, say_waiting)?;
        let declared = || all.iter().map(|made| &made.declared).chain(checkouts.iter().map(|one| &one.package));
        self.names.check(&edit, declared())?;
        for made in all {
            edit.install(&made.declared, &made.entry, &made.environment, made.bundled, &made.julia);
            edit.own_dependencies(&made.declared.name, made.own.as_deref());
            edit.keep_precompiled(&made.declared.name, Some(&self.precompiled(&made.declared.name)));
        }
        for one in checkouts {
            one.record(&mut edit);
        }
        others(&mut edit);
        edit.commit()?;
        let apps = declared().flat_map(|declared| &declared.apps);
        found_on_path(&self.depot, apps.map(|app| app.name.as_str()));
        Ok(())
    }
}

/// Has Pkg make environments in folders, with the Julia of the first plan.
///
/// # Errors
/// One that is not optional could not be made; what is wrong has been said.
pub(super) fn resolve(plans: Vec<(Plan, PathBuf)>, place: &Workplace<'_>) -> Result<Vec<Option<Made>>, Failure> {
    let Some((first, _)) = plans.first() else { return Ok(Vec::new()) };
    let mut words: Vec<OsString> = vec![place.result.into()];
    for (plan, folder) in &plans {
        if let Some((project, manifest)) = &plan.files {
            write(&folder.join("Project.toml"), project)?;
            write(&folder.join("Manifest.toml"), manifest)?;
        }
        let mut env = OsString::from("env=");
        env.push(folder);
        words.push(env);
        words.extend(plan.words.iter().map(OsString::from));
        words.extend(plan.bundled.then(|| "bundle=yes".into()));
        words.extend(plan.optional.then(|| "keep-going=yes".into()));
    }
    let _alone = pkg::alone(place.depot)?;
    pkg::run(&first.julia, &[], RESOLVE, words)?;
    let resolved = Resolved::read(place.result)?;
    let made = plans.into_iter().zip(resolved);
    made.map(|((plan, folder), resolved)| {
        let optional = plan.optional;
        if resolved.failed {
            return Ok(None);
        }
        match made_of(plan, place, folder, &resolved) {
            Err(error) if optional => {
                eprintln!("jlapp: {error}");
                Ok(None)
            }
            made => made.map(Some),
        }
    })
    .collect()
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    files::replace(path, text.as_bytes()).map_err(|error| Error::app_file("cannot write", path, &error))
}

fn made_of(plan: Plan, place: &Workplace<'_>, environment: PathBuf, resolved: &Resolved) -> Result<Made, Failure> {
    let declared = declared(place.depot, &environment, &resolved.source, &plan.julia)?;
    let entry = Manifest::read(&environment)?.get(&declared.uuid).cloned().unwrap_or_default().absolute(&environment);
    add_preferences(&environment, &resolved.source)?;
    let bundled = plan.bundled || declared.bundle_manifest;
    let own = (place.own)(&declared.name);
    let own = pkg::own_dependencies(place.depot, &own, (&declared, &resolved.source), &plan.julia)?.then_some(own);
    Ok(Made { own, declared, entry, source: resolved.source.clone(), environment, bundled, julia: plan.julia })
}

/// What the package in `source` says of its apps, or has as such.
///
/// # Errors
/// It has none, or none for this machine.
pub(super) fn declared(
    depot: &Path,
    environment: &Path,
    source: &Path,
    julia: &Selection,
) -> Result<Declared, Failure> {
    let Some(mut declared) = apps::declared_jll(source)? else { return Ok(apps::declared(source)?) };
    let programs = jll::programs(depot, environment, &declared.name, &julia.binary)?;
    declared.apps = programs.into_iter().map(|name| App { name, ..App::default() }).collect();
    Ok(declared)
}

/// Precompiles and loads a package with each set of flags that its apps have, and keeps the precompile files in a depot.
///
/// # Errors
/// It cannot be loaded, or an app has no `main`.
pub(super) fn prepare(declared: &Declared, environment: &Path, keep: &Path, julia: &Selection) -> Result<(), Failure> {
    if declared.native {
        return Ok(());
    }
    let mut sets: Vec<&[String]> = declared.apps.iter().map(|app| app.julia_flags.as_slice()).collect();
    sets.sort_unstable();
    sets.dedup();
    for flags in sets {
        // A file is a package of its own, which its first launch precompiles.
        let apps = declared.apps.iter().filter(|app| app.julia_flags == flags && app.file.is_none());
        let words = apps.map(|app| format!("{}={}", app.name, app.submodule.as_deref().unwrap_or_default()).into());
        let head = [environment.into(), OsString::from(&declared.name), keep.into()];
        pkg::run(julia, flags, PREPARE, head.into_iter().chain(words).collect())?;
    }
    Ok(())
}

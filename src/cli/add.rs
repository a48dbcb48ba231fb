//! `jlapp add`: apps of packages that registries know, or that lie in repositories.

use std::path::{Path, PathBuf};

use clap_complete::engine::ArgValueCompleter;

use super::completions::registered;
use super::failure::Failure;
use super::install::{Installation, Made, Plan};
use super::names::Names;
use super::{choose, say_waiting};
use crate::apps::{Edit, Package, Record, Source, Spec, folder, registered_names};
use crate::name::near_misses;
use crate::toolchain::{Error, first_depot};

/// All of them come, or none. What is there already is replaced: by the newest version, or by what is asked for.
#[derive(clap::Args)]
pub struct Add {
    /// Packages: Rot13, Rot13@1.2, a UUID, the URL of a git repository, the path of one; #branch behind it
    #[arg(required = true, value_name = "package", add = ArgValueCompleter::new(registered))]
    packages: Vec<String>,
    /// The branch, tag or commit
    #[arg(long)]
    rev: Option<String>,
    /// Where in its repository the package lies
    #[arg(long, value_name = "folder")]
    subdir: Option<String>,
    /// Gets this registry first: its name, URL or path
    #[arg(long, value_name = "registry")]
    registry: Option<String>,
    /// The channel of Julia to follow, `+1.10`
    #[arg(long, value_name = "+channel")]
    julia: Option<String>,
    /// Use the Manifest.toml that the package brings along, in place of newly resolved dependencies
    #[arg(long)]
    bundle_manifest: bool,
    /// Take the names of other packages' apps, and of files that are no shims
    #[arg(long)]
    force: bool,
}

impl Add {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let specs: Vec<Spec> = self
            .packages
            .iter()
            .map(|word| spec(word, self.rev.as_ref(), self.subdir.as_ref()))
            .collect::<Result<_, _>>()?;
        let depot = depot()?;
        let edit = Edit::begin(&depot, say_waiting)?;
        let plans = specs.iter().map(|spec| self.plan(spec, &edit)).collect::<Result<_, _>>()?;
        let mut installation = Installation::begin(edit, Names { force: self.force })?;
        let made = installation.make(plans).inspect_err(|error| {
            if let Failure::Reported(_) = error {
                for spec in &specs {
                    say_unknown(spec, &depot);
                }
            }
        })?;
        let all: Vec<&Made> = made.iter().collect();
        installation.prepare(&all)?;
        installation.commit(&all, |_| {})?;
        for made in &made {
            report(made);
        }
        Ok(())
    }

    fn plan(&self, spec: &Spec, edit: &Edit) -> Result<Plan, Failure> {
        let installed = edit.installed();
        let julia = choose::julia(self.julia.as_deref(), recorded(spec, &installed), edit.channels())?;
        let mut words = spec.words();
        words.push("build=yes".into());
        words.extend(self.registry.iter().map(|registry| format!("registry={}", place(registry))));
        Ok(Plan { words, files: None, bundled: self.bundle_manifest, julia, optional: false })
    }
}

/// What a word names, with `--rev` and `--subdir`; a folder is one that can be cloned.
///
/// # Errors
/// It names nothing, or two things at once.
pub(super) fn spec(word: &str, rev: Option<&String>, subdir: Option<&String>) -> Result<Spec, Failure> {
    let mut spec: Spec = word.parse().map_err(|error| Failure::Refused(format!("{error}")))?;
    if rev.is_some() && spec.rev.is_some() && rev != spec.rev.as_ref() {
        return Err(Failure::Refused(format!("{word} and --rev name two revisions; nothing was changed")));
    }
    spec.rev = rev.cloned().or(spec.rev);
    spec.subdir = subdir.cloned();
    if let Source::Folder(path) = &spec.source {
        spec.source = Source::Folder(repository(path)?);
    }
    if spec.rev.is_some() && matches!(spec.source, Source::Registered { version: Some(_), .. }) {
        return Err(Failure::Refused(format!("{word} has a version and a revision; nothing was changed")));
    }
    Ok(spec)
}

/// Says what somebody who asked for an unknown name may have meant.
fn say_unknown(spec: &Spec, depot: &Path) {
    let Source::Registered { name: Some(name), .. } = &spec.source else { return };
    let known = registered_names(depot);
    if known.contains(name) {
        return;
    }
    let near = near_misses(name, known.iter().map(String::as_str)).join(" or ");
    let hint = if Path::new(name).is_dir() {
        format!("the folder of that name is ./{name}")
    } else if near.is_empty() {
        "a package that is not registered is added by the URL of its repository".to_owned()
    } else {
        format!("did you mean {near}?")
    };
    eprintln!("jlapp: no registry in {} knows {name}; {hint}", depot.join("registries").display());
}

/// The depot that apps are kept in.
pub(super) fn depot() -> Result<PathBuf, Failure> {
    let depot = first_depot(&|name| std::env::var_os(name));
    depot.ok_or_else(|| Failure::Refused("there is no depot: neither JULIA_DEPOT_PATH nor HOME is set".into()))
}

/// A folder that Pkg can clone; it takes what is committed in it.
fn repository(path: &Path) -> Result<PathBuf, Failure> {
    let found = folder(path)?;
    if found.join(".git").exists() {
        return Ok(found);
    }
    let is_package = ["JuliaProject.toml", "Project.toml"].iter().any(|name| found.join(name).is_file());
    let next = if is_package {
        format!("`jlapp dev {}` makes apps of what is in it", path.display())
    } else {
        "name the folder of a package's repository".to_owned()
    };
    Err(Error::failed(format!("cannot add {}", found.display()), "it is no git repository", next).into())
}

/// A path is seen from the user's folder.
fn place(registry: &str) -> String {
    let path = registry.contains('/').then(|| folder(Path::new(registry)).ok()).flatten();
    path.map_or_else(|| registry.to_owned(), |path| path.display().to_string())
}

/// What is recorded of a package that is asked for again.
fn recorded<'a>(spec: &Spec, record: &'a Record) -> Option<&'a Package> {
    let is_it = |package: &&Package| match &spec.source {
        Source::Registered { name: Some(name), .. } => package.name == *name,
        Source::Registered { uuid, .. } => Some(&package.uuid) == uuid.as_ref(),
        Source::Url(url) => package.repository.as_ref().is_some_and(|(known, _)| known == url),
        Source::Folder(path) => package.repository.as_ref().is_some_and(|(known, _)| Path::new(known) == path),
    };
    record.packages.iter().find(is_it)
}

/// Says which package came, and its apps.
pub(super) fn report(made: &Made) {
    println!("{} {} is added", made.declared.name, made.entry.label());
    for app in &made.declared.apps {
        println!("  {}", app.name);
    }
}

//! `jlapp dev`: apps of a package in a folder of the user's, as it is at each launch.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::names::Names;
use super::{add, choose, found_on_path, pkg, say_waiting};
use crate::apps::{Declared, Edit, RESOLVE, Resolved, Source, Spec, Staging, declared, folder};
use crate::toolchain::Selection;

/// Edits are seen at the next launch.
#[derive(clap::Args)]
pub struct Dev {
    /// Folders of packages; or names and URLs, whose repositories Pkg clones into its folder for development
    #[arg(required = true, value_name = "package")]
    packages: Vec<String>,
    /// Where in its repository the package lies
    #[arg(long, value_name = "folder")]
    subdir: Option<String>,
    /// The channel of Julia to install dependencies with and to record, `+1.10`
    #[arg(long, value_name = "+channel")]
    julia: Option<String>,
    /// Take the names of other packages' apps, and of files that are no shims
    #[arg(long)]
    force: bool,
}

/// A checkout that can be recorded.
struct Checkout {
    package: Declared,
    folder: PathBuf,
    julia: Selection,
}

impl Dev {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let depot = add::depot()?;
        let names = Names { force: self.force };
        let checkouts = self.packages.iter().map(|word| self.checkout(word, &depot)).collect::<Result<Vec<_>, _>>()?;
        // Twice: dependencies may take long, which nobody else should have to wait for.
        let edit = Edit::begin(&depot, say_waiting)?;
        names.check(&edit, checkouts.iter().map(|one| &one.package))?;
        let staging = Staging::new(&edit)?;
        drop(edit);
        checkouts.iter().try_for_each(instantiate)?;
        let own: Vec<_> =
            checkouts.iter().map(|one| own_dependencies(one, &depot, &staging)).collect::<Result<_, _>>()?;
        let mut edit = Edit::begin(&depot, say_waiting)?;
        names.check(&edit, checkouts.iter().map(|one| &one.package))?;
        for (one, own) in checkouts.iter().zip(&own) {
            edit.develop(&one.package, &one.folder, &one.julia);
            edit.accompany(&one.package.name, own.as_deref(), None);
        }
        edit.commit()?;
        for one in &checkouts {
            report(one, &depot);
        }
        Ok(())
    }

    /// A folder of the user's is meant before a registered package of the same name.
    fn checkout(&self, word: &str, depot: &Path) -> Result<Checkout, Failure> {
        let spec = word.parse::<Spec>().ok().filter(|spec| !matches!(spec.source, Source::Folder(_)));
        let Some(mut spec) = spec.filter(|_| !Path::new(word).is_dir()) else {
            let path = Path::new(word).join(self.subdir.as_deref().unwrap_or_default());
            let folder = folder(&path)?;
            return Ok(Checkout { package: declared(&folder)?, folder, julia: self.julia(depot)? });
        };
        if spec.rev.is_some() || matches!(spec.source, Source::Registered { version: Some(_), .. }) {
            let text =
                format!("{word} names a version, but what is developed is a folder: choose the version there with git");
            return Err(Failure::Refused(text));
        }
        spec.subdir.clone_from(&self.subdir);
        let julia = self.julia(depot)?;
        let folder = clone(&spec, depot, &julia)?;
        Ok(Checkout { package: declared(&folder)?, folder, julia })
    }

    fn julia(&self, depot: &Path) -> Result<Selection, Failure> {
        let edit = Edit::begin(depot, say_waiting)?;
        choose::julia(self.julia.as_deref(), None, edit.channels())
    }
}

/// Has Pkg clone a package into its own folder (`JULIA_PKG_DEVDIR`); where it is there already, it is used.
fn clone(spec: &Spec, depot: &Path, julia: &Selection) -> Result<PathBuf, Failure> {
    let mut staging = Staging::new(&Edit::begin(depot, say_waiting)?)?;
    let result = staging.file("result.toml");
    let mut env = OsString::from("env=");
    env.push(staging.folder()?);
    let head = [result.clone().into(), env, "develop=yes".into()];
    let _alone = pkg::alone(depot)?;
    pkg::run(julia, &[], RESOLVE, head.into_iter().chain(spec.words().into_iter().map(OsString::from)).collect())?;
    let resolved = Resolved::read(&result)?;
    let source = resolved.into_iter().next().map(|resolved| resolved.source).unwrap_or_default();
    Ok(folder(&source)?)
}

/// Pkg's work, in a worker of the app's Julia, with Pkg's own progress.
fn instantiate(one: &Checkout) -> Result<(), Failure> {
    if !one.package.has_dependencies {
        return Ok(());
    }
    let program = "import Pkg; Pkg.activate(ARGS[1]); Pkg.instantiate()";
    pkg::run(&one.julia, &[], program, vec![one.folder.clone().into()]).inspect_err(|_| {
        eprintln!("jlapp: the dependencies of {} could not be had", one.package.name);
    })
}

fn own_dependencies(one: &Checkout, depot: &Path, staging: &Staging) -> Result<Option<PathBuf>, Failure> {
    let own = staging.accompanying(&one.package.name, "own");
    Ok(pkg::own_dependencies(depot, &own, (&one.package, &one.folder), &one.julia)?.then_some(own))
}

fn report(one: &Checkout, depot: &Path) {
    println!("{} is under development in {}", one.package.name, one.folder.display());
    for app in &one.package.apps {
        println!("  {}", app.name);
    }
    found_on_path(depot, one.package.apps.iter().map(|app| app.name.as_str()));
}

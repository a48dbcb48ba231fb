//! `jlapp dev`: apps of a package in a folder of the user's, as it is at each launch.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use super::failure::Failure;
use super::names::Names;
use super::{add, choose, found_on_path, pkg, say_waiting};
use crate::apps::{Edit, RESOLVE, Resolved, Source, Spec, Staging, declared, folder};
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

impl Dev {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let depot = add::depot()?;
        let names = Names { force: self.force };
        let mut checkouts =
            self.packages.iter().map(|word| self.checkout(word, &depot)).collect::<Result<Vec<_>, _>>()?;
        // Twice: dependencies may take long, which nobody else should have to wait for.
        let edit = Edit::begin(&depot, say_waiting)?;
        names.check(&edit, checkouts.iter().map(|one| &one.package))?;
        let staging = Staging::new(&edit)?;
        drop(edit);
        checkouts.iter_mut().try_for_each(|one| one.prepare(&depot, &staging))?;
        let mut edit = Edit::begin(&depot, say_waiting)?;
        names.check(&edit, checkouts.iter().map(|one| &one.package))?;
        for one in &checkouts {
            one.record(&mut edit);
        }
        edit.commit()?;
        for one in &checkouts {
            one.report();
            let apps = one.package.apps.iter().map(|app| app.name.as_str());
            apps.clone().for_each(|app| println!("  {app}"));
            found_on_path(&depot, apps);
        }
        Ok(())
    }

    /// A folder of the user's is meant before a registered package of the same name.
    fn checkout(&self, word: &str, depot: &Path) -> Result<Checkout, Failure> {
        let spec = word.parse::<Spec>().ok().filter(|spec| !matches!(spec.source, Source::Folder(_)));
        let Some(mut spec) = spec.filter(|_| !Path::new(word).is_dir()) else {
            let path = Path::new(word).join(self.subdir.as_deref().unwrap_or_default());
            let folder = folder(&path)?;
            // What it declares comes first: no Julia is needed to refuse it.
            declared(&folder)?;
            return Checkout::of(folder, self.julia(depot)?);
        };
        if spec.rev.is_some() || matches!(spec.source, Source::Registered { version: Some(_), .. }) {
            let text =
                format!("{word} names a version, but what is developed is a folder: choose the version there with git");
            return Err(Failure::Refused(text));
        }
        spec.subdir.clone_from(&self.subdir);
        let julia = self.julia(depot)?;
        let folder = clone(&spec, depot, &julia)?;
        Checkout::of(folder, julia)
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

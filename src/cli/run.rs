//! `jlapp run`: an app of a package that is not installed.
//!
//! Its environment is kept in the depot, by what was asked for and the Julia that made it, and serves until `--refresh`.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::failure::Failure;
use super::{add, choose, run_cache};
use crate::apps::{self, App, Apps, Declared, Found, Place, Spec, Start, jll};
use crate::sys::process;
use crate::toolchain::Selection;
use crate::{env, toolchain};

/// What stands before a `--` among the arguments goes to Julia; without one all are the app's.
#[derive(clap::Args)]
pub struct Run {
    /// The package that the app belongs to, as `jlapp add` takes it. Default: the app's name
    #[arg(long, value_name = "package")]
    from: Option<String>,
    /// The branch, tag or commit
    #[arg(long)]
    rev: Option<String>,
    /// Where in its repository the package lies
    #[arg(long, value_name = "folder")]
    subdir: Option<String>,
    /// The channel of Julia, `+1.10`
    #[arg(long, value_name = "+channel")]
    julia: Option<String>,
    /// Get the newest version, where there is an environment already
    #[arg(long)]
    refresh: bool,
    /// The app, or a package with one app; then the app's arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_names = ["app", "arguments"])]
    words: Vec<OsString>,
}

impl Run {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (first, arguments) = self.words.split_first().ok_or_else(|| Failure::Refused("which app?".into()))?;
        let first = first.to_string_lossy();
        let depot = add::depot()?;
        let spec = self.spec(&first)?;
        let channels = Apps::default().channels(&depot)?;
        let julia = choose::julia(self.julia.as_deref(), None, &channels)?;
        let kept = run_cache::environment(&depot, &spec, &julia, self.refresh);
        let kept = kept.inspect_err(|error| add::explain(error, std::slice::from_ref(&spec)))?;
        let app = choose_app(&kept.declared, self.from.is_some().then_some(&first))?;
        if kept.declared.native {
            return Err(launch_native(&kept, &app.name, &depot, &julia, arguments)?);
        }
        let found = Found {
            app: app.clone(),
            recorded: toolchain::App::default(),
            package: kept.declared.name.clone(),
            start: start(&kept, app)?,
            depot,
        };
        let words = apps::command_line(&found, std::env::var_os(env::APP_ARGS).as_deref(), arguments)?;
        Err(launch(&julia, words)?)
    }

    fn spec(&self, first: &str) -> Result<Spec, Failure> {
        add::spec(self.from.as_deref().unwrap_or(first), self.rev.as_ref(), self.subdir.as_ref())
    }
}

/// Its environment stays its own: an installed version may be another.
fn start(kept: &run_cache::Kept, app: &App) -> Result<Start, Failure> {
    let package = (kept.declared.name.as_str(), kept.declared.uuid.as_str());
    let companions = vec![kept.environment.join(run_cache::FILES)];
    let place = Place { environment: kept.environment.clone(), source: kept.source.clone(), companions };
    let precompiled = Some(kept.environment.join(run_cache::PRECOMPILED)).filter(|folder| folder.is_dir());
    Ok(Start { precompiled, ..Start::unrecorded(package, app, &place)? })
}

/// The app of this name; without one the only app, or the one that is called as the package is.
fn choose_app<'a>(package: &'a Declared, name: Option<&std::borrow::Cow<'_, str>>) -> Result<&'a App, Failure> {
    let found = match name {
        Some(name) => package.apps.iter().find(|app| app.name == **name),
        None if package.apps.len() == 1 => package.apps.first(),
        None => package.apps.iter().find(|app| app.name.eq_ignore_ascii_case(&package.name)),
    };
    found.ok_or_else(|| {
        let apps: Vec<&str> = package.apps.iter().map(|app| app.name.as_str()).collect();
        let which = name.map_or_else(|| "several apps".to_owned(), |name| format!("no app {name}"));
        let next = format!("`jlapp run --from <package> <app>` with one of them: {}", apps.join(", "));
        Failure::Refused(format!("{} has {which}; {next}", package.name))
    })
}

/// Becomes an executable of a JLL package, with its folders before the user's; returns only the error.
fn launch_native(
    kept: &run_cache::Kept,
    app: &str,
    depot: &Path,
    julia: &Selection,
    arguments: &[OsString],
) -> Result<Failure, Failure> {
    let package = (kept.declared.name.as_str(), app);
    let plan = jll::surroundings(&[depot.to_owned()], &kept.environment, package, Some(&julia.binary))?;
    let mut command = Command::new(&plan.program);
    for (name, folders) in [(env::PATH, plan.path), (env::LD_LIBRARY_PATH, plan.library_path)] {
        let users = std::env::var_os(name).filter(|value| !value.is_empty());
        if !folders.is_empty() {
            command.env(name, [Some(folders), users].into_iter().flatten().collect::<Vec<_>>().join(OsStr::new(":")));
        }
    }
    // Nothing can be meant for Julia.
    let arguments = arguments.strip_prefix(&["--".into()]).unwrap_or(arguments);
    let error = command.args(arguments).exec();
    Ok(Failure::CannotExecute(plan.program, error))
}

/// Becomes the app; returns only the error.
fn launch(julia: &Selection, words: Vec<OsString>) -> Result<Failure, Failure> {
    let client: PathBuf = process::own_folder()?.join("juliaclient");
    let mut command = Command::new(&client);
    command.args(julia.channel.iter().map(|channel| format!("+{channel}"))).args(words);
    command.env(env::WORKER_EXECUTABLE, &julia.binary).env_remove(env::JULIAUP_CHANNEL);
    let error = command.exec();
    Ok(Failure::CannotExecute(Path::new(&client).to_owned(), error))
}

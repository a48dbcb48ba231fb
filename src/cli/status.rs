//! `jlapp status`: the apps that there are.

use std::path::Path;

use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::completions::packages_and_apps;
use crate::apps::jll::{self, Jll, Jlls};
use crate::apps::{App, Apps, Channels, ENVIRONMENTS, Entry, Error, Manifest, Package, app_file, depots};
use crate::exit;
use crate::toolchain::{Request, Selection, Toolchains};

/// Apps of all depots, as Pkg has recorded them.
#[derive(clap::Args)]
pub struct Status {
    /// Only this package, or this app
    #[arg(add = ArgValueCompleter::new(packages_and_apps))]
    name: Option<String>,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// One app, for programs.
#[derive(Serialize)]
struct Line<'a> {
    app: &'a str,
    package: &'a str,
    uuid: &'a str,
    version: Option<&'a str>,
    environment: String,
    depot: String,
    /// It is no Julia program.
    native: bool,
    submodule: Option<&'a str>,
    /// The file that holds it.
    file: Option<String>,
    julia_flags: &'a [String],
    julia_command: Option<String>,
    /// The channel that it follows.
    channel: Option<&'a str>,
    /// The Julia that it would be launched with.
    julia: Option<&'a str>,
    problem: Option<&'a str>,
}

impl Status {
    pub fn run(&self) -> i32 {
        match self.show() {
            Ok(true) => 0,
            Ok(false) => {
                let name = self.name.as_deref().unwrap_or_default();
                eprintln!("jlapp: there is no package or app {name}; `jlapp status` lists all");
                exit::FAILURE
            }
            Err(error) => {
                eprintln!("jlapp: {error}");
                error.exit_status()
            }
        }
    }

    /// Whether what was asked for is there.
    fn show(&self) -> Result<bool, Error> {
        let mut toolchains = Toolchains::new();
        let (mut apps, mut found, mut lines) = (Apps::default(), false, Vec::new());
        for depot in depots(&|name| std::env::var_os(name)) {
            let (record, channels) = (apps.record(&depot)?, apps.channels(&depot)?);
            for package in record.packages.iter().filter(|package| self.concerns(package)) {
                found = true;
                let julias = julias(&mut toolchains, package, &channels);
                if self.json {
                    lines.extend(as_json(package, &depot, &julias));
                } else {
                    print(package, &depot, &julias);
                    if self.name.as_deref() == Some(&package.name) {
                        print_dependencies(package, &depot)?;
                    }
                }
            }
            for (package, jll) in Jlls::read(&depot)?.0.iter().filter(|(name, jll)| self.concerns_native(name, jll)) {
                found = true;
                if self.json {
                    lines.extend(native_as_json((package, jll), &depot));
                } else {
                    print_native(package, jll, &depot);
                }
            }
        }
        if self.json {
            println!("[{}]", lines.join(","));
        } else if !found && self.name.is_none() {
            println!("no apps");
        }
        Ok(found || self.name.is_none())
    }

    fn concerns(&self, package: &Package) -> bool {
        let Some(name) = &self.name else { return true };
        package.name == *name || package.apps.iter().any(|app| app.name == *name)
    }
}

impl Status {
    fn concerns_native(&self, package: &str, jll: &Jll) -> bool {
        self.name.as_ref().is_none_or(|name| package == name || jll.apps.contains(name))
    }
}

fn print_native(package: &str, jll: &Jll, depot: &Path) {
    println!("{package}{}", jll.version.as_ref().map_or(String::new(), |version| format!(" {version}")));
    for app in &jll.apps {
        println!("  {app}");
        if let Some(problem) = native_problem(app, depot) {
            println!("    {problem}");
        }
    }
}

/// Native programs need no Julia; what they need is looked for.
fn native_problem(app: &str, depot: &Path) -> Option<String> {
    jll::problem(depot, app).map(|error| error.to_string())
}

fn native_as_json((package, jll): (&str, &Jll), depot: &Path) -> Vec<String> {
    let line = |app: &String| {
        let problem = native_problem(app, depot);
        serde_json::to_string(&Line {
            app,
            package,
            uuid: &jll.uuid,
            version: jll.version.as_deref(),
            environment: depot.join(ENVIRONMENTS).join(package).display().to_string(),
            depot: depot.display().to_string(),
            native: true,
            submodule: None,
            file: None,
            julia_flags: &[],
            julia_command: None,
            channel: None,
            julia: None,
            problem: problem.as_deref(),
        })
        .unwrap_or_default()
    };
    jll.apps.iter().map(line).collect()
}

/// The Julia of one app.
struct Julia {
    channel: Option<String>,
    /// What it is, or why there is none.
    found: Result<String, String>,
}

fn julias(toolchains: &mut Toolchains, package: &Package, channels: &Channels) -> Vec<Julia> {
    let directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let mut julia = |app: &App| {
        let recorded = app.recorded(&package.uuid, channels);
        let found = toolchains.select(&Request {
            channel: None,
            directory: &directory,
            project: None,
            program: None,
            app: Some(&recorded),
            variable: &|name| std::env::var_os(name),
        });
        let said = |found: Selection| match found.note {
            Some(note) => Err(note.to_string()),
            None => Ok(found.binary.display().to_string()),
        };
        Julia {
            channel: recorded.channel.map(|channel| channel.to_string()),
            found: found.map_err(|error| error.to_string()).and_then(said),
        }
    };
    package.apps.iter().map(&mut julia).collect()
}

/// The file that holds an app, as its package says.
fn start_file(package: &Package, app: &App, depot: &Path) -> Option<String> {
    app_file(package, app, depot).map(|path| path.display().to_string())
}

fn print(package: &Package, depot: &Path, julias: &[Julia]) {
    let version = package.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
    let from = match (&package.path, &package.repository) {
        (Some(path), _) => format!(" {}", path.display()),
        (None, Some((url, Some(revision)))) => format!(" {url}#{revision}"),
        (None, Some((url, None))) => format!(" {url}"),
        (None, None) => String::new(),
    };
    println!("{}{version}{from}", package.name);
    for (app, julia) in package.apps.iter().zip(julias) {
        let module = app.submodule.as_ref().map_or(String::new(), |module| format!("  {}.{module}", package.name));
        let flags = if app.julia_flags.is_empty() { String::new() } else { format!("  {}", app.julia_flags.join(" ")) };
        let channel = julia.channel.as_ref().map_or(String::new(), |channel| format!("  +{channel}"));
        let file = start_file(package, app, depot).map_or(String::new(), |file| format!("  {file}"));
        println!("  {}{channel}{module}{file}{flags}", app.name);
        if let Err(problem) = &julia.found {
            println!("    {problem}");
        }
    }
}

/// What the environment of one package holds beside it.
fn print_dependencies(package: &Package, depot: &Path) -> Result<(), Error> {
    let manifest = Manifest::read(&package.environment(depot))?;
    let others: Vec<&Entry> = manifest.versions().into_iter().filter(|entry| entry.name != package.name).collect();
    if !others.is_empty() {
        println!("  dependencies:");
    }
    for entry in others {
        println!("    {} {}", entry.name, entry.label());
    }
    Ok(())
}

fn as_json(package: &Package, depot: &Path, julias: &[Julia]) -> Vec<String> {
    let line = |(app, julia): (&App, &Julia)| {
        serde_json::to_string(&Line {
            app: &app.name,
            package: &package.name,
            uuid: &package.uuid,
            version: package.version.as_deref(),
            environment: package.environment(depot).display().to_string(),
            depot: depot.display().to_string(),
            native: false,
            submodule: app.submodule.as_deref(),
            file: start_file(package, app, depot),
            julia_flags: &app.julia_flags,
            julia_command: app.julia_command.as_ref().map(|path| path.display().to_string()),
            channel: julia.channel.as_deref(),
            julia: julia.found.as_deref().ok(),
            problem: julia.found.as_ref().err().map(String::as_str),
        })
        .unwrap_or_default()
    };
    package.apps.iter().zip(julias).map(line).collect()
}

//! `jlapp status`: the apps that there are.

use std::path::Path;

use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::completions::packages_and_apps;
use super::failure::Failure;
use super::names::unknown_name;
use super::outdated;
use crate::apps::{App, Apps, Channels, Entry, Manifest, Package, Record, app_file, depots, jll, shim_path};
use crate::toolchain::{Request, Selection, Toolchains};

/// Apps of all depots, as they are recorded; with a package's name its dependencies too.
#[derive(clap::Args)]
pub struct Status {
    /// Only this package, or this app
    #[arg(add = ArgValueCompleter::new(packages_and_apps))]
    name: Option<String>,
    /// What `jlapp update` would change, and nothing else
    #[arg(long)]
    outdated: bool,
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
    pinned: bool,
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
    pub(super) fn run(&self) -> Result<(), Failure> {
        if self.outdated {
            return outdated::show(self.name.as_slice(), self.json);
        }
        let mut toolchains = Toolchains::new();
        let (mut apps, mut all, mut lines, mut found) = (Apps::default(), Record::default(), Vec::new(), false);
        for depot in depots(&|name| std::env::var_os(name)) {
            let (record, channels) = (apps.installed(&depot)?, apps.channels(&depot)?);
            for package in record.packages.iter().filter(|package| self.concerns(package)) {
                found = true;
                let package = self.asked_for(package);
                let julias = julias(&mut toolchains, &package, &depot, &channels);
                if self.json {
                    lines.extend(as_json(&package, &depot, &julias));
                } else {
                    self.print(&package, &depot, &julias)?;
                }
            }
            all = all.with(&record);
        }
        match &self.name {
            Some(name) if !found => return Err(Failure::Refused(unknown_name(&all, name))),
            _ if self.json => println!("[{}]", lines.join(",")),
            None if !found => println!("no apps"),
            _ => {}
        }
        Ok(())
    }

    fn concerns(&self, package: &Package) -> bool {
        self.name.as_ref().is_none_or(|name| package.is_called(name))
    }

    /// With all its apps, or the one that was asked for.
    fn asked_for(&self, package: &Package) -> Package {
        let is_asked = |app: &App| self.name.as_ref().is_none_or(|name| package.name == *name || app.name == *name);
        Package { apps: package.apps.iter().filter(|app| is_asked(app)).cloned().collect(), ..package.clone() }
    }

    fn print(&self, package: &Package, depot: &Path, julias: &[Julia]) -> Result<(), Failure> {
        print(package, depot, julias);
        match &self.name {
            Some(name) if *name == package.name => Ok(print_dependencies(package, depot)?),
            Some(_) => {
                print_details(package, depot, julias);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The Julia of one app.
struct Julia {
    channel: Option<String>,
    /// What it is, or why there is none.
    found: Result<String, String>,
}

/// Native programs need a Julia for its libraries alone; what else they need is looked for, too.
fn julias(toolchains: &mut Toolchains, package: &Package, depot: &Path, channels: &Channels) -> Vec<Julia> {
    let directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let mut julia = |app: &App| {
        let recorded = app.recorded(&package.uuid, channels);
        let variable = |name: &str| std::env::var_os(name);
        let found = if package.native {
            jll::julia(depot, package, &app.name, &variable)
        } else {
            let (channel, project, program) = (None, None, None);
            let (app, variable) = (Some(&recorded), &variable);
            toolchains.select(&Request { channel, directory: &directory, project, program, app, variable })
        };
        let said = |found: Selection| match found.note {
            Some(note) => Err(note.to_string()),
            None => Ok(found.binary.display().to_string()),
        };
        let native = package.native.then(|| jll::problem(depot, &app.name)).flatten();
        let found = found.map_err(|error| error.to_string()).and_then(said);
        Julia {
            channel: recorded.channel.map(|channel| channel.to_string()),
            found: native.map_or(found, |problem| Err(problem.to_string())),
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
    println!("{}{version}{from}{}", package.name, if package.pinned { " pinned" } else { "" });
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

/// What is told of a single app.
fn print_details(package: &Package, depot: &Path, julias: &[Julia]) {
    for (app, julia) in package.apps.iter().zip(julias) {
        let shim = shim_path(depot, &app.name);
        let missing = if shim.exists() { "" } else { ", which is missing; `jlapp shims` makes it" };
        println!("    command: {}{missing}", shim.display());
        println!("    environment: {}", package.environment(depot).display());
        if let Ok(julia) = &julia.found {
            println!("    Julia: {julia}");
        }
    }
}

/// What the environment of one package holds beside it.
fn print_dependencies(package: &Package, depot: &Path) -> Result<(), Failure> {
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
            native: package.native,
            pinned: package.pinned,
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

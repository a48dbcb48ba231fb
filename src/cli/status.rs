//! `jlapp status`: the apps that there are.

use std::path::Path;

use serde::Serialize;

use crate::apps::{App, Apps, Channels, Error, Package, depots};
use crate::exit;
use crate::toolchain::{Request, Selection, Toolchains};

/// Apps of all depots, as Pkg has recorded them.
#[derive(clap::Args)]
pub struct Status {
    /// Only this package, or this app
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
    submodule: Option<&'a str>,
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
                    print(package, &julias);
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

fn print(package: &Package, julias: &[Julia]) {
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
        println!("  {}{channel}{module}{flags}", app.name);
        if let Err(problem) = &julia.found {
            println!("    {problem}");
        }
    }
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
            submodule: app.submodule.as_deref(),
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

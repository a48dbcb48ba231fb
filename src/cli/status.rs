//! `jlapp status`: the apps that there are.

use std::path::Path;

use serde::Serialize;

use crate::apps::{Apps, Error, Package, depots};
use crate::exit;

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
        let (mut apps, mut found, mut lines) = (Apps::default(), false, Vec::new());
        for depot in depots(&|name| std::env::var_os(name)) {
            let record = apps.record(&depot)?;
            for package in record.packages.iter().filter(|package| self.concerns(package)) {
                found = true;
                if self.json {
                    lines.extend(as_json(package, &depot));
                } else {
                    print(package);
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

fn print(package: &Package) {
    let version = package.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
    let from = match (&package.path, &package.repository) {
        (Some(path), _) => format!(" {}", path.display()),
        (None, Some((url, Some(revision)))) => format!(" {url}#{revision}"),
        (None, Some((url, None))) => format!(" {url}"),
        (None, None) => String::new(),
    };
    println!("{}{version}{from}", package.name);
    for app in &package.apps {
        let module = app.submodule.as_ref().map_or(String::new(), |module| format!("  {}.{module}", package.name));
        let flags = if app.julia_flags.is_empty() { String::new() } else { format!("  {}", app.julia_flags.join(" ")) };
        println!("  {}{module}{flags}", app.name);
    }
}

fn as_json(package: &Package, depot: &Path) -> Vec<String> {
    let line = |app: &crate::apps::App| {
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
        })
        .unwrap_or_default()
    };
    package.apps.iter().map(line).collect()
}

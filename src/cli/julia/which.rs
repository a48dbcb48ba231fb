//! `jlapp julia which`.

use std::ffi::{OsStr, OsString};

use clap::Args;
use serde::Serialize;

use super::{print_json, variable};
use crate::apps::recorded;
use crate::cli::failure::Failure;
use crate::name::near_misses;
use crate::toolchain::{App, Request, Selection, Toolchains};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// `+channel`, or the name of an app
    of: Option<String>,
    /// The project of the launch, as for julia
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "@.")]
    project: Option<OsString>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    binary: String,
    arguments: Vec<String>,
    version: Option<String>,
    channel: Option<String>,
    why: String,
    note: Option<String>,
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let word = self.of.as_deref();
        let channel = word.and_then(|word| word.strip_prefix('+'));
        let app = word.filter(|_| channel.is_none()).map(app).transpose()?;
        let directory = std::env::current_dir()?;
        let selection = Toolchains::new().select(&Request {
            channel: channel.map(OsStr::new),
            directory: &directory,
            project: self.project.as_deref(),
            program: None,
            app: app.as_ref(),
            variable: &variable,
        })?;
        if let Some(note) = &selection.note {
            eprintln!("jlapp: {note}");
        }
        let answer = answer(&selection);
        if self.json {
            return print_json(&answer);
        }
        print(&answer);
        Ok(())
    }
}

fn app(name: &str) -> Result<App, Failure> {
    let apps = recorded(&variable)?;
    let near = near_misses(name, apps.iter().map(|app| app.name.as_str()));
    let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    let unknown = || format!("there is no app {name}{near}; write +{name} for a channel");
    let found = apps.iter().find(|app| app.name == name).cloned();
    found.ok_or_else(|| std::io::Error::other(unknown()).into())
}

fn answer(selection: &Selection) -> Answer {
    Answer {
        binary: selection.binary.display().to_string(),
        arguments: selection.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        version: selection.version.as_ref().map(ToString::to_string),
        channel: selection.channel.as_ref().map(ToString::to_string),
        why: selection.why.to_string(),
        note: selection.note.as_ref().map(ToString::to_string),
    }
}

/// The path alone on the first line, for scripts.
fn print(answer: &Answer) {
    println!("{}", answer.binary);
    if !answer.arguments.is_empty() {
        println!("  with the arguments {}", answer.arguments.join(" "));
    }
    let channel = answer.channel.as_ref().map(|channel| format!("channel {channel}"));
    let version = answer.version.as_ref().map(|version| format!("Julia {version}"));
    let what: Vec<String> = channel.into_iter().chain(version).collect();
    if what.is_empty() {
        println!("  {}", answer.why);
    } else {
        println!("  {}: {}", what.join(", "), answer.why);
    }
}

//! `jlapp julia list`.

use clap::Args;
use serde::Serialize;

use super::{place, print_json, progress, variable};
use crate::cli::failure::Failure;
use crate::name::Channel;
use crate::toolchain::install::Installer;
use crate::toolchain::{Error, Held, Installed, Origin, Place, Toolchains, Versions, edit};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// List what can be installed instead
    #[arg(long)]
    available: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One line.
#[derive(Serialize)]
struct Row {
    channel: String,
    /// `tree`, `link` or `alias`.
    kind: &'static str,
    version: Option<String>,
    /// `juliaup` or `jlapp`.
    origin: String,
    default: bool,
    /// Path of the Julia; of an alias that of the channel that it stands for.
    binary: Option<String>,
    arguments: Vec<String>,
    /// Of an alias.
    target: Option<String>,
    /// Whether the Julia is where it should be.
    present: bool,
    /// A newer version, as far as was known when the server was last asked.
    newer: Option<String>,
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let place = place()?;
        if self.available {
            return available(&place, self.json);
        }
        let rows = rows(&place, &Toolchains::new().installed(&place)?);
        if self.json {
            return print_json(&rows);
        }
        if rows.is_empty() {
            println!("no channel is installed; `jlapp julia add release` installs one");
        }
        print(&rows);
        Ok(())
    }
}

fn rows(place: &Place, installed: &Installed) -> Vec<Row> {
    let default = installed.default_channel().map(|(channel, _)| channel);
    let seen = Versions::last_seen(place);
    let row = |(channel, origin, held): (&Channel, Origin, &Held)| {
        let resolved = installed.resolve(channel).ok();
        let version = resolved.as_ref().and_then(|found| found.version.clone());
        let architecture = channel.architecture.unwrap_or_else(edit::own_architecture);
        let newest = seen.as_ref().and_then(|seen| seen.version_of(channel, architecture));
        Row {
            kind: match held {
                Held::Tree { .. } => "tree",
                Held::Link { .. } => "link",
                Held::Alias { .. } => "alias",
            },
            newer: newest.filter(|newest| version.as_ref().is_some_and(|it| it < newest)).map(ToString::to_string),
            version: version.map(|version| version.to_string()),
            origin: origin.to_string(),
            default: Some(channel) == default,
            present: resolved.as_ref().is_some_and(|found| found.binary.is_file()),
            binary: resolved.as_ref().map(|found| found.binary.display().to_string()),
            arguments: resolved.map(|found| found.arguments).unwrap_or_default(),
            target: match held {
                Held::Alias { target, .. } => Some(target.to_string()),
                _ => None,
            },
            channel: channel.to_string(),
        }
    };
    let mut rows: Vec<Row> = installed.channels().map(row).collect();
    rows.sort_by(|one, two| (&one.origin, &one.channel).cmp(&(&two.origin, &two.channel)));
    rows
}

fn print(rows: &[Row]) {
    let width = |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).len()).max().unwrap_or(0);
    let (channels, versions) = (width(|row| &row.channel), width(|row| version(row)));
    let origins = width(|row| &row.origin);
    for row in rows {
        let mark = if row.default { '*' } else { ' ' };
        let text = format!(
            "{mark} {:channels$}  {:versions$}  {:origins$}  {}",
            row.channel,
            version(row),
            row.origin,
            what(row)
        );
        println!("{}", text.trim_end());
    }
    if rows.iter().any(|row| row.default) {
        println!("* the default");
    }
}

fn version(row: &Row) -> &str {
    row.version.as_deref().unwrap_or("-")
}

fn what(row: &Row) -> String {
    let mut words: Vec<String> = row.target.iter().map(|target| format!("= {target}")).collect();
    words.extend(row.binary.clone().filter(|_| row.target.is_none()));
    words.extend(row.arguments.iter().cloned());
    if !row.present {
        words.push("(gone)".into());
    }
    words.extend(row.newer.iter().map(|version| format!("({version} is out)")));
    words.join(" ")
}

/// From the server, else as it was last seen.
fn available(place: &Place, json: bool) -> Result<(), Failure> {
    let mut progress = progress::silent();
    let asked = Installer::new(place, &variable, &mut progress).and_then(|mut installer| installer.versions().cloned());
    let versions = asked.or_else(|error: Error| match Versions::last_seen(place) {
        Some(seen) => {
            eprintln!("jlapp: {error}");
            eprintln!("jlapp: this is what the server had when it was last asked");
            Ok(seen)
        }
        None => Err(error),
    })?;
    let names: Vec<String> = versions.for_architecture(edit::own_architecture()).map(ToString::to_string).collect();
    if json {
        return print_json(&names);
    }
    for name in names {
        println!("{name}");
    }
    Ok(())
}

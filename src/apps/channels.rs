//! What Pkg's record has no place for: the channel of Julia that an app follows, so that an update of Julia doesn't break
//! it. `environments/apps/jlapp.toml`, beside that record.
//!
//! An entry counts as long as Pkg's record says of the app what it said when the entry was made. Whatever Pkg changes is
//! thereby the newer word, and nothing has to be repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Array, Document, DocumentMut, Item, Table, value};

use super::{ENVIRONMENTS, Record};
use crate::name::{Channel, Version};
use crate::sys::files;
use crate::toolchain::Error;

const HEAD: &str = "# Written by jlapp: the channel of Julia that each app follows\n\n";

/// Our own record of one depot, by the apps' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels {
    apps: BTreeMap<String, Followed>,
    /// Packages whose own Manifest.toml their environments were made from, by UUID.
    bundled: BTreeSet<String>,
}

/// The channel of one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub channel: Channel,
    /// The version that the channel had then.
    pub version: Option<Version>,
    /// The package and the Julia that Pkg's record named then.
    uuid: String,
    julia_command: PathBuf,
}

/// Our record in a depot.
pub(super) fn path(depot: &Path) -> PathBuf {
    depot.join(ENVIRONMENTS).join("jlapp.toml")
}

/// What cannot be read says nothing: the Julia that Pkg recorded serves then.
///
/// # Errors
/// None.
#[expect(clippy::unnecessary_wraps, reason = "what reads it may fail for other records")]
pub(super) fn parse(_: &Path, bytes: &[u8]) -> Result<Channels, Error> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let document = Document::parse(text).ok();
    let apps = document.as_ref().and_then(|document| document.as_table().get("apps")).and_then(Item::as_table_like);
    let entries = apps.into_iter().flat_map(|apps| apps.iter());
    let bundled = document.as_ref().and_then(|document| document.as_table().get("bundled")).and_then(Item::as_array);
    Ok(Channels {
        apps: entries.filter_map(|(name, item)| Some((name.to_owned(), followed(item)?))).collect(),
        bundled: bundled.into_iter().flatten().filter_map(|uuid| uuid.as_str().map(str::to_owned)).collect(),
    })
}

fn followed(item: &Item) -> Option<Followed> {
    let text = |key: &str| item.get(key).and_then(Item::as_str);
    Some(Followed {
        channel: text("channel")?.parse().ok()?,
        version: text("version").and_then(|version| version.parse().ok()),
        uuid: text("uuid")?.to_owned(),
        julia_command: text("julia_command")?.into(),
    })
}

impl Channels {
    /// The channel that an app of Pkg's record follows, if that still says what it said.
    pub fn of(&self, uuid: &str, app: &str, julia_command: Option<&Path>) -> Option<&Followed> {
        self.apps.get(app).filter(|entry| entry.uuid == uuid && Some(entry.julia_command.as_path()) == julia_command)
    }

    /// Notes that an app follows a channel, or none.
    pub(super) fn follow(
        &mut self,
        (uuid, app): (&str, &str),
        julia_command: &Path,
        channel: Option<&Channel>,
        version: Option<&Version>,
    ) {
        let entry = |channel: &Channel| Followed {
            channel: channel.clone(),
            version: version.cloned(),
            uuid: uuid.to_owned(),
            julia_command: julia_command.to_owned(),
        };
        match channel.map(entry) {
            Some(entry) => self.apps.insert(app.to_owned(), entry),
            None => self.apps.remove(app),
        };
    }

    /// Whether a package's environment was made from its own Manifest.toml.
    pub fn is_bundled(&self, uuid: &str) -> bool {
        self.bundled.contains(uuid)
    }

    /// Notes that, or the opposite.
    pub(super) fn bundle(&mut self, uuid: &str, bundled: bool) {
        if bundled {
            self.bundled.insert(uuid.to_owned());
        } else {
            self.bundled.remove(uuid);
        }
    }

    /// What concerns recorded apps, as the file has it; empty where there is nothing to be said.
    pub(super) fn text(&self, record: &Record) -> String {
        let mut document = DocumentMut::new();
        let is_there = |uuid: &&String| record.packages.iter().any(|package| package.uuid == **uuid);
        let bundled: Array = self.bundled.iter().filter(is_there).collect();
        if !bundled.is_empty() {
            document.insert("bundled", value(bundled));
        }
        let mut apps = Table::new();
        apps.set_implicit(true);
        for (name, entry) in self.apps.iter().filter(|(name, _)| record.app(name).is_some()) {
            let mut table = Table::new();
            table.insert("channel", value(entry.channel.to_string()));
            if let Some(version) = &entry.version {
                table.insert("version", value(version.to_string()));
            }
            table.insert("uuid", value(&entry.uuid));
            table.insert("julia_command", value(entry.julia_command.display().to_string()));
            apps.insert(name, Item::Table(table));
        }
        if !apps.is_empty() {
            document.insert("apps", Item::Table(apps));
        }
        if document.is_empty() { String::new() } else { format!("{HEAD}{document}") }
    }

    /// Writes such a text.
    ///
    /// # Errors
    /// It could not be written; what was there before is still there.
    pub(super) fn write(depot: &Path, text: &str) -> Result<(), Error> {
        let path = path(depot);
        if text.is_empty() && !path.exists() {
            return Ok(());
        }
        let text = if text.is_empty() { HEAD } else { text };
        files::replace(&path, text.as_bytes()).map_err(|error| Error::app_file("cannot write", &path, &error))
    }

    /// Reads our record; nothing where there is none.
    pub(super) fn read(depot: &Path) -> Self {
        let bytes = fs::read(path(depot)).unwrap_or_default();
        parse(depot, &bytes).unwrap_or_default()
    }
}

//! What Pkg's record has no place for: the channel of Julia that an app follows, so that an update of Julia doesn't break
//! it. `environments/apps/jlapp.toml`, beside that record.
//!
//! An entry counts as long as Pkg's record says of the app what it said when the entry was made. Whatever Pkg changes is
//! thereby the newer word, and nothing has to be repaired.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Document, DocumentMut, Item, Table, value};

use super::{ENVIRONMENTS, Record};
use crate::name::{Channel, Version};
use crate::sys::files;
use crate::toolchain::Error;

/// Our own record of one depot, by the apps' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels(BTreeMap<String, Followed>);

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
    Ok(Channels(entries.filter_map(|(name, item)| Some((name.to_owned(), followed(item)?))).collect()))
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
        self.0.get(app).filter(|entry| entry.uuid == uuid && Some(entry.julia_command.as_path()) == julia_command)
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
            Some(entry) => self.0.insert(app.to_owned(), entry),
            None => self.0.remove(app),
        };
    }

    /// Writes what concerns recorded apps.
    ///
    /// # Errors
    /// It could not be written; what was there before is still there.
    pub(super) fn write(&self, depot: &Path, record: &Record) -> Result<(), Error> {
        let mut document = DocumentMut::new();
        let mut apps = Table::new();
        apps.set_implicit(true);
        for (name, entry) in self.0.iter().filter(|(name, _)| record.app(name).is_some()) {
            let mut table = Table::new();
            table.insert("channel", value(entry.channel.to_string()));
            if let Some(version) = &entry.version {
                table.insert("version", value(version.to_string()));
            }
            table.insert("uuid", value(&entry.uuid));
            table.insert("julia_command", value(entry.julia_command.display().to_string()));
            apps.insert(name, Item::Table(table));
        }
        let path = path(depot);
        if apps.is_empty() && !path.exists() {
            return Ok(());
        }
        document.insert("apps", Item::Table(apps));
        let text = format!("# Written by jlapp: the channel of Julia that each app follows\n\n{document}");
        files::replace(&path, text.as_bytes()).map_err(|error| Error::file("cannot write", &path, &error))
    }

    /// Reads our record; nothing where there is none.
    pub(super) fn read(depot: &Path) -> Self {
        let bytes = fs::read(path(depot)).unwrap_or_default();
        parse(depot, &bytes).unwrap_or_default()
    }
}

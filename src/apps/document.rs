//! Pkg's record as a document that is changed: what others have put into it stays.

use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::{App, Declared, Entry};
use crate::toolchain::Error;

/// What a new record begins with, as Pkg has it.
pub(super) const HEAD: &str =
    "# This file is machine-generated - editing it directly is not advised\n\nmanifest_format = \"2.0\"\n";

/// What says where a package comes from and which apps it has.
const OURS: [&str; 9] =
    ["git-tree-sha1", "repo-url", "repo-rev", "repo-subdir", "entryfile", "pinned", "apps", "version", "path"];

pub(super) struct RecordDocument(DocumentMut);

impl RecordDocument {
    /// # Errors
    /// It is no TOML.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let document = text.parse();
        document.map(Self).map_err(|error| Error::failed(path.display().to_string(), error, "nothing was changed"))
    }

    /// In the order of names, as Pkg writes it.
    pub(super) fn text(&self) -> String {
        let mut document = self.0.clone();
        let mut next = 0;
        if let Some(packages) = document.get_mut("deps").and_then(Item::as_table_mut) {
            packages.sort_values();
            packages.iter_mut().for_each(|(_, item)| put_in_order(item, &mut next));
        }
        document.to_string()
    }

    /// Records a package in place of what was recorded of it, with the Julia that its apps start.
    pub(super) fn record(&mut self, declared: &Declared, source: &Entry, julia: &Path) {
        let mut entry = self.take(&declared.name, &declared.uuid).unwrap_or_default();
        for key in OURS {
            entry.remove(key);
        }
        let texts = [
            ("git-tree-sha1", &source.tree_hash),
            ("path", &source.path),
            ("repo-url", &source.repo_url),
            ("repo-rev", &source.repo_rev),
            ("repo-subdir", &source.repo_subdir),
            ("version", &source.version),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                entry.insert(key, value(text));
            }
        }
        entry.insert("uuid", value(&declared.uuid));
        entry.sort_values();
        let mut apps = Table::new();
        apps.set_implicit(true);
        for app in &declared.apps {
            apps.insert(&app.name, Item::Table(app_table(app, julia)));
        }
        entry.insert("apps", Item::Table(apps));
        self.put(&declared.name, entry);
    }

    /// Says that a package stays at its version, or no longer.
    pub(super) fn pin(&mut self, name: &str, uuid: &str, pinned: bool) {
        let Some(mut entry) = self.take(name, uuid) else { return };
        if pinned {
            entry.insert("pinned", value(true));
        } else {
            entry.remove("pinned");
        }
        self.put(name, entry);
    }

    /// Takes a package's entry out.
    pub(super) fn take(&mut self, name: &str, uuid: &str) -> Option<Table> {
        let packages = self.packages();
        let entries = packages.get_mut(name)?.as_array_of_tables_mut()?;
        let at = entries.iter().position(|entry| entry.get("uuid").and_then(Item::as_str) == Some(uuid))?;
        let entry = entries.get(at).cloned();
        entries.remove(at);
        if entries.is_empty() {
            packages.remove(name);
        }
        entry
    }

    /// Takes one app out, and its package with the last one.
    pub(super) fn take_app(&mut self, name: &str, uuid: &str, app: &str) {
        let Some(mut entry) = self.take(name, uuid) else { return };
        let apps = entry.get_mut("apps").and_then(Item::as_table_like_mut);
        let left = apps.is_some_and(|apps| {
            apps.remove(app);
            !apps.is_empty()
        });
        if left {
            self.put(name, entry);
        }
    }

    fn put(&mut self, name: &str, entry: Table) {
        let entries = self.packages().entry(name).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(entries) = entries.as_array_of_tables_mut() {
            entries.push(entry);
        }
    }

    fn packages(&mut self) -> &mut Table {
        let deps = self.0.entry("deps").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        if !deps.is_table() {
            *deps = Item::Table(Table::new());
        }
        #[expect(clippy::expect_used, reason = "it has just been made one")]
        deps.as_table_mut().expect("a table")
    }
}

/// Tables are printed by their positions, which those that were read have from there.
fn put_in_order(item: &mut Item, next: &mut isize) {
    let tables: Vec<&mut Table> = match item {
        Item::Table(table) => vec![table],
        Item::ArrayOfTables(tables) => tables.iter_mut().collect(),
        Item::None | Item::Value(_) => Vec::new(),
    };
    for table in tables {
        table.set_position(Some(*next));
        *next += 1;
        table.iter_mut().for_each(|(_, item)| put_in_order(item, next));
    }
}

fn app_table(app: &App, julia: &Path) -> Table {
    let mut table = Table::new();
    table.insert("julia_command", value(julia.display().to_string()));
    if !app.julia_flags.is_empty() {
        table.insert("julia_flags", value(app.julia_flags.iter().map(Value::from).collect::<Array>()));
    }
    if let Some(submodule) = &app.submodule {
        table.insert("submodule", value(submodule));
    }
    table
}

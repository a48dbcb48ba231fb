//! What is to be done, written down: `environments/apps/.jlapp.commit`, there only while apps are changed or after a command
//! was killed.

use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, TableLike, value};

use super::ENVIRONMENTS;
use super::commit::{Commit, Move, Texts};

pub(super) fn path(depot: &Path) -> PathBuf {
    depot.join(ENVIRONMENTS).join(".jlapp.commit")
}

/// The file.
pub(super) fn text(commit: &Commit) -> String {
    let mut document = DocumentMut::new();
    let words = |words: Vec<String>| value(words.into_iter().collect::<Array>());
    document.insert("gone", words(commit.gone.clone()));
    document.insert("come", words(commit.come.clone()));
    document.insert("removed", words(commit.removed.iter().map(|path| path.display().to_string()).collect()));
    document.insert("before", Item::Table(texts(&commit.before)));
    document.insert("after", Item::Table(texts(&commit.after)));
    let moves: ArrayOfTables = commit.moves.iter().map(move_table).collect();
    document.insert("moves", Item::ArrayOfTables(moves));
    document.to_string()
}

fn texts(texts: &Texts) -> Table {
    let mut table = Table::new();
    for (key, text) in [("apps", &texts.apps), ("natives", &texts.natives), ("channels", &texts.channels)] {
        table.insert(key, value(text));
    }
    table
}

fn move_table(moved: &Move) -> Table {
    let mut table = Table::new();
    table.insert("place", value(moved.place.display().to_string()));
    table.insert("from", value(moved.from.display().to_string()));
    table.insert("inode", value(moved.inode.cast_signed()));
    table
}

/// Nothing where it is not what [`text`] writes: then nothing had been begun.
pub(super) fn parse(text: &str) -> Option<Commit> {
    let document: DocumentMut = text.parse().ok()?;
    let list = |key: &str| -> Option<Vec<String>> {
        document.get(key)?.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let moves = document.get("moves").and_then(Item::as_array_of_tables);
    Some(Commit {
        before: read_texts(document.get("before")?.as_table_like()?)?,
        after: read_texts(document.get("after")?.as_table_like()?)?,
        moves: moves.into_iter().flatten().map(read_move).collect::<Option<_>>()?,
        removed: list("removed")?.into_iter().map(PathBuf::from).collect(),
        gone: list("gone")?,
        come: list("come")?,
    })
}

fn read_texts(table: &dyn TableLike) -> Option<Texts> {
    let text = |key: &str| table.get(key)?.as_str().map(str::to_owned);
    Some(Texts { apps: text("apps")?, natives: text("natives")?, channels: text("channels")? })
}

fn read_move(table: &Table) -> Option<Move> {
    let path = |key: &str| table.get(key)?.as_str().map(PathBuf::from);
    Some(Move { place: path("place")?, from: path("from")?, inode: table.get("inode")?.as_integer()?.cast_unsigned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back() {
        let texts = |apps: &str| Texts { apps: apps.into(), natives: "ä\\\"\n".into(), channels: String::new() };
        let commit = Commit {
            before: texts("# a\n\n[[deps.X]]\nuuid = \"\"\"1\"\"\"\n"),
            after: Texts::default(),
            moves: vec![Move { place: "e/X".into(), from: "e/a b/.jlapp-1-0".into(), inode: u64::MAX - 1 }],
            removed: vec!["e/Y".into()],
            gone: vec!["x".into(), "y".into()],
            come: vec![],
        };
        assert_eq!(parse(&text(&commit)), Some(commit));
        assert_eq!(parse("before = 1"), None);
        let whole = text(&Commit::default());
        assert_eq!(parse(&whole), Some(Commit::default()));
    }
}

//! The Julia programs that have Pkg make environments, and what they say in the end.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item};

use crate::toolchain::Error;

/// Makes environments; its head says how it is run.
pub const RESOLVE: &str = include_str!("julia/resolve.jl");
/// Gets what a package in the user's own folder depends on.
pub const INSTANTIATE: &str = include_str!("julia/instantiate.jl");
/// Makes one ready to be launched from.
pub const PREPARE: &str = include_str!("julia/prepare.jl");

/// What [`RESOLVE`] says of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Where the source of the package lies.
    pub source: PathBuf,
    /// There are no apps in it, so that nothing else was done.
    pub refused: bool,
    /// It could not be made, which has been said.
    pub failed: bool,
}

impl Resolved {
    /// Reads them, in the order in which they were asked for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Vec<Self>, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::app_file("cannot read", path, &error))?;
        let document = Document::parse(text.as_str())
            .map_err(|error| Error::failed(format!("cannot read {}", path.display()), error, "nothing was changed"))?;
        let tables = document.as_table().get("package").and_then(Item::as_array_of_tables);
        let one = |table: &toml_edit::Table| Self {
            source: table.get("source").and_then(Item::as_str).unwrap_or_default().into(),
            refused: table.contains_key("refused"),
            failed: table.contains_key("failed"),
        };
        Ok(tables.into_iter().flatten().map(one).collect())
    }
}

//! `jlapp new`: a package with an app to begin with.

use std::path::{Path, PathBuf};

use crate::apps::{Error, New as Made, new_package};

/// A complete package with an app, tests and README, ready for `jlapp dev`.
#[derive(clap::Args)]
pub struct New {
    /// The package's name, like MyTool
    name: String,
    /// Where to make it, in place of a folder of its name here
    #[arg(long, value_name = "folder")]
    path: Option<PathBuf>,
}

impl New {
    pub fn run(&self) -> i32 {
        match self.make() {
            Ok(Made { folder, app }) => {
                println!("{} has the app {app}", folder.display());
                println!("  jlapp dev {}", quoted(&folder));
                0
            }
            Err(error) => {
                eprintln!("jlapp: {error}");
                error.exit_status()
            }
        }
    }

    fn make(&self) -> Result<Made, Error> {
        let folder = self.path.clone().unwrap_or_else(|| self.name.clone().into());
        Ok(new_package(&self.name, &folder)?)
    }
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.chars().all(|letter| letter.is_alphanumeric() || "/._-+".contains(letter));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

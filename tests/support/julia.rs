//! The Julia that the suites run: `$JULIA`, else what `.ci/get-julia` finds or makes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Absolute path of the Julia executable.
///
/// # Panics
/// There is none, and none could be had.
pub fn julia() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match std::env::var_os("JULIA").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => ask_script(),
    })
}

fn ask_script() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/get-julia");
    let output = Command::new(&script).stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} found no Julia; set JULIA to the path of one", script.display());
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
}

/// Its version, major and minor.
///
/// # Panics
/// It does not run.
pub fn version() -> (u32, u32) {
    static VERSION: OnceLock<(u32, u32)> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let output = Command::new(julia()).arg("--version").stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut numbers = text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|part| part.parse().ok());
        (numbers.next().unwrap(), numbers.next().unwrap())
    })
}

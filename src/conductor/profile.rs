//! What is known of a program from earlier launches, kept over the conductor's end: how often it ran, and the methods that it
//! had to compile.
//!
//! One file per program in `<state folder>/jlapp/profiles`, replaced as a whole. One that cannot be read says nothing and is
//! written anew; none is ever needed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key::Key;
use crate::sys::files;

/// Bounds of one profile.
const MOST_NOTES: usize = 5000;
const MOST_BYTES: u64 = 2 << 20;
/// Bounds of all.
const MOST_PROFILES: usize = 500;
const LONGEST: Duration = Duration::from_secs(60 * 24 * 3600);

/// What is known of one program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// Which program; two may share a file name. Expressions may hold secrets, so of those it is a digest.
    key: String,
    pub(super) uses: u64,
    /// `precompile(…)` expressions, as Julia writes them with `--trace-compile`.
    pub(super) notes: BTreeSet<String>,
}

impl Profile {
    /// Adds what a launch had to compile; tells whether any of it is news.
    pub(super) fn add(&mut self, text: &[u8]) -> bool {
        let before = self.notes.len();
        // A job that was killed may have left half a line.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &text[..end]);
        for line in String::from_utf8_lossy(whole).lines().filter(|line| line.starts_with("precompile(")) {
            if self.notes.len() < MOST_NOTES {
                self.notes.insert(line.to_owned());
            }
        }
        self.notes.len() > before
    }
}

/// Where profiles are kept.
pub(super) struct Profiles {
    folder: Option<PathBuf>,
}

impl Profiles {
    pub(super) fn new() -> Self {
        let folder = dirs::state_dir().or_else(|| dirs::home_dir().map(|home| home.join(".local/state")));
        Self { folder: folder.map(|folder| folder.join("jlapp/profiles")) }
    }

    /// What is known of a program; nothing where there is no file, or none that can be understood.
    pub(super) fn load(&self, key: &Key) -> Profile {
        let (name, words) = name(key);
        let empty = Profile { key: words.clone(), ..Profile::default() };
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(name)) else { return empty };
        if fs::metadata(&path).map_or(0, |found| found.len()) > MOST_BYTES {
            return empty;
        }
        let profile = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Profile>(&bytes).ok());
        profile.filter(|profile| profile.key == words).unwrap_or(empty)
    }

    /// Writes a profile, elsewhere than on this thread: a full or slow disk is no launch's business.
    pub(super) fn store(&self, key: &Key, profile: &Profile) {
        let Some(folder) = self.folder.clone() else { return };
        let path = folder.join(name(key).0);
        let Ok(bytes) = serde_json::to_vec(profile) else { return };
        std::thread::spawn(move || {
            if files::private_folder(&folder).is_ok() && files::replace(&path, &bytes).is_ok() {
                forget_old(&folder);
            }
        });
    }
}

/// The file of a program's profile, and what it has to say inside. Neither the Julia's inode nor the environment belongs to
/// it: notes that mean nothing any more are passed over.
fn name(key: &Key) -> (String, String) {
    let lasting = key.program.as_ref().map(|program| program.lasting());
    let words = format!("{} {:?} {lasting:?}", key.julia.path.display(), key.switches);
    let mut digest = String::new();
    for byte in Sha256::digest(&words) {
        // A formatted `String` cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    let is_text = key.program.as_ref().is_some_and(|program| program.is_text());
    (format!("{}.json", &digest[..16]), if is_text { digest } else { words })
}

fn forget_old(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(SystemTime, PathBuf)> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    found.sort();
    let surplus = found.len().saturating_sub(MOST_PROFILES);
    for (at, (modified, path)) in found.iter().enumerate() {
        if at < surplus || modified.elapsed().is_ok_and(|age| age > LONGEST) {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_whole_lines_and_counted_once() {
        let mut profile = Profile::default();
        assert!(profile.add(b"precompile(Tuple{typeof(Main.f), Int64})\n#= no note =#\nprecompile(Tuple{typ"));
        assert_eq!(profile.notes.len(), 1);
        assert!(!profile.add(b"precompile(Tuple{typeof(Main.f), Int64})\n"));
        for n in 0..2 * MOST_NOTES {
            profile.add(format!("precompile(Tuple{{{n}}})\n").as_bytes());
        }
        assert_eq!(profile.notes.len(), MOST_NOTES);
    }
}

//! What a native program is run with, as `apps::jll` has worked it out: a file that needs no parser.
//!
//! Texts that end in NUL: a mark, the depot, the program, folders for `PATH` and for `LD_LIBRARY_PATH`, then files and
//! their stamps, and the mark again. It holds as long as the depot lies where it lay and all those files are what they were.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

const MARK: &str = "jlapp native 1";

/// Where plans are, in a depot. No package has this name: they begin with a letter.
const FOLDER: &str = "environments/jlapp/_native";

/// A native program and its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub depot: PathBuf,
    pub program: PathBuf,
    /// These come before the user's, parted by colons.
    pub path: OsString,
    pub library_path: OsString,
    /// What the rest was made from.
    pub sources: Vec<PathBuf>,
}

/// Where the plan of an app is, in a depot.
pub fn place(depot: &Path, app: &OsStr) -> PathBuf {
    depot.join(FOLDER).join(app)
}

/// Whether there is a plan for an app that still holds.
pub fn holds(depot: &Path, app: &OsStr) -> bool {
    Plan::read(depot, app).is_some()
}

impl Plan {
    /// The plan as a file, with the stamps that its sources have now.
    pub fn encode(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let stamped =
            self.sources.iter().flat_map(|path| [path.as_os_str().to_owned(), stamp(path).unwrap_or_default().into()]);
        let mark = || OsStr::new(MARK);
        let head = [
            mark(),
            self.depot.components().as_path().as_os_str(),
            self.program.as_ref(),
            &self.path,
            &self.library_path,
        ];
        for field in head.map(OsStr::to_owned).into_iter().chain(stamped).chain([mark().to_owned()]) {
            all.extend(field.into_vec());
            all.push(0);
        }
        all
    }

    /// Reads the plan of an app; nothing where it has none, or one that holds no more.
    pub(super) fn read(depot: &Path, app: &OsStr) -> Option<Self> {
        let bytes = fs::read(place(depot, app)).ok()?;
        Self::decode(&bytes).filter(|plan| plan.depot == depot)
    }

    /// Nothing where a file holds no plan, not all of one, or one of files that have changed.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = bytes.strip_suffix(b"\0")?.split(|byte| *byte == 0).map(OsStr::from_bytes);
        let mut next = || fields.next();
        next().filter(|mark| *mark == MARK)?;
        let (depot, program, path, library_path) = (next()?, next()?, next()?, next()?);
        let mut sources = Vec::new();
        loop {
            let source = next()?;
            let Some(known) = next() else {
                let plan = Self {
                    depot: depot.into(),
                    program: program.into(),
                    path: path.to_owned(),
                    library_path: library_path.to_owned(),
                    sources,
                };
                return (source == MARK).then_some(plan);
            };
            if stamp(Path::new(source)).unwrap_or_default() != known.to_str()? {
                return None;
            }
            sources.push(source.into());
        }
    }
}

/// What tells one state of a file from another; nothing where there is none.
fn stamp(path: &Path) -> Option<String> {
    let found = rustix::fs::stat(path).ok()?;
    // A folder changes with what is put into it; that it is there is all that counts.
    let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
    let (size, time) = if is_folder { (0, (0, 0)) } else { (found.st_size, (found.st_mtime, found.st_mtime_nsec)) };
    Some(format!("{}:{}:{size}:{}.{}", found.st_dev, found.st_ino, time.0, time.1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_plan_holds_as_long_as_its_sources() {
        let file = std::env::temp_dir().join(format!("jlapp-plan-{}", std::process::id()));
        fs::write(&file, "1").unwrap();
        let plan = Plan {
            depot: "/d".into(),
            program: "/d/a b".into(),
            path: "/x:/y".into(),
            library_path: OsString::from_vec(b"\xff".to_vec()),
            sources: vec![file.clone(), "/nowhere".into()],
        };
        let bytes = plan.encode();
        assert_eq!(Plan::decode(&bytes), Some(plan));
        fs::write(&file, "22").unwrap();
        assert_eq!(Plan::decode(&bytes), None);
        fs::remove_file(&file).unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(Plan::decode(&bytes[..cut]), None);
        }
    }
}

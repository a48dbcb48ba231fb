//! What a native program is run with, as `apps::jll` has worked it out: a file that needs no parser.
//!
//! Texts that end in NUL: a mark, the depot, the program, folders for `PATH` and for `LD_LIBRARY_PATH`, then files and
//! their stamps, and the mark again. It holds as long as the depot lies where it lay and all those files are what they were.

use std::ffi::{CStr, OsStr, OsString};
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::sys::freestanding::Text;

const MARK: &CStr = c"jlapp native 1";
const MARK_AT_END: &[u8] = b"\0jlapp native 1\0";

/// Where plans are, in a depot. No package has this name: they begin with a letter.
pub(super) const FOLDER: &str = "environments/jlapp/_native";

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
        let stamped = self.sources.iter().flat_map(|path| {
            [
                path.as_os_str().to_owned(),
                OsString::from_vec(stamp(path).as_ref().map_or(&[][..], Text::bytes).to_owned()),
            ]
        });
        let mark = || OsStr::from_bytes(MARK.to_bytes());
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

    fn decode(bytes: &[u8]) -> Option<Self> {
        let plan = Fields::of(bytes).filter(Fields::holds)?;
        let text = |field: &CStr| OsString::from_vec(field.to_bytes().to_owned());
        Some(Self {
            depot: text(plan.depot).into(),
            program: text(plan.program).into(),
            path: text(plan.path),
            library_path: text(plan.library_path),
            sources: plan.sources().map(|(source, _)| text(source).into()).collect(),
        })
    }
}

/// A plan as it stands in its file. Also for programs without the C library.
pub(super) struct Fields<'a> {
    pub(super) depot: &'a CStr,
    pub(super) program: &'a CStr,
    pub(super) path: &'a CStr,
    pub(super) library_path: &'a CStr,
    sources: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Nothing where a file holds no plan, or not all of one.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_suffix(MARK_AT_END.get(1..)?).filter(|rest| rest.ends_with(b"\0"))?;
        next(&mut rest).filter(|mark| *mark == MARK)?;
        let mut field = || next(&mut rest);
        let (depot, program, path, library_path) = (field()?, field()?, field()?, field()?);
        Some(Self { depot, program, path, library_path, sources: rest })
    }

    /// Files and their stamps.
    fn sources(&self) -> impl Iterator<Item = (&'a CStr, &'a CStr)> {
        let mut rest = self.sources;
        std::iter::from_fn(move || Some((next(&mut rest)?, next(&mut rest).unwrap_or_default())))
    }

    /// Whether all files are what they were.
    pub(super) fn holds(&self) -> bool {
        self.sources().all(|(source, known)| {
            let found = stamp(source);
            found.as_ref().map_or(&[][..], Text::bytes) == known.to_bytes()
        })
    }
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a CStr> {
    let field = CStr::from_bytes_until_nul(rest).ok()?;
    *rest = rest.get(field.count_bytes() + 1..)?;
    Some(field)
}

/// What tells one state of a file from another; nothing where there is none.
fn stamp(path: impl rustix::path::Arg) -> Option<Text<128>> {
    let found = rustix::fs::stat(path).ok()?;
    // A folder changes with what is put into it; that it is there is all that counts.
    let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
    let (size, time) = if is_folder { (0, (0, 0)) } else { (found.st_size, (found.st_mtime, found.st_mtime_nsec)) };
    let mut text = Text::of(&[])?;
    write!(text, "{}:{}:{size}:{}.{}", found.st_dev, found.st_ino, time.0, time.1).ok()?;
    Some(text)
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

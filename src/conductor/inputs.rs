//! The files that a branch was made from, and whether all of them are still what they were.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that was changed within so long before it was read may change once more without its times telling: file systems
/// count time in steps.
const SETTLING: Duration = Duration::from_secs(2);

/// Device, inode, size, and both times of change in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

/// In front of a file whose times mean nothing (`TOUCHED` in src/worker/julia/branch.jl).
const TOUCHED: &[u8] = b"touched:";

/// A file, or the place of one that was not there.
#[derive(Debug)]
struct Input {
    path: PathBuf,
    /// Its times are not compared.
    is_touched: bool,
    stamp: Option<Stamp>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Inputs(Vec<Input>);

impl Inputs {
    /// The files as they are now, if they are as they were at `since`, before any was read.
    ///
    /// # Errors
    /// One that was changed later, or shortly before.
    pub(super) fn settled(files: &[Vec<u8>], since: SystemTime) -> Result<Self, PathBuf> {
        let limit = since.checked_sub(SETTLING).unwrap_or(SystemTime::UNIX_EPOCH);
        let limit = limit.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().cast_signed();
        let mut inputs = Vec::with_capacity(files.len());
        for file in files {
            let (is_touched, file) = file.strip_prefix(TOUCHED).map_or((false, &file[..]), |file| (true, file));
            let path = PathBuf::from(OsStr::from_bytes(file));
            let stamp = stamp(&path, is_touched);
            if stamp.is_some_and(|(_, _, _, modified, changed)| modified >= limit || changed >= limit) {
                return Err(path);
            }
            inputs.push(Input { path, is_touched, stamp });
        }
        Ok(Self(inputs))
    }

    /// The first that is not what it was.
    pub(super) fn changed(&self) -> Option<&Path> {
        self.0
            .iter()
            .find(|input| stamp(&input.path, input.is_touched) != input.stamp)
            .map(|input| input.path.as_path())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn stamp(path: &Path, is_touched: bool) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    let ns = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    if is_touched {
        return Some((found.dev(), found.ino(), found.size(), 0, 0));
    }
    let (modified, changed) = (ns(found.mtime(), found.mtime_nsec()), ns(found.ctime(), found.ctime_nsec()));
    Some((found.dev(), found.ino(), found.size(), modified, changed))
}

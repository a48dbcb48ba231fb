//! Files that are read again only when they have changed.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Error;

/// What tells one state of a file from another: device, inode, size, and times of change in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    /// File systems count time in steps: a file changed a moment ago may change once more within the same step.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let changed = Duration::from_secs(self.changed.0.max(0).unsigned_abs());
        now.checked_sub(changed).is_some_and(|age| age > Duration::from_secs(3))
    }
}

/// The file is not there, nor may its folder be.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a file says; the default where there is no file.
#[derive(Debug)]
pub struct Cached<T> {
    /// `None`: there was no file.
    stamp: Option<Stamp>,
    settled: bool,
    value: Option<Arc<T>>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { stamp: None, settled: false, value: None }
    }
}

impl<T: Default> Cached<T> {
    /// One `stat` where nothing has changed; else the file is read and parsed.
    ///
    /// # Errors
    /// The file cannot be read, or `parse` says what is wrong with it.
    pub fn read(&mut self, path: &Path, parse: fn(&Path, &[u8]) -> Result<T, Error>) -> Result<Arc<T>, Error> {
        // Before it is read: a change in between is then seen the next time.
        let stamp = match fs::metadata(path) {
            Ok(found) => Some(Stamp::of(&found)),
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(Error::file("cannot read", path, &error)),
        };
        if let Some(value) = self.value.as_ref().filter(|_| self.stamp == stamp && (self.settled || stamp.is_none())) {
            return Ok(Arc::clone(value));
        }
        let value = match stamp {
            None => T::default(),
            Some(_) => match fs::read(path) {
                Ok(bytes) => parse(path, &bytes)?,
                Err(error) if is_absent(&error) => T::default(),
                Err(error) => return Err(Error::file("cannot read", path, &error)),
            },
        };
        let value = Arc::new(value);
        *self = Self { stamp, settled: stamp.is_some_and(|stamp| stamp.is_settled()), value: Some(Arc::clone(&value)) };
        Ok(value)
    }
}

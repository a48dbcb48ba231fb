//! The files that a branch was made from, and whether they are still what they were.

use std::ffi::{CStr, CString, OsStr};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, openat, stat, statat};

use super::held::Held;

/// A file that was changed within so long before it was read may change once more without its times telling: file systems
/// count time in steps.
pub(super) const SETTLING: Duration = Duration::from_secs(2);

/// In front of a file whose times mean nothing (`TOUCHED` in src/worker/julia/branch.jl).
const TOUCHED: &[u8] = b"touched:";

/// What tells a file from all others and from what it was. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: i64,
    /// 0 where times are not compared, and `modified` too.
    changed: i64,
}

impl Stamp {
    pub(super) fn of(found: &Stat) -> Self {
        let time =
            |seconds: i64, nanoseconds: u64| seconds.saturating_mul(1_000_000_000).saturating_add_unsigned(nanoseconds);
        Self {
            device: found.st_dev,
            inode: found.st_ino,
            size: found.st_size.cast_unsigned(),
            modified: time(found.st_mtime, found.st_mtime_nsec),
            changed: time(found.st_ctime, found.st_ctime_nsec),
        }
    }

    /// Of what this path leads to; `None` where that is nothing.
    pub(super) fn of_folder(path: &Path) -> Option<Self> {
        stat(path).ok().as_ref().map(Self::of)
    }

    /// Whether the kernel has seen its last change before this time, in nanoseconds since 1970.
    pub(super) fn is_before(&self, time: i64) -> bool {
        self.changed < time
    }

    fn without_times(self) -> Self {
        Self { modified: 0, changed: 0, ..self }
    }
}

/// A file, or the place of one that was not there.
#[derive(Debug)]
struct Input {
    stamp: Option<Stamp>,
    /// Where its name starts, and in which folder that is.
    name: usize,
    folder: usize,
    /// Its times are not compared.
    is_touched: bool,
}

/// All of them, side by side in memory: there may be a thousand, looked at before each launch.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    folders: Vec<PathBuf>,
    /// Ended by a zero each.
    names: Vec<u8>,
    files: Vec<Input>,
    /// While they are looked at again and again.
    held: Mutex<Option<Arc<Held>>>,
    /// Another thread is about to hold them.
    is_being_held: AtomicBool,
}

impl Inputs {
    /// The files as they are now, if they are as they were at `since`, before any was read.
    ///
    /// The kernel itself dates a file's last change of any kind; its time of modification anybody may set, to a time to come,
    /// too.
    ///
    /// # Errors
    /// One that was changed later, or shortly before.
    pub(super) fn settled(files: &[Vec<u8>], since: SystemTime) -> Result<Self, PathBuf> {
        let limit = since.checked_sub(SETTLING).unwrap_or(SystemTime::UNIX_EPOCH);
        let (limit, now) = (nanoseconds(limit), nanoseconds(SystemTime::now()));
        let mut inputs = Self::default();
        for file in files {
            let (is_touched, file) = file.strip_prefix(TOUCHED).map_or((false, &file[..]), |file| (true, file));
            let path = PathBuf::from(OsStr::from_bytes(file));
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(path) };
            let Ok(name) = CString::new(name.as_bytes()) else { return Err(path) };
            let stamp = Folder::open(folder).stamp(&name, is_touched);
            let is_recent = |time: i64| time >= limit;
            if stamp.is_some_and(|stamp| is_recent(stamp.changed) || is_recent(stamp.modified) && stamp.modified <= now)
            {
                return Err(path);
            }
            inputs.insert(folder, &name, is_touched, stamp);
        }
        Ok(inputs)
    }

    /// Mostly those of a folder come one after the other.
    fn insert(&mut self, folder: &Path, name: &CStr, is_touched: bool, stamp: Option<Stamp>) {
        if self.folders.last().is_none_or(|last| last != folder) {
            self.folders.push(folder.to_owned());
        }
        let input = Input { stamp, name: self.names.len(), folder: self.folders.len() - 1, is_touched };
        self.names.extend_from_slice(name.to_bytes_with_nul());
        self.files.push(input);
    }

    fn name(&self, input: &Input) -> &CStr {
        CStr::from_bytes_until_nul(&self.names[input.name..]).unwrap_or_default()
    }

    /// The first that is not what it was.
    pub(super) fn changed(&self) -> Option<PathBuf> {
        self.changed_among(0..self.len(), None).map(|at| self.path(at))
    }

    /// The first of these that is not what it was; its folder's path is looked up once for those that lie there.
    pub(super) fn changed_among(&self, range: Range<usize>, held: Option<&Held>) -> Option<usize> {
        let mut current: Option<Current> = None;
        range.into_iter().find(|at| {
            let input = &self.files[*at];
            let path = &self.folders[input.folder];
            let folder = match &mut current {
                Some(folder) if folder.number == input.folder => folder,
                other => other.insert(Current {
                    number: input.folder,
                    held: held.filter(|held| held.is_same_folder(input.folder, path)),
                    open: None,
                }),
            };
            let look_up =
                |()| folder.open.get_or_insert_with(|| Folder::open(path)).stamp(self.name(input), input.is_touched);
            folder.held.ok_or(()).and_then(|held| held.stamp(*at)).unwrap_or_else(look_up) != input.stamp
        })
    }

    /// What of them is held open.
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn hold(&self, held: Option<Held>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held.map(Arc::new);
        self.is_being_held.store(false, Ordering::Relaxed);
    }

    pub(super) fn set_being_held(&self) {
        self.is_being_held.store(true, Ordering::Relaxed);
    }

    /// They are not, or could be better: a folder that has just changed settles first.
    pub(super) fn wants_to_be_held(&self) -> bool {
        let could_be = |held: &Held| held.is_outdated() && held.age() > SETTLING + Duration::from_secs(1);
        !self.is_being_held.load(Ordering::Relaxed) && self.held().is_none_or(|held| could_be(&held))
    }

    /// Descriptors that are open for it.
    pub(super) fn count_held(&self) -> usize {
        self.held().map_or(0, |held| held.count())
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// The number of its folder, its name, and what it was: without times where they are not compared.
    pub(super) fn entry(&self, at: usize) -> (usize, &CStr, Option<&Stamp>) {
        let input = &self.files[at];
        (input.folder, self.name(input), input.stamp.as_ref())
    }

    pub(super) fn path(&self, at: usize) -> PathBuf {
        let input = &self.files[at];
        self.folders[input.folder].join(OsStr::from_bytes(self.name(input).to_bytes()))
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }
}

/// The folder of the files that are looked at.
struct Current<'a> {
    number: usize,
    held: Option<&'a Held>,
    open: Option<Folder>,
}

/// An open folder; none where it is not there.
struct Folder(Option<OwnedFd>);

impl Folder {
    fn open(path: &Path) -> Self {
        Self(openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok())
    }

    /// The file of this name as it is now.
    fn stamp(&self, name: &CStr, is_touched: bool) -> Option<Stamp> {
        let found = statat(self.0.as_ref()?, name, AtFlags::empty()).ok()?;
        let stamp = Stamp::of(&found);
        Some(if is_touched { stamp.without_times() } else { stamp })
    }
}

pub(super) fn nanoseconds(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    struct Place(PathBuf);

    impl Place {
        fn with(name: &str, text: &str) -> (Self, Vec<Vec<u8>>) {
            let folder = std::env::temp_dir().join(format!("jlapp-inputs-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("a.jl"), text).unwrap();
            let file = folder.join("a.jl").as_os_str().as_bytes().to_vec();
            (Self(folder), vec![file])
        }

        fn file(&self) -> fs::File {
            fs::File::options().append(true).open(self.0.join("a.jl")).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_just_changed_is_not_settled() {
        let (_folder, files) = Place::with("just", "1");
        assert!(Inputs::settled(&files, SystemTime::now()).is_err());
        assert!(Inputs::settled(&files, SystemTime::now() + SETTLING * 2).is_ok());
    }

    #[test]
    fn a_clock_that_was_put_back_settles_nothing() {
        let (_folder, files) = Place::with("back", "1");
        assert!(Inputs::settled(&files, SystemTime::now() - HOUR).is_err(), "it was changed in an hour");
    }

    #[test]
    fn a_file_that_is_dated_in_the_future_is_followed_by_what_the_kernel_says() {
        let (folder, files) = Place::with("future", "1");
        folder.file().set_modified(SystemTime::now() + HOUR).unwrap();
        let inputs = Inputs::settled(&files, SystemTime::now() + SETTLING * 2).unwrap();
        assert_eq!(inputs.changed(), None);
        // Of the same size, and dated as before.
        let dated = folder.file().metadata().unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::write(folder.0.join("a.jl"), "2").unwrap();
        folder.file().set_modified(dated).unwrap();
        assert!(inputs.changed().is_some());
    }

    #[test]
    fn a_file_that_comes_is_a_change() {
        let (folder, mut files) = Place::with("comes", "1");
        files.push(folder.0.join("b.jl").as_os_str().as_bytes().to_vec());
        let inputs = Inputs::settled(&files, SystemTime::now() + SETTLING * 2).unwrap();
        assert_eq!(inputs.changed(), None);
        fs::write(folder.0.join("b.jl"), "").unwrap();
        assert_eq!(inputs.changed(), Some(folder.0.join("b.jl")));
    }
}

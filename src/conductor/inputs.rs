//! The files that a branch was made from, and whether all of them are still what they were.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};

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
    /// In its folder.
    name: CString,
    /// Its times are not compared.
    is_touched: bool,
    stamp: Option<Stamp>,
}

/// Files that lie in one folder. Its path is looked up once for all of them.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    inputs: Vec<Input>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Inputs(Vec<Folder>);

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
            let stamp = Stamps::of(folder).stamp(&name, is_touched);
            let is_recent = |time: i128| time >= limit;
            if stamp.is_some_and(|(_, _, _, modified, changed)| {
                is_recent(changed) || is_recent(modified) && modified <= now
            }) {
                return Err(path);
            }
            inputs.insert(folder, Input { name, is_touched, stamp });
        }
        Ok(inputs)
    }

    /// Mostly those of a folder come one after the other.
    fn insert(&mut self, path: &Path, input: Input) {
        match self.0.last_mut() {
            Some(folder) if folder.path == path => folder.inputs.push(input),
            _ => self.0.push(Folder { path: path.to_owned(), inputs: vec![input] }),
        }
    }

    /// The first that is not what it was.
    pub(super) fn changed(&self) -> Option<PathBuf> {
        self.0.iter().find_map(|folder| {
            let stamps = Stamps::of(&folder.path);
            let mut inputs = folder.inputs.iter();
            let input = inputs.find(|input| stamps.stamp(&input.name, input.is_touched) != input.stamp)?;
            Some(folder.path.join(OsStr::from_bytes(input.name.as_bytes())))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|folder| folder.inputs.len()).sum()
    }
}

/// The files of a folder as they are now; none where it is not there.
struct Stamps(Option<OwnedFd>);

impl Stamps {
    fn of(folder: &Path) -> Self {
        Self(openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok())
    }

    fn stamp(&self, name: &CStr, is_touched: bool) -> Option<Stamp> {
        let found = statat(self.0.as_ref()?, name, AtFlags::empty()).ok()?;
        let ns = |seconds: i64, nanoseconds: u64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        let size = found.st_size.cast_unsigned();
        if is_touched {
            return Some((found.st_dev, found.st_ino, size, 0, 0));
        }
        let (modified, changed) = (ns(found.st_mtime, found.st_mtime_nsec), ns(found.st_ctime, found.st_ctime_nsec));
        Some((found.st_dev, found.st_ino, size, modified, changed))
    }
}

fn nanoseconds(time: SystemTime) -> i128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().cast_signed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    struct Folder(PathBuf);

    impl Folder {
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

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_just_changed_is_not_settled() {
        let (_folder, files) = Folder::with("just", "1");
        assert!(Inputs::settled(&files, SystemTime::now()).is_err());
        assert!(Inputs::settled(&files, SystemTime::now() + SETTLING * 2).is_ok());
    }

    #[test]
    fn a_clock_that_was_put_back_settles_nothing() {
        let (_folder, files) = Folder::with("back", "1");
        assert!(Inputs::settled(&files, SystemTime::now() - HOUR).is_err(), "it was changed in an hour");
    }

    #[test]
    fn a_file_that_is_dated_in_the_future_is_followed_by_what_the_kernel_says() {
        let (folder, files) = Folder::with("future", "1");
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
        let (folder, mut files) = Folder::with("comes", "1");
        files.push(folder.0.join("b.jl").as_os_str().as_bytes().to_vec());
        let inputs = Inputs::settled(&files, SystemTime::now() + SETTLING * 2).unwrap();
        assert_eq!(inputs.changed(), None);
        fs::write(folder.0.join("b.jl"), "").unwrap();
        assert_eq!(inputs.changed(), Some(folder.0.join("b.jl")));
    }
}

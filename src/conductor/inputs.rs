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
    /// The kernel itself dates a file's last change of any kind; its time of modification anybody may set, to a time to come,
    /// too.
    ///
    /// # Errors
    /// One that was changed later, or shortly before.
    pub(super) fn settled(files: &[Vec<u8>], since: SystemTime) -> Result<Self, PathBuf> {
        let limit = since.checked_sub(SETTLING).unwrap_or(SystemTime::UNIX_EPOCH);
        let (limit, now) = (nanoseconds(limit), nanoseconds(SystemTime::now()));
        let mut inputs = Vec::with_capacity(files.len());
        for file in files {
            let (is_touched, file) = file.strip_prefix(TOUCHED).map_or((false, &file[..]), |file| (true, file));
            let path = PathBuf::from(OsStr::from_bytes(file));
            let stamp = stamp(&path, is_touched);
            let is_recent = |time: i128| time >= limit;
            if stamp.is_some_and(|(_, _, _, modified, changed)| {
                is_recent(changed) || is_recent(modified) && modified <= now
            }) {
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

fn nanoseconds(time: SystemTime) -> i128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().cast_signed()
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
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
        assert_eq!(inputs.changed().and_then(Path::file_name), Some(OsStr::new("b.jl")));
    }
}

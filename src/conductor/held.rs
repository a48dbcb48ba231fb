//! Files that launches depend on which come one after the other, held open. While a folder is what it was, the names in it lead to
//! the same files as before, and to ask an open file for its times takes half as long as to look its name up as well.
//!
//! Invariant: whatever a look at all paths would see is seen. What cannot be held, or whose folder has changed since, is looked up.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, fstatfs, openat};
use rustix::io::Errno;

use super::inputs::{Inputs, SETTLING, Stamp, nanoseconds};

/// File systems that date a folder's last change in the kernel's own time whenever a name in it begins to lead elsewhere: ext2 to
/// ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS (statfs(2)). What a server has changed is not known of others.
const LOCAL: [u64; 7] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1];

/// What a name leads to.
#[derive(Debug)]
enum Place {
    File(OwnedFd),
    Nothing,
    /// It has to be looked up.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Held {
    /// By number, as in [`Inputs`]. `None`: the names in it are looked up.
    folders: Vec<Option<Stamp>>,
    files: Vec<Place>,
    /// Tells of each mount: one over a file, its folder knows nothing of (proc_pid_mountinfo(5)).
    mounts: File,
    has_mounted: AtomicBool,
    made: Instant,
    /// A folder has changed since: it is worth to be made anew.
    is_outdated: AtomicBool,
}

impl Held {
    /// Opens what can be held of these, as far as it is what it was.
    pub(super) fn of(inputs: &Inputs) -> io::Result<Self> {
        Self::settled(inputs, SystemTime::now().checked_sub(SETTLING).map_or(0, nanoseconds))
    }

    /// The same, where folders were last changed before `limit`: after it one more change may not tell.
    fn settled(inputs: &Inputs, limit: i64) -> io::Result<Self> {
        let mounts = File::open("/proc/thread-self/mountinfo")?;
        let is_recent = |stamp: &Stamp| !stamp.is_before(limit);
        let mut has_recent = false;
        let mut settled = |open: &(OwnedFd, Stamp)| {
            has_recent |= is_recent(&open.1);
            !is_recent(&open.1)
        };
        let open: Vec<_> = inputs.folders().map(|path| open_folder(path).filter(&mut settled)).collect();
        let files = (0..inputs.len()).map(|at| {
            let (number, name, stamp) = inputs.entry(at);
            open[number].as_ref().map_or(Place::Unknown, |(folder, _)| place(folder, name, stamp))
        });
        let files = files.collect();
        let is_same = |(path, open): (&Path, Option<(OwnedFd, Stamp)>)| {
            open.map(|(_, stamp)| stamp).filter(|stamp| Stamp::of_folder(path).as_ref() == Some(stamp))
        };
        let folders = inputs.folders().zip(open).map(is_same).collect();
        Ok(Self {
            folders,
            files,
            mounts,
            has_mounted: AtomicBool::new(false),
            made: Instant::now(),
            is_outdated: AtomicBool::new(has_recent),
        })
    }

    pub(super) fn age(&self) -> Duration {
        self.made.elapsed()
    }

    /// Descriptors that it has open.
    pub(super) fn count(&self) -> usize {
        1 + self.files.iter().filter(|place| matches!(place, Place::File(_))).count()
    }

    /// Whether nothing was mounted since. To be asked first, before each use.
    pub(super) fn is_good(&self) -> bool {
        let mut polled = [PollFd::new(&self.mounts, PollFlags::PRI)];
        let has_mounted = poll(&mut polled, Some(&Timespec::default())) != Ok(0);
        // The kernel tells it once.
        !self.has_mounted.fetch_or(has_mounted, Ordering::Relaxed) && !has_mounted
    }

    /// It holds less than it could: a folder has changed, or was changing when this was made.
    pub(super) fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::Relaxed) || self.has_mounted.load(Ordering::Relaxed)
    }

    /// Whether names in this folder lead where they did.
    pub(super) fn is_same_folder(&self, number: usize, path: &Path) -> bool {
        let Some(stamp) = &self.folders[number] else { return false };
        let is_same = Stamp::of_folder(path).as_ref() == Some(stamp);
        if !is_same {
            self.is_outdated.store(true, Ordering::Relaxed);
        }
        is_same
    }

    /// A file of a folder that is the same, as it is now. `Err`: it has to be looked up.
    pub(super) fn stamp(&self, at: usize) -> Result<Option<Stamp>, ()> {
        match &self.files[at] {
            Place::File(file) => fstat(file).map(|found| Some(Stamp::of(&found))).map_err(drop),
            Place::Nothing => Ok(None),
            Place::Unknown => Err(()),
        }
    }
}

/// `None`: it is not there, or elsewhere than on a file system of [`LOCAL`].
fn open_folder(path: &Path) -> Option<(OwnedFd, Stamp)> {
    let folder = openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let stamp = Stamp::of(&fstat(&folder).ok()?);
    let kind = u64::try_from(fstatfs(&folder).ok()?.f_type).ok()?;
    LOCAL.contains(&kind).then_some((folder, stamp))
}

fn place(folder: &OwnedFd, name: &CStr, stamp: Option<&Stamp>) -> Place {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match (openat(folder.as_fd(), name, flags, Mode::empty()), stamp) {
        (Err(Errno::NOENT), None) => Place::Nothing,
        (Ok(file), Some(stamp)) => match fstat(&file) {
            // Where a link leads to, its folder does not tell.
            Ok(found)
                if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && Stamp::of(&found) == *stamp =>
            {
                Place::File(file)
            }
            _ => Place::Unknown,
        },
        _ => Place::Unknown,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::process::Command;

    use rustix::thread::UnshareFlags;

    use super::*;

    /// Two folders with three files each, a link to one of them, and the place of one that is not there.
    struct Files {
        root: PathBuf,
        inputs: Inputs,
    }

    impl Files {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("jlapp-held-{name}-{}", std::process::id()));
            let mut paths = Vec::new();
            for folder in ["one", "two"] {
                fs::create_dir_all(root.join(folder)).unwrap();
                for number in 0..3 {
                    paths.push(root.join(folder).join(format!("{number}.jl")));
                    fs::write(paths.last().unwrap(), "1").unwrap();
                }
            }
            symlink("../one/0.jl", root.join("two/link.jl")).unwrap();
            paths.extend([root.join("two/link.jl"), root.join("two/none.jl")]);
            let paths: Vec<_> = paths.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
            let inputs = Inputs::settled(&paths, SystemTime::now() + SETTLING * 5).unwrap();
            Self { root, inputs }
        }

        fn hold(&self) -> Held {
            let held = Held::settled(&self.inputs, nanoseconds(SystemTime::now() + SETTLING)).unwrap();
            // Two changes within one step of the kernel's clock look the same.
            std::thread::sleep(Duration::from_millis(20));
            held
        }

        fn changed(&self, held: &Held) -> Option<PathBuf> {
            assert!(held.is_good());
            self.inputs.changed_among(0..self.inputs.len(), Some(held)).map(|at| self.inputs.path(at))
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.root);
        }
    }

    #[test]
    fn every_change_is_seen() {
        type Change = fn(&Path);
        let changes: [(&str, &str, Change); 9] = [
            ("in place", "one/1.jl", |root| fs::write(root.join("one/1.jl"), "2").unwrap()),
            ("replaced", "one/1.jl", |root| {
                fs::write(root.join("new"), "1").unwrap();
                fs::rename(root.join("new"), root.join("one/1.jl")).unwrap();
            }),
            ("replaced by a link", "one/1.jl", |root| {
                fs::remove_file(root.join("one/1.jl")).unwrap();
                symlink("2.jl", root.join("one/1.jl")).unwrap();
            }),
            ("removed", "two/2.jl", |root| fs::remove_file(root.join("two/2.jl")).unwrap()),
            ("new", "two/none.jl", |root| fs::write(root.join("two/none.jl"), "").unwrap()),
            ("where a link leads", "one/0.jl", |root| fs::write(root.join("one/0.jl"), "2").unwrap()),
            ("its folder moved", "one/0.jl", |root| fs::rename(root.join("one"), root.join("away")).unwrap()),
            ("another folder", "one/0.jl", |root| {
                fs::rename(root.join("one"), root.join("away")).unwrap();
                fs::rename(root.join("two"), root.join("one")).unwrap();
            }),
            ("a folder's link", "two/0.jl", |root| {
                fs::rename(root.join("two"), root.join("away")).unwrap();
                symlink("one", root.join("two")).unwrap();
            }),
        ];
        for (what, path, change) in changes {
            let files = Files::new(&what.replace(' ', "-"));
            let held = files.hold();
            assert_eq!(held.count(), 7, "all files but the link");
            assert_eq!((files.changed(&held), held.is_outdated()), (None, false));
            change(&files.root);
            assert_eq!(files.changed(&held), Some(files.root.join(path)), "{what}");
            assert_eq!(held.is_outdated(), !matches!(what, "in place" | "where a link leads"), "{what}");
        }
    }

    #[test]
    fn another_file_in_the_folder_changes_nothing() {
        let files = Files::new("another");
        let held = files.hold();
        fs::write(files.root.join("two/other.jl"), "").unwrap();
        assert_eq!((files.changed(&held), held.is_outdated()), (None, true));
        fs::write(files.root.join("two/1.jl"), "2").unwrap();
        assert_eq!(files.changed(&held), Some(files.root.join("two/1.jl")));
    }

    #[test]
    fn a_folder_that_has_just_changed_is_not_held() {
        let files = Files::new("just");
        let held = Held::of(&files.inputs).unwrap();
        assert_eq!((held.count(), held.is_outdated(), files.changed(&held)), (1, true, None));
        fs::write(files.root.join("one/1.jl"), "2").unwrap();
        assert_eq!(files.changed(&held), Some(files.root.join("one/1.jl")));
    }

    /// In a namespace of the thread's own, which goes with it.
    #[test]
    fn a_mount_over_a_file_is_seen() {
        std::thread::spawn(|| {
            let files = Files::new("mount");
            let mount =
                |words: &[&str]| Command::new("mount").args(words).status().is_ok_and(|status| status.success());
            #[allow(deprecated, reason = "unsafe only where descriptors are unshared")]
            let is_own = rustix::thread::unshare(UnshareFlags::NEWNS).is_ok();
            if !is_own || !mount(&["--make-rprivate", "/"]) {
                writeln!(io::stderr(), "skipped: nothing may be mounted here").unwrap();
                return;
            }
            let held = files.hold();
            assert!(held.is_good());
            let path = files.root.join("one/1.jl");
            fs::write(files.root.join("other"), "1").unwrap();
            assert!(mount(&["--bind", files.root.join("other").to_str().unwrap(), path.to_str().unwrap()]));
            assert!(!held.is_good() && !held.is_good() && held.is_outdated());
            assert_eq!(files.inputs.changed(), Some(path.clone()));
            assert!(Command::new("umount").arg(&path).status().unwrap().success());
        })
        .join()
        .unwrap();
    }
}

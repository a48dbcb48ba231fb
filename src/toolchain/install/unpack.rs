//! Unpacking an archive of Julia, entry by entry, into a folder that it cannot leave.
//!
//! Invariant: nothing is written through a link, and no link leads out. A link's target may begin with `..` and have none
//! further on: from a real folder those steps count the same in the file system as on paper.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::{Archive, Entry, EntryType};

use crate::sys::crash_point;
use crate::toolchain::Error;

/// Why an archive was not unpacked.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is broken, or no archive.
    Broken(io::Error),
    /// An entry is nothing that a Julia has, and may be meant to do harm.
    Hostile { entry: String, why: &'static str },
    /// It could not be written.
    Unwritable(Error),
}

impl Problem {
    pub(super) fn of(self, url: &str) -> Error {
        let doing = format!("cannot unpack {url}");
        match self {
            Self::Broken(error) => {
                let cause = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the archive is cut short".to_owned(),
                    _ => format!("it is no archive of Julia, or a broken one: {error}"),
                };
                Error::failed(doing, cause, "nothing was installed; try again later")
            }
            Self::Hostile { entry, why } => Error::failed(
                doing,
                format!("its entry {entry:?} {why}"),
                "nothing was installed; do not trust that server or what lies in between",
            ),
            Self::Unwritable(error) => error,
        }
    }
}

/// Unpacks all of an archive below `folder`, which must not exist, without the folder that all entries lie in.
pub(super) fn unpack(archive: impl Read, folder: &Path) -> Result<(), Problem> {
    fs::create_dir(folder).map_err(|error| unwritable(folder, &error))?;
    let mut archive = Archive::new(archive);
    let mut count = 0_u64;
    for entry in archive.entries().map_err(Problem::Broken)? {
        place(&mut entry.map_err(Problem::Broken)?, folder)?;
        count += 1;
        crash_point("install-half-unpacked");
    }
    if count == 0 {
        return Err(Problem::Broken(io::Error::new(io::ErrorKind::InvalidData, "it holds nothing")));
    }
    // To the end of the compressed data, where its checksum is.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(Problem::Broken)?;
    Ok(())
}

fn place(entry: &mut Entry<'_, impl Read>, folder: &Path) -> Result<(), Problem> {
    let kind = entry.header().entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok(());
    }
    let name = entry.path().map_err(Problem::Broken)?.into_owned();
    let hostile = |why| Problem::Hostile { entry: name.display().to_string(), why };
    let below = without_top(&name).ok_or_else(|| hostile("would lie outside of its folder"))?;
    if below.as_os_str().is_empty() {
        return Ok(()); // the folder of all of it
    }
    let path = folder.join(&below);
    match kind {
        EntryType::Directory => make_folder(folder, &below).map_err(|refused| refused.of(&path, &hostile)),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            make_parent(folder, &below).map_err(|refused| refused.of(&path, &hostile))?;
            write(entry, &path)
        }
        EntryType::Symlink => {
            let target = target(entry)?;
            if !stays_inside(&below, &target) {
                return Err(hostile("is a link out of its folder"));
            }
            make_parent(folder, &below).map_err(|refused| refused.of(&path, &hostile))?;
            replace(&path, |path| symlink(&target, path))
        }
        EntryType::Link => {
            let target = without_top(&target(entry)?).ok_or_else(|| hostile("is a link out of its folder"))?;
            make_parent(folder, &target)
                .and_then(|()| make_parent(folder, &below))
                .map_err(|refused| refused.of(&path, &hostile))?;
            let target = folder.join(target);
            if !fs::symlink_metadata(&target).is_ok_and(|found| found.is_file()) {
                return Err(hostile("is a link to something that is no file of the archive"));
            }
            replace(&path, |path| fs::hard_link(&target, path))
        }
        _ => Err(hostile("is neither a file nor a folder nor a link")),
    }
}

fn target(entry: &Entry<'_, impl Read>) -> Result<PathBuf, Problem> {
    let missing = || Problem::Broken(io::Error::new(io::ErrorKind::InvalidData, "a link without a target"));
    Ok(entry.link_name().map_err(Problem::Broken)?.ok_or_else(missing)?.into_owned())
}

/// The path below the archive's own folder; empty for that folder, `None` where it is absolute or climbs.
fn without_top(name: &Path) -> Option<PathBuf> {
    let mut parts = Vec::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.into_iter().skip(1).collect())
}

/// Whether a link at `below` leads to something in the same tree.
fn stays_inside(below: &Path, target: &Path) -> bool {
    let depth = below.components().count() - 1;
    let climbs = target.components().take_while(|part| matches!(part, Component::ParentDir | Component::CurDir));
    let up = climbs.filter(|part| *part == Component::ParentDir).count();
    let mut rest = target.components().skip_while(|part| matches!(part, Component::ParentDir | Component::CurDir));
    up <= depth && rest.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Why a folder was not made.
enum Refused {
    /// Something in its way is a link or a file.
    InTheWay,
    System(io::Error),
}

impl Refused {
    fn of(self, path: &Path, hostile: &dyn Fn(&'static str) -> Problem) -> Problem {
        match self {
            Self::InTheWay => hostile("lies below something that is no folder"),
            Self::System(error) => unwritable(path, &error),
        }
    }
}

fn make_parent(folder: &Path, below: &Path) -> Result<(), Refused> {
    below.parent().map_or(Ok(()), |parent| make_folder(folder, parent))
}

/// Makes each folder on the way, if it is none yet.
fn make_folder(folder: &Path, below: &Path) -> Result<(), Refused> {
    let mut path = folder.to_owned();
    for part in below.components() {
        path.push(part);
        match fs::create_dir(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(&path).map_err(Refused::System)?;
                if !found.is_dir() {
                    return Err(Refused::InTheWay);
                }
            }
            Err(error) => return Err(Refused::System(error)),
        }
    }
    Ok(())
}

/// With the times of the archive: Julia compares those of its own sources with what it compiled from them.
fn write(entry: &mut Entry<'_, impl Read>, path: &Path) -> Result<(), Problem> {
    let runs = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
    let modified = entry.header().mtime().ok().map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let mut options = File::options();
    options.write(true).create_new(true).mode(if runs { 0o755 } else { 0o644 });
    let mut open = None;
    replace(path, |path| {
        open = Some(options.open(path)?);
        Ok(())
    })?;
    let Some(mut file) = open else { return Ok(()) };
    copy(entry, &mut file, path)?;
    let _ = modified.map(|time| file.set_modified(time));
    Ok(())
}

/// Tells what could not be read from what could not be written.
fn copy(from: &mut impl Read, to: &mut File, path: &Path) -> Result<(), Problem> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count]).map_err(|error| unwritable(path, &error))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::Broken(error)),
        }
    }
}

/// The later of two entries of one name counts, as in tar(1).
fn replace(path: &Path, mut make: impl FnMut(&Path) -> io::Result<()>) -> Result<(), Problem> {
    let outcome = match make(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(path).and_then(|()| make(path)),
        outcome => outcome,
    };
    outcome.map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::Unwritable(Error::file("cannot write", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_measured_from_where_they_lie() {
        for (below, target, stays) in [
            ("lib/libjulia.so", "libjulia.so.1", true),
            ("lib/julia/libm.so", "../libm.so", true),
            ("lib/julia/libm.so", "../../share", true),
            ("lib/julia/libm.so", "../../../etc", false),
            ("a", "..", false),
            ("a", ".", true),
            ("a/b", "/etc/passwd", false),
            // What the `..` means depends on what `b` is by then.
            ("a/c", "b/../../x", false),
        ] {
            assert_eq!(stays_inside(Path::new(below), Path::new(target)), stays, "{below} -> {target}");
        }
    }

    #[test]
    fn the_archives_own_folder_is_left_out() {
        assert_eq!(without_top(Path::new("julia-1.10.4/bin/julia")), Some("bin/julia".into()));
        assert_eq!(without_top(Path::new("./julia-1.10.4/")), Some(PathBuf::new()));
        assert_eq!(without_top(Path::new("/etc/passwd")), None);
        assert_eq!(without_top(Path::new("julia/../../x")), None);
    }
}

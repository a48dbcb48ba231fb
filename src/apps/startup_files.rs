//! The user's shells and `PATH`: a file of ours that puts a depot's apps on it, and one line in each shell's start-up file
//! that reads that file.
//!
//! Invariant: taking the lines away again leaves every file as it was, byte by byte. Files are replaced as a whole, where a
//! link leads to, with their mode and owner; one that changes meanwhile is left alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::env;
use crate::sys::files;
use crate::toolchain::{Error, Variable};

/// Behind this our lines say what else was changed for them.
const MARK: &str = "# jlapp path";
/// The file did not end in a line's end.
const LINE_ENDED: &str = ", which ended the line before";
/// The file was not there.
const MADE: &str = ", which made this file";

/// The start-up files of one user's shells, for one depot.
pub struct StartupFiles {
    /// Read by each of `shells`, and written by us alone.
    env_file: PathBuf,
    bin: PathBuf,
    /// Of bash, zsh and whatever else reads `.profile`.
    shells: Vec<PathBuf>,
    /// Of fish, where it is used: ours alone.
    fish: Option<PathBuf>,
}

impl StartupFiles {
    /// Those of the shells that this user seems to use.
    pub fn of(depot: &Path, variable: Variable<'_>) -> Option<Self> {
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder(env::HOME)?;
        let uses = |shell: &str| {
            let login = variable(env::SHELL).is_some_and(|path| Path::new(&path).file_name() == Some(shell.as_ref()));
            let path = variable(env::PATH).unwrap_or_default();
            login || std::env::split_paths(&path).any(|folder| folder.join(shell).is_file())
        };
        // A login bash reads the first of these alone (bash(1), INVOCATION).
        let login = [".bash_profile", ".bash_login", ".profile"].map(|name| home.join(name));
        let login = login.iter().find(|path| path.exists()).unwrap_or(&login[2]).clone();
        let mut shells = vec![login, home.join(".bashrc")];
        let zshenv = folder(env::ZDOTDIR).unwrap_or_else(|| home.clone()).join(".zshenv");
        if uses("zsh") || zshenv.exists() {
            shells.push(zshenv);
        }
        let fish = folder(env::XDG_CONFIG_HOME).unwrap_or_else(|| home.join(".config")).join("fish");
        Some(Self {
            env_file: depot.join("config/jlapp-env.sh"),
            bin: depot.join("bin"),
            shells,
            fish: (uses("fish") || fish.is_dir()).then(|| fish.join("conf.d/jlapp.fish")),
        })
    }

    /// Adds what is missing; returns the files that were changed.
    ///
    /// # Errors
    /// A file cannot be read or replaced; those before it have been changed.
    pub fn install(&self) -> Result<Vec<PathBuf>, Error> {
        let mut changed = Vec::new();
        let bin = quoted(&self.bin);
        let text = format!(
            "# Made by jlapp: puts Julia's apps on PATH, once. `jlapp path --uninstall` takes it away.\n\
             case \":$PATH:\" in\n*:{bin}:*) ;;\n*) export PATH={bin}:\"$PATH\" ;;\nesac\n"
        );
        own(&self.env_file, &text)?;
        for path in &self.shells {
            if edit(path, |text| Some(self.with_line(text)))? {
                changed.push(path.clone());
            }
        }
        if let Some(path) = &self.fish {
            let text = format!(
                "# Made by jlapp: puts Julia's apps on PATH.\ncontains -- {bin} $PATH; or set -gx PATH {bin} $PATH\n"
            );
            changed.extend(own(path, &text)?.then(|| path.clone()));
        }
        Ok(changed)
    }

    /// Takes everything away again; returns the files that were changed.
    ///
    /// # Errors
    /// As [`StartupFiles::install`].
    pub fn uninstall(&self) -> Result<Vec<PathBuf>, Error> {
        let mut changed = Vec::new();
        for path in &self.shells {
            if path.exists() && edit(path, |text| self.without_line(text?))? {
                changed.push(path.clone());
            }
        }
        for path in [&self.env_file].into_iter().chain(&self.fish) {
            match fs::remove_file(path) {
                Ok(()) => changed.push(path.clone()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::app_file("cannot remove", path, &error)),
            }
        }
        Ok(changed)
    }

    /// Our line without what stands behind the mark.
    fn line(&self) -> String {
        let path = quoted(&self.env_file);
        format!("if [ -f {path} ]; then . {path}; fi {MARK}")
    }

    fn with_line(&self, text: Option<&[u8]>) -> Vec<u8> {
        let line = self.line();
        let Some(text) = text else { return format!("{line}{MADE}\n").into_bytes() };
        if lines(text).any(|found| found.starts_with(line.as_bytes())) {
            return text.to_owned();
        }
        let is_whole = text.is_empty() || text.ends_with(b"\n");
        let (between, note) = if is_whole { ("", "") } else { ("\n", LINE_ENDED) };
        [text, format!("{between}{line}{note}\n").as_bytes()].concat()
    }

    /// `None`: there should be no file.
    fn without_line(&self, text: &[u8]) -> Option<Vec<u8>> {
        let line = self.line();
        let (mut kept, mut made) = (Vec::new(), false);
        for found in lines(text) {
            let Some(note) = found.strip_prefix(line.as_bytes()).map(<[u8]>::trim_ascii_end) else {
                kept.extend_from_slice(found);
                continue;
            };
            made |= note == MADE.as_bytes();
            if note == LINE_ENDED.as_bytes() {
                kept.pop();
            }
        }
        (!made || !kept.is_empty()).then_some(kept)
    }
}

/// With their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// As shells read it, fish too.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// A file of ours; whether it was changed.
fn own(path: &Path, text: &str) -> Result<bool, Error> {
    if fs::read(path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = fs::create_dir_all(folder).and_then(|()| files::replace(path, text.as_bytes()));
    written.map(|()| true).map_err(|error| Error::app_file("cannot write", path, &error))
}

/// Replaces a file of the user's by what `change` makes of it; whether it was changed. The inner `None` removes it.
fn edit(path: &Path, change: impl FnOnce(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<bool, Error> {
    // A link to a file that is not there leads somewhere all the same.
    let target = fs::canonicalize(path)
        .or_else(|_| fs::read_link(path).map(|link| path.with_file_name(link)))
        .unwrap_or_else(|_| path.to_owned());
    let before = match fs::read(&target) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::app_file("cannot read", path, &error)),
    };
    let after = change(before.as_deref());
    if after == before {
        return Ok(false);
    }
    let done = match after {
        Some(text) => replace(&target, before.as_deref(), &text),
        None => fs::remove_file(&target),
    };
    done.map(|()| true).map_err(|error| Error::app_file("cannot change", path, &error))
}

/// Beside it first, with its mode and owner.
fn replace(path: &Path, before: Option<&[u8]>, after: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".jlapp-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_like(&beside, fs::metadata(path).ok().as_ref(), after).and_then(|()| {
        if fs::read(path).ok().as_deref() != before {
            return Err(io::Error::other("it has changed meanwhile; try again"));
        }
        fs::rename(&beside, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_like(path: &Path, model: Option<&fs::Metadata>, text: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(model) = model {
        if (file.metadata()?.uid(), file.metadata()?.gid()) != (model.uid(), model.gid()) {
            fchown(&file, Some(model.uid()), Some(model.gid()))?;
        }
        file.set_permissions(model.permissions())?;
    } else {
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.write_all(text)?;
    file.sync_all()
}

//! Which Julia a launch gets, and why that one.
//!
//! For scripts: `+channel`, `JULIAUP_CHANNEL`, the override of the folder, the project's manifest,
//! `JULIA_DAEMON_WORKER_EXECUTABLE`, the default channel, `julia` on `PATH`.
//! For apps: `+channel`, `JULIA_APP_JULIA`, `JULIA_APPS_JULIA_CMD`, the recorded channel, the `julia_command` of Pkg's
//! AppManifest or, once that is gone, the newest of its minor version, the default channel, `julia` on `PATH`,
//! `JULIA_DAEMON_WORKER_EXECUTABLE`.
//!
//! Absent: the network. What is not installed is an error that says how to get it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::place::Variable;
use super::program::{Program, candidates, check_executable, program};
use super::project::{self, Asked};
use super::why::{Note, Successor, Why};
use super::{Error, Installed, Resolved};
use crate::env;
use crate::name::{Channel, Version};

/// What decides about a launch's Julia.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The first argument without its `+`, where it has one.
    pub channel: Option<&'a OsStr>,
    /// The folder that the launch happens in: absolute, links resolved.
    pub directory: &'a Path,
    /// The value of `--project`; bare it is `@.`. `None`: not given.
    pub project: Option<&'a OsStr>,
    /// The program file, which `--project=@script` looks beside.
    pub program: Option<&'a OsStr>,
    /// The app that is launched; `None` for `juliaclient`.
    pub app: Option<&'a App>,
    /// The launch's environment.
    pub variable: Variable<'a>,
}

/// What is recorded of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    /// The word that it is started by.
    pub name: String,
    /// The channel that we recorded for it.
    pub channel: Option<Channel>,
    /// The path that Pkg recorded for it.
    pub julia_command: Option<PathBuf>,
}

/// The Julia for a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Absolute path of an executable file; never juliaup's launcher or `juliaclient`.
    pub binary: PathBuf,
    /// Arguments of an alias or a link, which come before all others.
    pub arguments: Vec<OsString>,
    /// Where a record says it; a path says nothing.
    pub version: Option<Version>,
    /// `None` for a Julia that was named by its path or found on `PATH`.
    pub channel: Option<Channel>,
    pub why: Why,
    /// What could not be had and was passed over: to be said once, on standard error.
    pub note: Option<Note>,
}

/// Picks the Julia of a launch. `installed` is asked only where it matters: a Julia that is named by its path is found
/// also where no record can be read.
///
/// # Errors
/// The Julia that was asked for is not there, or a record cannot be read.
pub(super) fn select(
    request: &Request<'_>,
    installed: &mut dyn FnMut() -> Result<Installed, Error>,
) -> Result<Selection, Error> {
    let mut choice = Choice { request, installed, note: None };
    let mut selection = choice.make()?;
    selection.note = choice.note;
    Ok(selection)
}

struct Choice<'a, 'b> {
    request: &'a Request<'a>,
    installed: &'b mut dyn FnMut() -> Result<Installed, Error>,
    note: Option<Note>,
}

impl Choice<'_, '_> {
    fn make(&mut self) -> Result<Selection, Error> {
        if let Some(word) = self.request.channel {
            return self.channel_word(word, Why::Asked);
        }
        let found = match self.request.app {
            Some(app) => self.for_app(app)?,
            None => self.for_script()?,
        };
        match found {
            Some(selection) => Ok(selection),
            None => self.default(),
        }
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        (self.request.variable)(name)
    }

    /// A variable that counts as unset when it is empty.
    fn filled(&self, name: &str) -> Option<OsString> {
        self.variable(name).filter(|value| !value.is_empty())
    }

    fn for_script(&mut self) -> Result<Option<Selection>, Error> {
        // Set to nothing it is no channel, as juliaup has it.
        if let Some(word) = self.variable(env::JULIAUP_CHANNEL) {
            return self.channel_word(&word, Why::Variable(env::JULIAUP_CHANNEL)).map(Some);
        }
        let installed = (self.installed)()?;
        if let Some((folder, channel)) = installed.juliaup.override_of(self.request.directory) {
            return named(&installed, channel, Why::Override(folder.clone())).map(Some);
        }
        if let Some(selection) = self.by_manifest(&installed) {
            return Ok(Some(selection));
        }
        let word = self.filled(env::WORKER_EXECUTABLE);
        word.map(|word| self.executable(&word, &Why::Variable(env::WORKER_EXECUTABLE))).transpose()
    }

    fn for_app(&mut self, app: &App) -> Result<Option<Selection>, Error> {
        if let Some(word) = self.filled(env::APP_JULIA) {
            let why = Why::Variable(env::APP_JULIA);
            return match channel_in(&word) {
                Some(channel) => self.channel_word(channel, why),
                None => self.executable(&word, &why),
            }
            .map(Some);
        }
        if let Some(word) = self.filled(env::APPS_JULIA_CMD) {
            return self.executable(&word, &Why::Variable(env::APPS_JULIA_CMD)).map(Some);
        }
        if let Some(channel) = &app.channel {
            return named(&(self.installed)()?, channel, Why::Recorded { app: app.name.clone() }).map(Some);
        }
        let Some(path) = &app.julia_command else { return Ok(None) };
        match self.executable(path.as_os_str(), &Why::AppManifest { app: app.name.clone() }) {
            Err(Error::NotExecutable { path, .. }) => self.in_place_of(&app.name, path),
            found => found.map(Some),
        }
    }

    /// Pkg records one version by its folder, which an update of Julia takes away. The app's manifest suits the newest of
    /// the same minor version; where there is none the default has to do.
    fn in_place_of(&mut self, app: &str, path: PathBuf) -> Result<Option<Selection>, Error> {
        let version = version_in(&path);
        let installed = (self.installed)()?;
        let found = version.as_ref().and_then(|version| installed.for_version(version));
        let found = found.filter(|found| check_executable(&found.binary).is_ok());
        let successor = found
            .as_ref()
            .and_then(|found| Some(Successor { channel: found.channel.clone(), version: found.version.clone()? }));
        self.note = Some(Note::CommandGone { app: app.to_owned(), path: path.clone(), version, successor });
        Ok(found.map(|found| selection(found, Why::Successor { app: app.to_owned(), of: path })))
    }

    /// The toolchain that the project's manifest was resolved with. Where there are no toolchains at all it is not
    /// looked at: the one Julia that there is has to do.
    fn by_manifest(&mut self, installed: &Installed) -> Option<Selection> {
        if installed.is_empty() || !installed.follows_manifests() {
            return None;
        }
        let Request { project, program, directory, variable, .. } = *self.request;
        let manifests = project::manifests(&Asked { project, program, directory, variable });
        for manifest in &manifests {
            let found =
                installed.for_version(&manifest.version).filter(|found| check_executable(&found.binary).is_ok());
            if let Some(found) = found {
                let (path, version) = (manifest.path.clone(), manifest.version.clone());
                return Some(selection(found, Why::Manifest { path, version }));
            }
        }
        let first = manifests.into_iter().next()?;
        self.note = Some(Note::ManifestUnmet { path: first.path, version: first.version });
        None
    }

    fn default(&mut self) -> Result<Selection, Error> {
        let installed = (self.installed)()?;
        if let Some((channel, origin)) = installed.default_channel() {
            return named(&installed, channel, Why::Default(origin));
        }
        let julia = OsStr::new("julia");
        match (self.on_path(julia, &Why::Path)?, self.filled(env::WORKER_EXECUTABLE)) {
            (Ok(found), _) => Ok(found),
            // Scripts have asked for it before; for an app it is better than none.
            (Err(_), Some(word)) if self.request.app.is_some() => {
                self.executable(&word, &Why::Variable(env::WORKER_EXECUTABLE))
            }
            (Err(launcher), _) => Err(Error::NoJulia { searched: julia.to_owned(), launcher }),
        }
    }

    fn channel_word(&mut self, word: &OsStr, why: Why) -> Result<Selection, Error> {
        match word.to_string_lossy().parse() {
            Ok(channel) => named(&(self.installed)()?, &channel, why),
            Err(name) => Err(Error::BadChannel { name, why: Some(why) }),
        }
    }

    /// A path, or a name that is looked up on `PATH`.
    fn executable(&mut self, word: &OsStr, why: &Why) -> Result<Selection, Error> {
        self.on_path(word, why)?.map_err(|launcher| Error::NotExecutable {
            path: launcher.unwrap_or_else(|| word.into()),
            cause: std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such Julia"),
            why: why.clone(),
        })
    }

    /// The first Julia that a word leads to. juliaup's launcher stands for the default that it would run; `juliaclient`
    /// is passed over. The inner error holds a launcher that led nowhere.
    fn on_path(&mut self, word: &OsStr, why: &Why) -> Result<Result<Selection, Option<PathBuf>>, Error> {
        let candidates = candidates(word, self.request.directory, self.request.variable);
        let is_path = candidates.len() == 1 && word.as_encoded_bytes().contains(&b'/');
        let mut launcher = None;
        for path in candidates {
            let found = match check_executable(&path) {
                Ok(found) => found,
                Err(cause) if is_path => return Err(Error::NotExecutable { path, why: why.clone(), cause }),
                Err(_) => continue,
            };
            match program(&path, &found) {
                Program::Julia => return Ok(Ok(Selection::of_path(path, why.clone()))),
                Program::OwnClient if is_path => return self.default().map(Ok),
                Program::OwnClient => {}
                Program::JuliaupLauncher => {
                    let installed = (self.installed)()?;
                    if let Some(channel) = installed.juliaup.default.as_ref() {
                        return named(&installed, channel, why.clone()).map(Ok);
                    }
                    launcher.get_or_insert(path);
                }
            }
        }
        Ok(Err(launcher))
    }
}

impl Selection {
    fn of_path(binary: PathBuf, why: Why) -> Self {
        Self { binary, arguments: Vec::new(), version: None, channel: None, why, note: None }
    }
}

/// The Julia of a channel, which must be there.
fn named(installed: &Installed, channel: &Channel, why: Why) -> Result<Selection, Error> {
    let found = match installed.resolve(channel) {
        Err(Error::Missing(missing)) => return Err(Error::Missing(missing.because(why))),
        found => found?,
    };
    match check_executable(&found.binary) {
        Ok(_) => Ok(selection(found, why)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::Gone { channel: found.channel, origin: found.origin, binary: found.binary })
        }
        Err(cause) => Err(Error::NotExecutable { path: found.binary, why, cause }),
    }
}

fn selection(found: Resolved, why: Why) -> Selection {
    Selection {
        binary: found.binary,
        arguments: found.arguments.into_iter().map(OsString::from).collect(),
        version: found.version,
        channel: Some(found.channel),
        why,
        note: None,
    }
}

/// The version that the folder of a Julia tells, as juliaup, we and the archives of releases name folders:
/// `julia-1.12.2+0.x64.linux.gnu`, `1.12.2-x64`, `julia-1.12.2`.
fn version_in(binary: &Path) -> Option<Version> {
    let folder = binary.parent()?.parent()?.file_name()?.to_str()?;
    let name = folder.strip_prefix("julia-").unwrap_or(folder);
    let numbers = name.find(|c: char| !c.is_ascii_digit() && c != '.').map_or(name, |end| &name[..end]);
    numbers.parse().ok()
}

/// The channel in `+1.9` or `julia +1.9`; anything else is a path or a name.
fn channel_in(word: &OsStr) -> Option<&OsStr> {
    let text = word.to_str()?.trim();
    let last = text.strip_prefix("julia").map_or(text, |rest| if rest.starts_with(' ') { rest.trim() } else { text });
    last.strip_prefix('+').map(OsStr::new)
}

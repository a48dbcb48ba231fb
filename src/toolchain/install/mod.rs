//! Getting a Julia: the only place that uses the network, and only when it is asked to.
//!
//! An archive is unpacked while it comes in, into a folder that nobody looks at; its hash is compared, its Julia is tried,
//! and only then is it renamed into its place and recorded, under the lock. Whatever ends an install before that leaves a
//! folder in staging, which the next install removes, and what had come in, from where the next install of that Julia goes
//! on. Two at once work side by side; the second finds the first's result.

mod download;
mod fetch;
mod http;
mod part;
mod probe;
mod server;
mod staging;
mod unpack;

use std::fmt;
use std::path::PathBuf;

pub use probe::check_machine;
pub(super) use staging::Staging;

use download::{Download, Expected};
use fetch::Fetched;
use http::Http;
use server::Server;

use super::place::Variable;
use super::state::{Commit, Entry};
use super::versions::Versions;
use super::{Error, Held, Origin, Place, Toolchains};
use crate::name::{Architecture, Channel, Version};
use crate::sys::{crash_point, files};

/// Told how an install gets on. Sizes are in bytes.
pub trait Progress {
    /// A download begins: its size, where the server says it, and what an earlier one has left of it.
    fn begin(&mut self, what: &str, size: Option<u64>, kept: u64);
    /// So much of it has come in.
    fn reached(&mut self, position: u64);
    /// It broke off and is tried again.
    fn again(&mut self, problem: &str);
    /// It is complete, or has been given up.
    fn end(&mut self);
}

/// What became of a wish for a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has been downloaded or was unpacked already, and is recorded now.
    Installed { version: Version, folder: PathBuf },
    /// It is ours and stands for the newest there is.
    Current { version: Version },
    /// juliaup has it, and it is used as it is.
    Juliaups,
}

/// Gets Julias for one depot.
pub struct Installer<'a> {
    place: &'a Place,
    server: Server,
    http: Http,
    progress: &'a mut dyn Progress,
    /// Fetched when first needed.
    versions: Option<Versions>,
}

/// What is to be downloaded.
struct Build {
    url: String,
    architecture: Architecture,
    /// `None`: the Julia in it has to be asked.
    version: Option<Version>,
    expected: Expected,
}

impl<'a> Installer<'a> {
    /// # Errors
    /// A server's variable holds no URL, or there are no certificates to trust.
    pub fn new(place: &'a Place, variable: Variable<'_>, progress: &'a mut dyn Progress) -> Result<Self, Error> {
        Ok(Self {
            place,
            server: Server::from_environment(variable)?,
            http: Http::new(variable)?,
            progress,
            versions: None,
        })
    }

    /// Makes a channel available.
    ///
    /// # Errors
    /// There is no such channel, or it could not be downloaded, unpacked, run or recorded. Nothing has changed then.
    pub fn add(&mut self, channel: &Channel) -> Result<Outcome, Error> {
        let installed = Toolchains::new().installed(self.place)?;
        match installed.find(channel) {
            Some((Origin::Juliaup, _)) => return Ok(Outcome::Juliaups),
            Some((Origin::Own, Held::Tree { binary, version: Some(version), .. })) if binary.is_file() => {
                staging::clean(self.place);
                return Ok(Outcome::Current { version: version.clone() });
            }
            Some((Origin::Own, Held::Link { .. } | Held::Alias { .. })) => return Err(taken_by_link(channel)),
            _ => {}
        }
        let build = self.build(channel)?;
        let unchanged =
            || Error::failed(format!("cannot download {}", build.url), "it has not changed", "try again later");
        self.install(channel, &build, None)?.ok_or_else(unchanged)
    }

    /// Brings one of our channels up to date. The Julia that it stood for stays until it is collected: it may be running.
    ///
    /// # Errors
    /// As [`Installer::add`]; the channel stays what it was.
    pub fn update(&mut self, channel: &Channel) -> Result<Outcome, Error> {
        let state = super::state::State::read(self.place)?;
        let Some(Entry::Tree { version, etag, folder, url, .. }) = state.channels.get(&channel.to_string()) else {
            let installed = Toolchains::new().installed(self.place)?;
            return match installed.find(channel) {
                Some((Origin::Juliaup, _)) => Ok(Outcome::Juliaups),
                Some(_) => Err(taken_by_link(channel)),
                None => Err(Error::Missing(installed.missing(channel))),
            };
        };
        let current = Outcome::Current { version: version.parse().map_err(|error| bad_record(self.place, &error))? };
        let is_there = self.place.toolchains().join(folder).join("bin/julia").is_file();
        let build = self.build(channel)?;
        let same = build.version.as_ref().is_some_and(|new| new.to_string() == *version);
        if is_there && same {
            staging::clean(self.place);
            return Ok(current);
        }
        let known = etag.as_deref().filter(|_| is_there && build.url == *url && build.version.is_none());
        Ok(self.install(channel, &build, known)?.unwrap_or(current))
    }

    /// The server's list of releases, which is kept for those who have no network.
    ///
    /// # Errors
    /// The server cannot be reached, or offers no such list.
    pub fn versions(&mut self) -> Result<&Versions, Error> {
        let versions = match self.versions.take() {
            Some(versions) => versions,
            None => self.fetch_versions()?,
        };
        Ok(self.versions.insert(versions))
    }

    fn fetch_versions(&mut self) -> Result<Versions, Error> {
        let (url, path) = (self.server.versions(), self.place.versions_file());
        let etag_path = path.with_extension("etag");
        let seen = Versions::last_seen(self.place);
        // The tag stands behind the address that it came from: another server has other tags.
        let tag = seen.as_ref().and_then(|_| std::fs::read_to_string(&etag_path).ok());
        let unless = tag.and_then(|tag| Some(tag.strip_prefix(&url)?.strip_prefix(' ')?.to_owned()));
        let expected = Expected { unless, ..Expected::default() };
        let mut download = Download::open(&self.http, &url, expected, None, self.progress)?;
        if let (true, Some(seen)) = (download.is_unchanged(), seen) {
            return Ok(seen);
        }
        let (bytes, etag) = (download.all()?, download.etag());
        let versions = Versions::parse(url.as_ref(), &bytes)?;
        // What cannot be kept is only fetched again the next time.
        if let Ok(_lock) = Commit::begin(self.place) {
            let _ = files::replace(&path, &bytes);
            let _ = files::replace(&etag_path, etag.map(|etag| format!("{url} {etag}")).unwrap_or_default().as_bytes());
        }
        Ok(versions)
    }

    /// What there is to download for a channel.
    fn build(&mut self, channel: &Channel) -> Result<Build, Error> {
        let architecture = architecture_for(channel)?;
        if !channel.is_published() {
            let installed = Toolchains::new().installed(self.place)?;
            return Err(Error::Missing(installed.missing(channel)));
        }
        if let Some(url) = self.server.build_by_url(channel, architecture, &self.http)? {
            return Ok(Build { url, architecture, version: None, expected: Expected::default() });
        }
        let (version, archive) = self.versions()?.archive(channel, architecture)?;
        let (version, archive) = (version.clone(), archive.clone());
        Ok(Build {
            url: self.server.mirrored(&archive.url),
            architecture,
            version: Some(version),
            expected: Expected { sha256: archive.sha256, size: archive.size, unless: None },
        })
    }

    /// Downloads, tries and records; `None` where the server still has the build with the tag `known`.
    fn install(&mut self, channel: &Channel, build: &Build, known: Option<&str>) -> Result<Option<Outcome>, Error> {
        let toolchains = self.place.toolchains();
        if let Some(version) = &build.version {
            let name = format!("{version}-{}", build.architecture);
            if toolchains.join(&name).join("bin/julia").is_file() {
                let tree = Tree { name, version: version.clone(), etag: None, staged: None };
                staging::clean(self.place);
                return self.commit(channel, build, tree).map(Some);
            }
        }
        let expected = Expected { unless: known.map(str::to_owned), ..build.expected.clone() };
        let fetched = fetch::fetch((&self.http, self.place), &build.url, &expected, self.progress)?;
        let Some(Fetched { staging, digest, etag, part: _part }) = fetched else { return Ok(None) };
        let said = probe::version(&staging.tree(), &build.url, build.architecture)?;
        crash_point("install-tried");
        let tree = match &build.version {
            Some(version) => Tree {
                name: format!("{version}-{}", build.architecture),
                version: version.clone(),
                etag: None,
                staged: Some(staging),
            },
            // The same version may have been built twice.
            None => Tree {
                name: format!("{said}-{}-{}", build.architecture, &digest[..8]),
                version: said,
                etag,
                staged: Some(staging),
            },
        };
        self.commit(channel, build, tree).map(Some)
    }

    /// Renames the tree into its place, where another install may have been quicker, and records the channel.
    fn commit(&self, channel: &Channel, build: &Build, tree: Tree) -> Result<Outcome, Error> {
        let folder = self.place.toolchains().join(&tree.name);
        if let Some(staged) = &tree.staged {
            staged.make_durable()?;
        }
        let commit = Commit::begin(self.place)?;
        crash_point("install-locked");
        if let Some(staged) = &tree.staged {
            staged.move_to(&folder)?;
            crash_point("install-renamed");
        } else if !folder.join("bin/julia").is_file() {
            return Err(Error::failed(
                format!("{} has been removed meanwhile", folder.display()),
                "another command has collected it",
                format!("try again with `jlapp julia add {channel}`"),
            ));
        }
        commit.change(|state| {
            let entry = Entry::Tree {
                folder: tree.name.clone(),
                version: tree.version.to_string(),
                architecture: build.architecture.to_string(),
                url: build.url.clone(),
                etag: tree.etag.clone(),
            };
            state.channels.insert(channel.to_string(), entry);
            Ok(())
        })?;
        crash_point("install-recorded");
        Ok(Outcome::Installed { version: tree.version, folder })
    }
}

/// A Julia on its way into the record.
struct Tree {
    /// Of its folder.
    name: String,
    version: Version,
    etag: Option<String>,
    /// `None`: it lies in its place already.
    staged: Option<Staging>,
}

/// The architecture to get, which must be one that this machine runs.
fn architecture_for(channel: &Channel) -> Result<Architecture, Error> {
    let refuse = |cause: String| {
        Error::failed(
            format!("cannot install channel {channel}"),
            cause,
            "choose another, or link a Julia that you built",
        )
    };
    let own =
        Architecture::own().ok_or_else(|| refuse(format!("no Julia is published for {}", std::env::consts::ARCH)))?;
    let wanted = channel.architecture.unwrap_or(own);
    if own.runs(wanted) { Ok(wanted) } else { Err(refuse(format!("this machine is {own} and does not run {wanted}"))) }
}

fn taken_by_link(channel: &Channel) -> Error {
    let next = format!("`jlapp julia unlink {channel}` removes it");
    Error::failed(format!("cannot download channel {channel}"), "it is a link", next)
}

fn bad_record(place: &Place, error: &dyn fmt::Display) -> Error {
    let path = place.state_file();
    Error::BadFile { path, line: None, problem: error.to_string(), remedy: "repair it; nothing was changed".into() }
}

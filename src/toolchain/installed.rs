//! All toolchains together: juliaup's and our own.
//!
//! A channel that both have is juliaup's: it was there first, and `juliaup` shows and updates it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Missing;
use super::{Error, Held, Origin, Registry, Why};
use crate::name::{Architecture, Channel, Version, near_misses};

/// What is installed at one moment.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    pub juliaup: Arc<Registry>,
    pub own: Arc<Registry>,
}

/// The Julia that a channel stands for, aliases followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub channel: Channel,
    pub origin: Origin,
    pub binary: PathBuf,
    /// Of an alias or a link: they come before the user's.
    pub arguments: Vec<String>,
    pub version: Option<Version>,
}

impl Installed {
    /// Whether there is any toolchain at all.
    pub fn is_empty(&self) -> bool {
        self.juliaup.channels.is_empty() && self.own.channels.is_empty()
    }

    /// Every channel with its origin, those of juliaup first; ours that juliaup's hide are left out.
    pub fn channels(&self) -> impl Iterator<Item = (&Channel, Origin, &Held)> {
        let theirs = self.juliaup.channels.iter().map(|(channel, held)| (channel, Origin::Juliaup, held));
        let ours = self.own.channels.iter().filter(|(channel, _)| !self.juliaup.channels.contains_key(channel));
        theirs.chain(ours.map(|(channel, held)| (channel, Origin::Own, held)))
    }

    /// What a channel is.
    pub fn find(&self, channel: &Channel) -> Option<(Origin, &Held)> {
        let theirs = self.juliaup.channels.get(channel).map(|held| (Origin::Juliaup, held));
        theirs.or_else(|| self.own.channels.get(channel).map(|held| (Origin::Own, held)))
    }

    /// The default channel and whose it is: the one set here, else juliaup's.
    pub fn default_channel(&self) -> Option<(&Channel, Origin)> {
        let ours = self.own.default.as_ref().map(|channel| (channel, Origin::Own));
        ours.or_else(|| self.juliaup.default.as_ref().map(|channel| (channel, Origin::Juliaup)))
    }

    /// Whether missing channels are installed without asking; ours decides where it is set.
    pub fn auto_install(&self) -> Option<bool> {
        self.own.auto_install.or(self.juliaup.auto_install)
    }

    /// Whether a project's manifest picks the Julia.
    pub fn follows_manifests(&self) -> bool {
        self.own.manifest.unwrap_or(true)
    }

    /// The Julia of a channel.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not installed; whether its file is still there is not looked at.
    pub fn resolve(&self, channel: &Channel) -> Result<Resolved, Error> {
        let (origin, held) = self.find(channel).ok_or_else(|| Error::Missing(self.missing(channel)))?;
        let found = |binary: &Path, version: Option<&Version>, arguments: &[String]| Resolved {
            channel: channel.clone(),
            origin,
            binary: binary.to_owned(),
            arguments: arguments.to_vec(),
            version: version.cloned(),
        };
        match held {
            Held::Tree { binary, version, .. } => Ok(found(binary, version.as_ref(), &[])),
            Held::Link { command, arguments } => Ok(found(command, None, arguments)),
            Held::Alias { target, arguments } => match self.find(target) {
                // The alias's words come first, as the user's own would.
                Some((_, Held::Link { command, arguments: more })) => {
                    Ok(found(command, None, &[arguments.as_slice(), more].concat()))
                }
                Some((_, Held::Tree { binary, version, .. })) => Ok(found(binary, version.as_ref(), arguments)),
                Some((_, Held::Alias { .. })) => Err(Error::failed(
                    format!("channel {channel} is an alias of {target}"),
                    "which is an alias itself",
                    format!("make it anew with `jlapp julia link {channel} +<channel>`"),
                )),
                None => Err(Error::Missing(self.missing(target))),
            },
        }
    }

    /// The toolchain for a manifest that was resolved with `version`: that very one, else the newest of the same minor
    /// version, which is all that Pkg demands. Only this machine's own architecture, and nothing linked.
    pub fn for_version(&self, version: &Version) -> Option<Resolved> {
        let fitting = self.channels().filter_map(|(channel, origin, held)| match held {
            Held::Tree { binary, version: Some(found), architecture, .. }
                if found.line() == version.line() && is_native(*architecture) =>
            {
                let (binary, version) = (binary.clone(), Some(found.clone()));
                Some(Resolved { channel: channel.clone(), origin, binary, arguments: Vec::new(), version })
            }
            _ => None,
        });
        fitting.max_by(|one, two| {
            let order = |it: &Resolved| (it.version.as_ref() == Some(version), it.version.clone());
            // The first of equals: juliaup's, and the shortest name.
            order(one).cmp(&order(two)).then(two.origin.cmp(&one.origin)).then(two.channel.cmp(&one.channel))
        })
    }

    /// The channel that best says what `binary` is, for records that are to outlive an update: one that moves on before
    /// one that stays. `None` for a Julia that belongs to no channel.
    pub fn channel_of(&self, binary: &Path) -> Option<&Channel> {
        let wanted = binary.canonicalize().ok()?;
        let same = self.channels().filter(|(_, _, held)| match held {
            Held::Tree { binary, .. } => binary.canonicalize().is_ok_and(|found| found == wanted),
            Held::Link { command, arguments } => {
                arguments.is_empty() && command.canonicalize().is_ok_and(|found| found == wanted)
            }
            Held::Alias { .. } => false,
        });
        let found = same.map(|(channel, ..)| channel);
        found.min_by_key(|channel| (!channel.moves(), (*channel).clone()))
    }

    /// What is to be said of a channel that is not there.
    pub fn missing(&self, channel: &Channel) -> Box<Missing> {
        let word = channel.to_string();
        let names: Vec<String> = self.channels().map(|(channel, ..)| channel.to_string()).collect();
        // A published name is not misspelled, only not installed.
        let known = names.iter().map(String::as_str).chain(Channel::WORDS);
        let near = if channel.is_published() { Vec::new() } else { near_misses(&word, known) };
        Box::new(Missing {
            channel: channel.clone(),
            why: None,
            near: near.into_iter().map(str::to_owned).collect(),
            auto_install: self.auto_install(),
        })
    }
}

fn is_native(architecture: Option<Architecture>) -> bool {
    architecture.is_none() || architecture == Architecture::own()
}

impl Missing {
    pub(super) fn because(mut self: Box<Self>, why: Why) -> Box<Self> {
        self.why = Some(why);
        self
    }
}

//! Changes to our own record that need no network.
//!
//! Each is one step: it is done as a whole or, with an error, not at all.

use std::path::{Path, PathBuf};

use super::install::check_machine;
use super::program::check_executable;
use super::state::{Entry, Settings, change};
use super::{Error, Installed, Origin, Place, Toolchains};
use crate::name::{Architecture, Channel};

/// Makes a channel of somebody's own Julia. Returns whether it replaces a link.
///
/// # Errors
/// The path leads to no Julia for this machine, or the name is taken.
pub fn link(place: &Place, channel: &Channel, path: &Path, arguments: Vec<String>) -> Result<bool, Error> {
    let command = julia_at(path)?;
    put(place, channel, Entry::Link { command, arguments })
}

/// Makes a channel that is another one under a new name, with arguments. Returns whether it replaces a link.
///
/// # Errors
/// The target is an alias itself or is not installed, or the name is taken.
pub fn alias(place: &Place, channel: &Channel, target: &Channel, arguments: Vec<String>) -> Result<bool, Error> {
    let installed = Toolchains::new().installed(place)?;
    match installed.find(target) {
        None => return Err(Error::Missing(installed.missing(target))),
        Some((_, super::Held::Alias { .. })) => {
            let next = "make it an alias of what that one stands for";
            return Err(Error::failed(format!("cannot link {channel} to +{target}"), "that is an alias itself", next));
        }
        Some(_) => {}
    }
    put(place, channel, Entry::Alias { target: target.to_string(), arguments })
}

/// A Julia by its program or by its folder.
fn julia_at(path: &Path) -> Result<PathBuf, Error> {
    let failed = |cause: String, path: &Path| {
        let next = "give the path of a julia program, or of a folder with bin/julia";
        Error::failed(format!("cannot link {}", path.display()), cause, next)
    };
    let path = settled(path).map_err(|error| failed(error.to_string(), path))?;
    let binary = if path.is_dir() { path.join("bin/julia") } else { path.clone() };
    check_executable(&binary).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if path.is_dir() => failed("it has no bin/julia".into(), &path),
        _ => failed(error.to_string(), &path),
    })?;
    check_machine(&binary).map_err(|cause| failed(cause, &path))?;
    Ok(binary)
}

/// Absolute and without `..`; a link at its end stays, since it may be meant to be turned to another Julia.
fn settled(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
        _ => path.canonicalize(),
    }
}

/// What is installed stays reachable: a link takes the place of another link only.
fn put(place: &Place, channel: &Channel, entry: Entry) -> Result<bool, Error> {
    let taken = |by: &str, command: &str| {
        let next = format!("choose another name, or remove that one with `{command} {channel}`");
        Error::failed(format!("cannot link {channel}"), format!("{by} has a channel of that name"), next)
    };
    if matches!(Toolchains::new().installed(place)?.find(channel), Some((Origin::Juliaup, _))) {
        return Err(taken("juliaup", "juliaup remove"));
    }
    change(place, |state| {
        let key = channel.to_string();
        if matches!(state.channels.get(&key), Some(Entry::Tree { .. })) {
            return Err(taken("jlapp", "jlapp julia rm"));
        }
        Ok(state.channels.insert(key, entry).is_some())
    })
}

/// What is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// A toolchain.
    Tree,
    /// A link or an alias.
    Link,
}

/// Takes a channel out of our record; its Julia is left to [`super::gc::collect`].
///
/// # Errors
/// There is no such channel of ours, it is the default, or an alias leads to it.
pub fn remove(place: &Place, channel: &Channel, removal: Removal) -> Result<(), Error> {
    let failed =
        |cause: String, next: String| Err(Error::failed(format!("cannot remove channel {channel}"), cause, next));
    let installed = Toolchains::new().installed(place)?;
    change(place, |state| {
        let key = channel.to_string();
        match (state.channels.get(&key), removal) {
            (None, _) if installed.juliaup.channels.contains_key(channel) => {
                return failed("it is juliaup's".into(), format!("`juliaup remove {channel}` does it"));
            }
            (None, _) => return Err(Error::Missing(installed.missing(channel))),
            (Some(Entry::Tree { .. }), Removal::Link) => {
                return failed("it is not a link".into(), format!("`jlapp julia rm {channel}` removes it"));
            }
            (Some(Entry::Link { .. } | Entry::Alias { .. }), Removal::Tree) => {
                return failed("it is a link".into(), format!("`jlapp julia unlink {channel}` removes it"));
            }
            _ => {}
        }
        if state.default.as_ref() == Some(&key) {
            return failed("it is the default".into(), "set another one with `jlapp julia default <channel>`".into());
        }
        let leads_here = |entry: &Entry| matches!(entry, Entry::Alias { target, .. } if *target == key);
        if let Some((alias, _)) = state.channels.iter().find(|(_, entry)| leads_here(entry)) {
            return failed(
                format!("{alias} is an alias of it"),
                format!("remove that one with `jlapp julia unlink {alias}`"),
            );
        }
        state.channels.remove(&key);
        Ok(())
    })
}

/// Makes an installed channel the default.
///
/// # Errors
/// [`Error::Missing`] where it is not installed.
pub fn set_default(place: &Place, channel: &Channel) -> Result<(), Error> {
    let installed: Installed = Toolchains::new().installed(place)?;
    installed.resolve(channel)?;
    change(place, |state| {
        state.default = Some(channel.to_string());
        Ok(())
    })
}

/// What our record says about settings now.
///
/// # Errors
/// The record cannot be read.
pub fn settings(place: &Place) -> Result<Settings, Error> {
    Ok(super::state::State::read(place)?.settings)
}

/// Changes settings.
///
/// # Errors
/// The record cannot be read or written.
pub fn set_settings(place: &Place, set: impl FnOnce(&mut Settings)) -> Result<(), Error> {
    change(place, |state| {
        set(&mut state.settings);
        Ok(())
    })
}

/// Our own channels that newer versions come to.
///
/// # Errors
/// The record cannot be read.
pub fn moving_channels(place: &Place) -> Result<Vec<Channel>, Error> {
    let state = super::state::State::read(place)?;
    let trees = state.channels.iter().filter(|(_, entry)| matches!(entry, Entry::Tree { .. }));
    let channels = trees.filter_map(|(name, _)| name.parse::<Channel>().ok());
    Ok(channels.filter(Channel::moves).collect())
}

/// This machine's architecture, for lists; x64 where Julia is published for none such.
pub fn own_architecture() -> Architecture {
    Architecture::own().unwrap_or(Architecture::X64)
}

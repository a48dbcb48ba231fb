//! One conductor per socket: a lock, not a pid, proves life.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::client::socket;
use crate::sys::files;

/// The lock beside the socket, and the name that it stands for.
pub(super) struct Lock {
    socket: PathBuf,
    file: RefCell<Option<File>>,
    /// Device and inode of the socket that we listen at.
    bound: Cell<(u64, u64)>,
    /// The name is ours to remove, not systemd's.
    owns_name: Cell<bool>,
}

/// Where the lock of a socket is.
pub fn lock_path(socket: &Path) -> PathBuf {
    let mut name = OsString::from(socket);
    name.push(".lock");
    name.into()
}

impl Lock {
    /// `None` when a conductor lives already.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        socket::prepare_folder(path)?;
        let file = files::try_lock(&lock_path(path))?;
        Ok(file.map(|file| Self {
            socket: path.to_path_buf(),
            file: RefCell::new(Some(file)),
            bound: Cell::default(),
            owns_name: Cell::new(false),
        }))
    }

    /// Takes on a socket that listens at the name already, and is somebody else's.
    pub(super) fn adopt(&self) -> io::Result<()> {
        self.bound.set(identity(&fs::symlink_metadata(&self.socket)?));
        Ok(())
    }

    /// Whether the socket is somebody else's.
    pub(super) fn is_adopted(&self) -> bool {
        !self.owns_name.get()
    }

    /// Listens at the socket's name, replacing what a dead conductor left there.
    ///
    /// `bind` gets another name, which is then renamed, so that a client finds either none or one that listens.
    pub(super) fn bind<T>(&self, bind: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let mut beside = OsString::from(&self.socket);
        beside.push("+");
        let beside = PathBuf::from(beside);
        let _ = fs::remove_file(&beside);
        let listener = bind(&beside)?;
        self.bound.set(identity(&fs::symlink_metadata(&beside)?));
        fs::rename(&beside, &self.socket)?;
        self.owns_name.set(true);
        Ok(listener)
    }

    /// Whether the lock file is still the one that we hold, and the socket there.
    pub(super) fn state(&self) -> State {
        let held = self.file.borrow().as_ref().and_then(|file| file.metadata().ok());
        let named = fs::metadata(lock_path(&self.socket)).ok();
        let bound = fs::symlink_metadata(&self.socket).is_ok_and(|found| identity(&found) == self.bound.get());
        match (held, named) {
            (Some(held), Some(named)) if identity(&held) == identity(&named) => {
                if bound {
                    State::Held
                } else {
                    State::SocketLost
                }
            }
            _ => State::Lost,
        }
    }

    /// Removes the socket, if it is ours, and gives the lock free; what is connected stays connected.
    pub(super) fn release(&self) {
        if self.owns_name.get() && matches!(self.state(), State::Held) {
            let _ = fs::remove_file(&self.socket);
        }
        // Not only closed: a child that has not executed its program yet has it open, too.
        if let Some(file) = self.file.borrow_mut().take() {
            let _ = file.unlock();
        }
    }
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// What has become of our names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Held,
    /// The socket was removed or replaced: it is made again.
    SocketLost,
    /// The lock was removed, with its folder perhaps: another conductor may live, so this one ends.
    Lost,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_released_lock_is_free_although_a_child_has_it_open() {
        let folder = std::env::temp_dir().join(format!("jlapp-lock-{}", std::process::id()));
        let socket = folder.join("daemon.sock");
        let lock = Lock::take(&socket).unwrap().unwrap();
        let child = lock.file.borrow().as_ref().unwrap().try_clone().unwrap();
        assert!(Lock::take(&socket).unwrap().is_none());
        lock.release();
        assert!(Lock::take(&socket).unwrap().is_some());
        drop(child);
        fs::remove_dir_all(folder).unwrap();
    }
}

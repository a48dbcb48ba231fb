//! In a launch: the session that it belongs to, whose process is kept for the launches after it.

use super::{Malformed, Reader, Writer};

/// Whether Revise updates what a session has loaded before a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revise {
    /// Where the session's environment has it.
    #[default]
    IfThere,
    Yes,
    No,
}

/// A session, and what its launch wants of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Empty: the one of the client's own terminal session (`Launch::session`).
    pub label: Vec<u8>,
    /// A session that runs a launch is not waited for.
    pub fails_when_busy: bool,
    /// All sessions of the launch's project are dropped before it.
    pub restarts: bool,
    pub revise: Revise,
}

impl Kept {
    pub(super) fn write(&self, out: &mut Writer) {
        let revise = self.revise as u32;
        out.string(&self.label).u32(u32::from(self.fails_when_busy)).u32(u32::from(self.restarts)).u32(revise);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (label, fails_when_busy, restarts) = (from.string()?, from.u32()? != 0, from.u32()? != 0);
        let revise = match from.u32()? {
            0 => Revise::IfThere,
            1 => Revise::Yes,
            2 => Revise::No,
            _ => return Err(Malformed("has an unknown wish about Revise")),
        };
        Ok(Self { label, fails_when_busy, restarts, revise })
    }
}

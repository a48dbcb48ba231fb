//! Conductor → client: who serves a launch that is traced, and what `jlapp daemon warm` has done.

use super::{Malformed, Reader, Writer};

/// The body of a frame of kind `Served`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// `branch`, `fork`, `fresh`: the kind of worker.
    pub kind: Vec<u8>,
    /// Why it was not served warmer, in words; empty where it was as warm as can be.
    pub why: Vec<u8>,
    /// What the conductor took to find the worker, in microseconds.
    pub took_us: u32,
}

impl Account {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.string(&self.kind).string(&self.why).u32(self.took_us);
        out.into_bytes()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let account = Self { kind: from.string()?, why: from.string()?, took_us: from.u32()? };
        from.end()?;
        Ok(account)
    }
}

/// The body of a frame of kind `Warmed`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warmed {
    /// Launches like the one that was asked for are served by a worker now.
    pub is_ready: bool,
    /// What was done, or why nothing, in words.
    pub about: Vec<u8>,
}

impl Warmed {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u32(u32::from(self.is_ready)).string(&self.about);
        out.into_bytes()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let warmed = Self { is_ready: from.u32()? != 0, about: from.string()? };
        from.end()?;
        Ok(warmed)
    }
}

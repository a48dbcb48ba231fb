//! Conductor → client: run this launch as plain Julia.

use super::{Malformed, Reader, Writer};

/// The body of a frame of kind `Direct`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// Why, one word of the conductor's list (`conductor::decline`).
    pub reason: Vec<u8>,
    /// More about it, in words; may be empty.
    pub why: Vec<u8>,
    /// The Julia that was picked, and the arguments that come before the client's own. Empty: the client picks one itself.
    pub command: Vec<Vec<u8>>,
}

impl Refusal {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.string(&self.reason).string(&self.why);
        out.list(&self.command, |out, word| {
            out.string(word);
        });
        out.into_bytes()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let refusal = Self { reason: from.string()?, why: from.string()?, command: from.list(Reader::string)? };
        from.end()?;
        Ok(refusal)
    }
}

//! The header in front of every body on a stream.

use super::Malformed;

/// Version of the layout of all messages; differs when any of them changes.
pub const PROTOCOL: u16 = 3;
/// Length of [`Header`] in bytes.
pub const HEADER_BYTES: usize = 16;
/// The longest body accepted. Linux allows 6 MiB of arguments and environment (`execve(2)`, "Limits on size of
/// arguments and environment"); the rest is room for everything else.
pub const MAX_BODY_BYTES: u32 = 16 << 20;
const MAGIC: [u8; 4] = *b"JLAP";

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// Client → conductor: run a program ([`super::Launch`]), with descriptors.
    Launch = 1,
    /// Client → conductor: describe yourself; empty body.
    Status = 2,
    /// Client → conductor: end, leaving running jobs alone; empty body.
    Stop = 3,
    /// Client → conductor: serve no launches while this connection is open, and end once no job runs; empty body.
    Drain = 4,
    /// Client → conductor: make ready what would serve this launch ([`super::Launch`]), with descriptors; run nothing.
    Warm = 5,
    /// Conductor → client: run it as plain Julia; the body is the reason, ASCII.
    Direct = 16,
    /// Conductor → client: this conductor is older and has ended; start a new one; empty body.
    Retired = 17,
    /// Conductor → client: the answer to `Status`, JSON.
    Report = 18,
    /// Conductor → client: the answer to `Stop` and, in the end, to `Drain`; empty body.
    Stopped = 19,
    /// Conductor → client, before the worker speaks, where a launch is traced: who serves it ([`super::Account`]).
    Served = 20,
    /// Conductor → client: the answer to `Warm`; what was done, or why not ([`super::Warmed`]).
    Warmed = 21,
    /// Conductor → worker: start a job ([`super::Job`]), with descriptors.
    Job = 32,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Launch,
        Self::Status,
        Self::Stop,
        Self::Drain,
        Self::Warm,
        Self::Direct,
        Self::Retired,
        Self::Report,
        Self::Stopped,
        Self::Served,
        Self::Warmed,
        Self::Job,
    ];

    fn from_wire(value: u16) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == value).ok_or(Malformed("has an unknown kind"))
    }
}

/// A release of this project; a later one compares greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32);

impl Release {
    /// The release that this code is.
    pub const OURS: Self = Self(
        (number(env!("CARGO_PKG_VERSION_MAJOR")) << 20)
            | (number(env!("CARGO_PKG_VERSION_MINOR")) << 10)
            | number(env!("CARGO_PKG_VERSION_PATCH")),
    );
}

const fn number(digits: &str) -> u32 {
    let bytes = digits.as_bytes();
    let mut value = 0;
    let mut at = 0;
    while at < bytes.len() {
        value = value * 10 + (bytes[at] - b'0') as u32;
        at += 1;
    }
    value
}

/// ```text
/// 0  magic "JLAP"
/// 4  protocol version, u16      8  body length in bytes, u32
/// 6  kind, u16                 12  release of the sender, u32
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub protocol: u16,
    kind: u16,
    pub body_bytes: u32,
    pub release: Release,
}

impl Header {
    /// Reads a header of any protocol version; only the magic and the length limit are checked.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Malformed> {
        let [m0, m1, m2, m3, p0, p1, k0, k1, l0, l1, l2, l3, r0, r1, r2, r3] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(Malformed("does not begin with JLAP"));
        }
        let body_bytes = u32::from_le_bytes([l0, l1, l2, l3]);
        if body_bytes > MAX_BODY_BYTES {
            return Err(Malformed("is longer than 16 MiB"));
        }
        Ok(Self {
            protocol: u16::from_le_bytes([p0, p1]),
            kind: u16::from_le_bytes([k0, k1]),
            body_bytes,
            release: Release(u32::from_le_bytes([r0, r1, r2, r3])),
        })
    }

    /// What the body holds; meaningful only when [`Header::protocol`] is ours.
    pub fn kind(&self) -> Result<Kind, Malformed> {
        Kind::from_wire(self.kind)
    }
}

/// Puts a header in front of a body.
///
/// # Errors
/// The body is longer than [`MAX_BODY_BYTES`].
pub fn frame(kind: Kind, body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let body_bytes = u32::try_from(body.len()).ok().filter(|len| *len <= MAX_BODY_BYTES);
    let body_bytes = body_bytes.ok_or(Malformed("is longer than 16 MiB"))?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&PROTOCOL.to_le_bytes());
    bytes.extend_from_slice(&(kind as u16).to_le_bytes());
    bytes.extend_from_slice(&body_bytes.to_le_bytes());
    bytes.extend_from_slice(&Release::OURS.0.to_le_bytes());
    bytes.extend_from_slice(body);
    Ok(bytes)
}

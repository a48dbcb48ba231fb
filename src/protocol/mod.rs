//! Messages as bytes: encoding, decoding, limits and versions. No I/O happens here.
//!
//! Two kinds of channel carry them.
//!
//! * **Stream** (client ⇄ conductor, conductor → worker): frames of a 16-byte [`Header`] and a body. Descriptors
//!   ride on the first byte of a frame.
//! * **Packet** (the job channel; conductor ⇄ the parent of a job): one [`Packet`] per `SOCK_SEQPACKET` message.
//!
//! All integers are little-endian. Magic and version stand first in every frame and always will, so that any two
//! releases can at least tell each other apart.

mod account;
mod bytes;
mod frame;
mod job;
mod kept;
mod launch;
mod packet;
mod recipe;
mod refusal;

pub use account::{Account, Warmed};
pub use bytes::{Malformed, Reader, Writer};
pub use frame::{HEADER_BYTES, Header, Kind, MAX_BODY_BYTES, PROTOCOL, Release, frame};
pub use job::{Job, Limit, OptionValue};
pub use kept::{Kept, Revise};
pub use launch::{Launch, MAX_DESCRIPTORS};
pub use packet::{PACKET_BYTES, Packet};
pub use recipe::{BranchReport, Recipe};
pub use refusal::Refusal;

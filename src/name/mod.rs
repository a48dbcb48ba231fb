//! Names, parsed once: channels of toolchains and versions of Julia.
//!
//! A [`Channel`] is what stands behind the `+` of `julia +1.10`, in juliaup's grammar. Invariant: what `Display` writes,
//! `FromStr` reads back as the same name. Absent: which channels exist, and what they stand for at the moment.

mod channel;
#[cfg(feature = "full")]
mod near;
mod version;

pub use channel::{Architecture, BadName, Channel, Kind};
#[cfg(feature = "full")]
pub use near::near_misses;
pub use version::{BadVersion, Version};

//! Warm launches of Julia programs, and the toolchains and apps around them.
//!
//! The layers, low to high; none names a later one, and `tests/layers.rs` holds that:
//! `protocol`, `env`, `exit`, `name`, `sys`, `julia`, `client`, then with the feature `full`
//! `toolchain`, `apps`, `worker`, `conductor`, `cli`. `docs/architecture.md` is the map.

pub mod client;
pub mod env;
pub mod exit;
pub mod julia;
pub mod name;
pub mod protocol;
pub mod sys;

#[cfg(feature = "full")]
pub mod apps;
#[cfg(feature = "full")]
pub mod cli;
#[cfg(feature = "full")]
pub mod conductor;
#[cfg(feature = "full")]
pub mod toolchain;
#[cfg(feature = "full")]
pub mod worker;

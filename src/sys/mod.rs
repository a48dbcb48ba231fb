//! The system: descriptors, processes, signals, locks. The only place with `unsafe`.
//!
//! Nothing here knows what Julia, a conductor or an app is.
#![allow(unsafe_code, reason = "system calls without a safe wrapper; each block says why it is sound")]

mod call;
pub mod children;
pub mod crash;
pub mod descriptors;
pub mod files;
pub mod freestanding;
pub mod kin;
pub mod limits;
pub mod passing;
pub mod process;
pub mod scratch;
pub mod signals;
pub mod terminal;

pub use crash::{CRASH_POINTS, crash_point, crash_point_at};

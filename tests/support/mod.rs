//! The harness of the suites that start the real programs on a real Julia.
//!
//! [`suite::Suite`] is a test program: rows of [`case::Case`], each run as plain Julia and through `juliaclient` and
//! compared, and free-standing tests. All of them share one [`world::World`]: a private home, runtime folder and conductor.
//! Invariant: a launch is given everything (environment, folder, descriptors, signals); nothing of the test run's own
//! reaches it. Absent: what any case is about.

#![allow(dead_code, unused_imports, reason = "each suite uses a part")]

pub mod capture;
pub mod case;
pub mod julia;
pub mod launch;
pub mod leftovers;
pub mod normal;
pub mod running;
pub mod shell;
pub mod snippets;
pub mod spawn;
pub mod suite;
pub mod terminal;
pub mod turns;
pub mod wait;
pub mod world;

pub use case::{Case, direct, fork, fresh};
pub use launch::{Launch, Stream, Way};
pub use running::{End, Outcome, Running};
pub use suite::Suite;
pub use wait::{comes_true, wait_until};
pub use world::World;

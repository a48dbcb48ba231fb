//! Toolchains: `jlapp julia …` as a user runs it, with private homes and depots and a server of the test's own, and which
//! Julia a launch gets.
//!
//! Julia itself is not the subject: a build is an archive with a script in it that answers `--version`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
mod bad_input;
mod crash;
mod disk;
mod installing;
mod launching;
mod network;
mod order;
mod records;
mod resuming;
mod server;
mod world;

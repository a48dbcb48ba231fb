//! Apps of packages: `jlapp add` and what keeps them, as a user runs it, with the real Pkg, and with registries and
//! repositories that the test makes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adding;
mod at_once;
mod crash;
#[path = "../daemon_support/mod.rs"]
mod daemon_support;
mod keeping;
mod natives;
mod network;
mod pkg_checks;
mod places;
mod precompiled;
mod records;
mod refusing;
mod served;
mod terminal;
#[path = "../support/julia.rs"]
mod tested;
mod world;

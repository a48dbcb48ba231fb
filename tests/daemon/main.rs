//! The conductor as a daemon: one per socket, hard to kill by accident, harmed by nobody, and leaving nothing behind.
//!
//! Real programs throughout. Where a booted Julia isn't the subject, a shell script stands in for it: every launch then
//! goes direct, with the conductor's reason. Cases that need a booted one share it ([`Steps`]), since a boot takes seconds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod activation;
mod booted;
#[path = "../daemon_support/mod.rs"]
mod daemon_support;
mod hostile_clients;
mod hostile_conductors;
mod memory;
mod no_julia;
mod one;
mod releases;
mod seen;
mod shared;
mod sockets;
mod units;

//! Every exit status that our own programs choose. A program that was run passes its own through.

/// What was asked was not done; the reason stands on stderr.
pub const FAILURE: i32 = 1;
/// The command line could not be understood (as clap has it).
pub const USAGE: i32 = 2;
/// A session runs another launch, and this one was not to wait (EX_TEMPFAIL, sysexits.h).
pub const SESSION_BUSY: i32 = 75;
/// `JULIA_DAEMON=require` and no worker could serve, or the worker was lost after the program had started.
pub const NOT_SERVED: i32 = 125;
/// The program to run exists but cannot be executed (as the shell has it).
pub const CANNOT_EXECUTE: i32 = 126;
/// The program to run was not found (as the shell has it).
pub const NOT_FOUND: i32 = 127;
/// Added to a signal's number when the client cannot die by that signal itself.
pub const SIGNAL_BASE: i32 = 128;

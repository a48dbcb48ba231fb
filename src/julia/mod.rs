//! Julia seen from outside: what its own command line means, for every Julia from 1.5 on.
//!
//! [`parse`] reads a command line as Julia itself does, or refuses it with a reason. Invariant: what it accepts, every
//! Julia in [`CommandLine::known_to`] accepts too, and reads the same way; in any doubt it refuses, and plain Julia
//! prints its own error. Absent: I/O (but for [`CommandLine::resolve_paths`]), the environment, and which Julia runs.

mod command_line;
mod getopt;
mod process_switch;
mod refusal;
pub mod switches;
mod values;

pub use command_line::{Action, Banner, CommandLine, Program, parse};
pub use process_switch::ProcessSwitch;
pub use refusal::Refusal;
pub use values::Values;

/// A Julia release line: major and minor version. Patch releases have not changed the command line so far.
pub type Version = (u32, u32);

//! Why a command line is left to plain Julia.

use std::ffi::OsString;
use std::fmt;

/// A command line that we don't serve. Not an error of ours: plain Julia takes it, and says what is wrong if anything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Julia prints something and exits before it starts: `--version`, `--help`, `--help-hidden`.
    PrintsAndExits(&'static str),
    /// No Julia that we know has it. The switch as it was typed.
    UnknownSwitch(OsString),
    /// An abbreviation of several switches, in one Julia or in different ones. As it was typed.
    AmbiguousSwitch(OsString),
    /// A value that some Julia with this switch rejects, or that we can't check.
    BadValue {
        /// The switch's long name.
        switch: &'static str,
        /// Its value as it was typed.
        value: OsString,
    },
    /// The command line ends where the value should be.
    MissingValue(&'static str),
    /// `--quiet=yes`: a value for a switch that takes none.
    UnexpectedValue(&'static str),
    /// A switch whose meaning can't be kept in a warm worker.
    NotServed(&'static str),
}

impl Refusal {
    /// The refusal's kind, for traces and for counting.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::PrintsAndExits(_) => "prints-and-exits",
            Self::UnknownSwitch(_) => "unknown-switch",
            Self::AmbiguousSwitch(_) => "ambiguous-switch",
            Self::BadValue { .. } => "bad-value",
            Self::MissingValue(_) => "missing-value",
            Self::UnexpectedValue(_) => "unexpected-value",
            Self::NotServed(_) => "not-served",
        }
    }
}

/// One line without control characters, whatever bytes were typed. Long names stand without their dashes in the
/// variants and with them in here.
#[expect(clippy::unnecessary_debug_formatting, reason = "a word may hold newlines and bytes that are no text")]
impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrintsAndExits(switch) => write!(out, "--{switch} prints and exits"),
            Self::UnknownSwitch(typed) => write!(out, "unknown switch {typed:?}"),
            Self::AmbiguousSwitch(typed) => write!(out, "{typed:?} may stand for several switches"),
            Self::BadValue { switch, value } => write!(out, "--{switch} with the value {value:?}"),
            Self::MissingValue(switch) => write!(out, "--{switch} without its value"),
            Self::UnexpectedValue(switch) => write!(out, "--{switch} takes no value"),
            Self::NotServed(switch) => write!(out, "--{switch} needs a process of its own"),
        }
    }
}

impl std::error::Error for Refusal {}

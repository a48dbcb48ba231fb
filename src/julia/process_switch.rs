//! Settings of the whole process, spelled so that equal ones compare equal.

use super::Values;
use super::switches::{Argument, SWITCHES, Switch};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// A process-wide setting of a command line, as part of what a worker must match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessSwitch {
    /// The long name, however it was typed.
    pub name: &'static str,
    /// Its value; what a bare switch stands for is filled in (`-O` is 3). `None` for a switch without argument.
    pub value: Option<OsString>,
}

impl ProcessSwitch {
    pub(super) fn new(switch: &Switch, value: Option<&OsStr>) -> Self {
        Self { name: switch.long, value: value.map(OsStr::to_owned) }
    }

    /// Adds this setting to others, which are sorted by name and stay so. As in Julia the later one of the same name
    /// wins.
    pub(super) fn join(mut self, others: &mut Vec<Self>) {
        match others.binary_search_by_key(&self.name, |other| other.name) {
            Ok(at) => {
                self.keep_sweep_threads(&others[at]);
                others[at] = self;
            }
            Err(at) => others.insert(at, self),
        }
    }

    /// The one value that Julia sets in halves: `--gcthreads=2` after `--gcthreads=4,1` means `2,1`.
    fn keep_sweep_threads(&mut self, earlier: &Self) {
        let (Some(value), Some(earlier)) = (&mut self.value, &earlier.value) else { return };
        let (earlier, comma) = (earlier.as_bytes(), |byte: &u8| *byte == b',');
        if self.name == "gcthreads" && !value.as_bytes().iter().any(comma) {
            let sweep = earlier.iter().position(comma).map_or(&[][..], |at| &earlier[at..]);
            value.push(OsStr::from_bytes(sweep));
        }
    }

    /// As arguments for Julia: one word, in the spelling that every Julia with this switch takes.
    pub fn to_args(&self) -> Vec<OsString> {
        let (name, joint) = self.spelling();
        let mut word = OsString::from(name);
        if let Some(value) = &self.value {
            word.push(joint);
            word.push(value);
        }
        vec![word]
    }

    /// The switch, and what stands between it and its value. The short form only where it is the older one: `-g2`.
    fn spelling(&self) -> (String, &'static str) {
        let older = self.switch().filter(|switch| switch.short_since < switch.long_since);
        match older.and_then(|switch| switch.short) {
            Some(letter) => (format!("-{}", char::from(letter)), ""),
            None => (format!("--{}", self.name), "="),
        }
    }

    /// Replaces the value if it names a file.
    pub(super) fn resolve_path(&mut self, resolve: impl Fn(&OsStr) -> OsString) {
        let file = self.switch().is_some_and(|switch| switch.argument == Argument::Required(Values::File));
        if let Some(value) = self.value.as_mut().filter(|_| file) {
            *value = resolve(value);
        }
    }

    fn switch(&self) -> Option<&'static Switch> {
        SWITCHES.iter().find(|switch| switch.long == self.name)
    }
}

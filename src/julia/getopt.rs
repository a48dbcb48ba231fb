//! The words of a command line as glibc's `getopt_long` reads them with `+` (POSIX order): one switch after the other,
//! up to the first word that is none.
//!
//! Facts: getopt(3), and how `jl_parse_opts` in Julia's `src/jloptions.c` answers what getopt calls an error. Where
//! Julias differ, [`Found::since`] says from which one on the reading holds.

use super::switches::{Argument, SWITCHES, Scope, Switch};
use super::{Refusal, Values, Version};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Before, Julia cut the words at the first `--` wherever it stood, so it could not be a value, and dropped it from the
/// program's own arguments (julia#45335).
pub const DOUBLE_DASH_KEPT: Version = (1, 9);

/// A switch that was read.
pub struct Found<'a> {
    pub switch: &'static Switch,
    /// `None` for a switch without argument; what a bare one stands for is filled in.
    pub value: Option<&'a OsStr>,
    /// The first Julia that knows this spelling and this value.
    pub since: Version,
    /// Whether the long name was cut short.
    pub abbreviated: bool,
}

/// Reads switches from the front of a command line.
pub struct Scanner<'a> {
    words: &'a [OsString],
    /// The first word that is not read yet.
    at: usize,
    /// What is left of a word of short switches (`-iq`).
    bundle: &'a [u8],
    /// Whether `--` has ended the switches.
    terminated: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(words: &'a [OsString]) -> Self {
        Self { words, at: 0, bundle: &[], terminated: false }
    }

    /// The next switch, or `None` where the switches end.
    pub fn next(&mut self) -> Result<Option<Found<'a>>, Refusal> {
        if self.bundle.is_empty() {
            match self.words.get(self.at).map(|word| word.as_bytes()) {
                _ if self.terminated => return Ok(None),
                Some(b"--") => {
                    self.terminated = true;
                    self.at += 1;
                    return Ok(None);
                }
                Some([b'-', b'-', name @ ..]) => return self.long(name).map(Some),
                Some([b'-', letters @ ..]) if !letters.is_empty() => self.bundle = letters,
                _ => return Ok(None),
            }
            self.at += 1;
        }
        self.short().map(Some)
    }

    /// The words that no switch took.
    pub fn rest(&self) -> &'a [OsString] {
        &self.words[self.at..]
    }

    /// Whether `--` stood between the switches and the rest.
    pub fn terminated(&self) -> bool {
        self.terminated
    }

    /// Gives back the last word of the switch read last, as Julia does after `--module`.
    pub fn give_back_word(&mut self) {
        self.at -= 1;
    }

    fn long(&mut self, typed: &'a [u8]) -> Result<Found<'a>, Refusal> {
        let word = &self.words[self.at];
        self.at += 1;
        let (name, attached) = split_at_equals(typed);
        let switch = served(named(name, word)?)?;
        let value = match switch.argument {
            Argument::None if attached.is_some() => return Err(Refusal::UnexpectedValue(switch.long)),
            Argument::Required(_) if attached.is_none() => Some(self.word_as_value(switch)?),
            _ => attached.map(OsStr::from_bytes),
        };
        let mut found = Found::new(switch, value, switch.long_since)?;
        found.abbreviated = name.len() < switch.long.len();
        Ok(found)
    }

    fn short(&mut self) -> Result<Found<'a>, Refusal> {
        let (letter, rest) = self.bundle.split_first().unwrap_or((&b'-', &[]));
        self.bundle = rest;
        let switch = served(lettered(*letter)?)?;
        let value = match switch.argument {
            Argument::None => None,
            _ if !rest.is_empty() => Some(OsStr::from_bytes(std::mem::take(&mut self.bundle))),
            Argument::Optional { .. } if self.rest().is_empty() => None,
            _ => Some(self.word_as_value(switch)?),
        };
        Found::new(switch, value, switch.short_since)
    }

    fn word_as_value(&mut self, switch: &Switch) -> Result<&'a OsStr, Refusal> {
        let word = self.words.get(self.at).ok_or(Refusal::MissingValue(switch.long))?;
        self.at += 1;
        Ok(word)
    }
}

impl<'a> Found<'a> {
    fn new(switch: &'static Switch, typed: Option<&'a OsStr>, since: Version) -> Result<Self, Refusal> {
        let (values, value) = match switch.argument {
            Argument::None => return Ok(Self { switch, value: None, since, abbreviated: false }),
            Argument::Required(values) => (values, typed.unwrap_or_default()),
            Argument::Optional { values, bare } => (values, typed.unwrap_or(OsStr::new(bare))),
        };
        let since = since.max(value_known_since(switch, values, value)?);
        Ok(Self { switch, value: Some(value), since, abbreviated: false })
    }
}

fn value_known_since(switch: &Switch, values: Values, value: &OsStr) -> Result<Version, Refusal> {
    let known = values.known_since(value);
    let since = known.ok_or_else(|| Refusal::BadValue { switch: switch.long, value: value.to_owned() })?;
    Ok(if value == "--" { since.max(DOUBLE_DASH_KEPT) } else { since })
}

fn split_at_equals(typed: &[u8]) -> (&[u8], Option<&[u8]>) {
    match typed.iter().position(|byte| *byte == b'=') {
        Some(at) => (&typed[..at], Some(&typed[at + 1..])),
        None => (typed, None),
    }
}

/// The switch with this long name, else the only one that begins with it. Asked of all Julias' switches at once: what
/// is ambiguous in one of them is refused for all. (Two switches never mean the same, so glibc's rule that synonyms are
/// not ambiguous never applies.)
fn named(name: &[u8], word: &OsStr) -> Result<&'static Switch, Refusal> {
    let mut candidates = SWITCHES.iter().filter(|switch| switch.long.as_bytes().starts_with(name));
    if let Some(exact) = candidates.clone().find(|switch| switch.long.len() == name.len()) {
        return Ok(exact);
    }
    match (candidates.next(), candidates.next()) {
        (None, _) => Err(Refusal::UnknownSwitch(word.to_owned())),
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Refusal::AmbiguousSwitch(word.to_owned())),
    }
}

fn lettered(letter: u8) -> Result<&'static Switch, Refusal> {
    let switch = SWITCHES.iter().find(|switch| switch.short == Some(letter));
    switch.ok_or_else(|| Refusal::UnknownSwitch(OsStr::from_bytes(&[b'-', letter]).to_owned()))
}

fn served(switch: &'static Switch) -> Result<&'static Switch, Refusal> {
    match switch.scope {
        Scope::Run(_) | Scope::Process => Ok(switch),
        Scope::Print => Err(Refusal::PrintsAndExits(switch.long)),
        Scope::Plain => Err(Refusal::NotServed(switch.long)),
    }
}

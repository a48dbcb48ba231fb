//! Which values a switch takes, and since which Julia.
//!
//! Facts from the `switch` statement of Julia's `src/jloptions.c`. Stricter than Julia where its C is lenient (leading
//! zeros, signs, `autofoo` for `auto`): plain Julia decides about those.

use super::Version;
use super::switches::OLDEST;
use std::ffi::OsStr;

/// The values that a switch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Every word, the empty one too.
    Any,
    /// A file's name; whether it is there is not asked.
    File,
    /// One of these words, each with the first Julia that takes it.
    OneOf(&'static [(&'static str, Version)]),
    /// `--threads`: `N` or `auto`; since 1.9 with `,M` or `,auto` for the interactive pool, where `0` is 1.12's.
    Threads,
    /// `--gcthreads`: `N`, or `N,0` or `N,1`.
    GcThreads,
    /// A number of at least 1 with an optional unit.
    Size {
        /// Whether `%`, of the machine's memory, is a unit as well.
        percent: bool,
    },
    /// `--cpu-target`: one name with features. Whether LLVM knows it is not asked.
    CpuTarget,
}

impl Values {
    /// The first Julia that takes this value, or `None` where no Julia does or we can't tell.
    pub fn known_since(self, value: &OsStr) -> Option<Version> {
        if self == Self::Any {
            return Some(OLDEST);
        }
        if self == Self::File {
            return (!value.is_empty()).then_some(OLDEST);
        }
        self.text_known_since(value.to_str()?)
    }

    fn text_known_since(self, text: &str) -> Option<Version> {
        let fits = match self {
            Self::Any | Self::File => true,
            Self::OneOf(words) => return since_among(words, text),
            Self::Threads => return threads_since(text),
            Self::GcThreads => are_gc_threads(text),
            Self::Size { percent } => is_size(text, percent),
            Self::CpuTarget => is_cpu_target(text),
        };
        fits.then_some(OLDEST)
    }
}

fn since_among(words: &[(&str, Version)], text: &str) -> Option<Version> {
    words.iter().find(|(word, _)| *word == text).map(|(_, since)| *since)
}

fn threads_since(text: &str) -> Option<Version> {
    let (default, interactive) = match text.split_once(',') {
        Some((default, interactive)) => (default, Some(interactive)),
        None => (text, None),
    };
    if default != "auto" && natural(default)? == 0 {
        return None;
    }
    match interactive {
        None => Some(OLDEST),
        Some("auto") => Some((1, 9)),
        Some(number) if natural(number)? > 0 => Some((1, 9)),
        Some(_) => Some((1, 12)),
    }
}

fn are_gc_threads(text: &str) -> bool {
    let (mark, sweep) = text.split_once(',').unwrap_or((text, "0"));
    natural(mark).is_some_and(|number| number > 0) && matches!(sweep, "0" | "1")
}

/// A number in the one spelling that everybody reads alike, below the `INT16_MAX` of the C code.
fn natural(text: &str) -> Option<i16> {
    let number: i16 = text.parse().ok()?;
    ((0..i16::MAX).contains(&number) && number.to_string() == text).then_some(number)
}

/// Julia 1.9 and 1.10 read `2GB` as two bytes, younger ones as 2 GiB; both take it, and a worker gets it as typed.
fn is_size(text: &str, percent: bool) -> bool {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let Ok(amount) = number.parse::<f64>() else { return false };
    let most = if unit == "%" { 100.0 } else { 1e15 };
    (1.0..=most).contains(&amount) && is_unit(unit, percent)
}

fn is_unit(unit: &str, percent: bool) -> bool {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "k" | "kb" | "m" | "mb" | "g" | "gb" | "t" | "tb" => true,
        "%" => percent,
        _ => false,
    }
}

/// `help`, also among the features, prints a list and exits; several targets (`;`) are for making images only
/// (`src/processor.cpp`).
fn is_cpu_target(text: &str) -> bool {
    !text.is_empty() && !text.contains("help") && !text.contains(';')
}

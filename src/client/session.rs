//! Our own switches: launches that share a process and its state.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::direct::complain;
use super::{Attempt, Reason};
use crate::exit;
use crate::protocol::{Kept, Revise};

/// Takes our own words off the front of a command line; nothing where it has none.
///
/// # Errors
/// What is wrong with them.
pub(super) fn split(mut arguments: Vec<OsString>) -> Result<(Option<Kept>, Vec<OsString>), String> {
    let mut words = Words::default();
    let mut count = 0;
    while count < arguments.len() && words.take(&arguments[count])? {
        count += 1;
    }
    arguments.drain(..count);
    match (words.label, count) {
        (None, 0) => Ok((None, arguments)),
        (None, _) => Err("--session-busy, --restart and --revise are about --session, which is missing".into()),
        (Some(label), _) => {
            let (fails_when_busy, restarts, revise) = (words.fails_when_busy, words.restarts, words.revise);
            Ok((Some(Kept { label, fails_when_busy, restarts, revise }), arguments))
        }
    }
}

#[derive(Default)]
struct Words {
    /// Empty: the terminal's.
    label: Option<Vec<u8>>,
    fails_when_busy: bool,
    restarts: bool,
    revise: Revise,
}

impl Words {
    /// Whether a word is one of ours.
    fn take(&mut self, word: &OsStr) -> Result<bool, String> {
        let bytes = word.as_bytes();
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        let wrong = || format!("`{}` is not understood; see README, Sessions", word.display());
        match (name, value) {
            (b"--session", Some(b"")) => return Err(wrong()),
            (b"--session", label) => self.label = Some(label.unwrap_or_default().to_vec()),
            (b"--session-busy", Some(b"wait")) => self.fails_when_busy = false,
            (b"--session-busy", Some(b"fail")) => self.fails_when_busy = true,
            (b"--restart", None) => self.restarts = true,
            (b"--revise", None | Some(b"yes")) => self.revise = Revise::Yes,
            (b"--revise", Some(b"no")) => self.revise = Revise::No,
            (b"--session-busy" | b"--restart" | b"--revise", _) => return Err(wrong()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Plain Julia would run the program without its session's state: nothing runs instead.
pub(super) fn refuse(reason: &Reason, attempt: &Attempt) -> i32 {
    let label = attempt.kept.as_ref().map(|kept| OsString::from_vec(kept.label.clone())).unwrap_or_default();
    let which = if label.is_empty() {
        "this terminal's session".to_owned()
    } else {
        format!("the session {}", label.display())
    };
    if reason.is_busy() {
        complain(&format!("{which} is busy with another launch, and --session-busy=fail"));
        return exit::SESSION_BUSY;
    }
    if matches!(reason, Reason::Interactive) {
        complain(&format!("{which} has no prompt: give it a program (a file, -e, or one on standard input)"));
        return exit::NOT_SERVED;
    }
    complain(&format!(
        "{which} cannot be had ({reason}); without it the program would run without its state. See `jlapp daemon logs`"
    ));
    exit::NOT_SERVED
}

//! What a program visibly asks for that a forked child has not got: Julia's signal listener, which Profile samples with,
//! the interactive thread of Julia 1.12, and what no worker has got: the client's controlling terminal.
//!
//! Seen in the text of the program alone; what it includes or loads is not looked at.

use std::borrow::Cow;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use memchr::memmem;
use rustix::fs::{FileType, Mode, OFlags};

use crate::julia::{Action, CommandLine};

/// What makes a program run in a process of its own, also as a part of another word: ProfileView samples, too.
const OWN_PROCESS: [&[u8]; 2] = [b"Profile", b":interactive"];
/// Programs that open `/dev/tty` to ask for something, and its name.
const TERMINAL: [&[u8]; 6] = [b"/dev/tty", b"sudo", b"doas", b"ssh", b"gpg", b"fzf"];
/// As much of a program file is read.
const MOST_BYTES: u64 = 256 << 10;

/// What was found in a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) own_process: bool,
    pub(super) terminal: bool,
}

impl Needs {
    /// Of the program named by `line`, relative to `directory`.
    pub(super) fn of(line: &CommandLine, directory: impl AsFd) -> Self {
        let mut texts: Vec<Cow<'_, [u8]>> = Vec::new();
        for action in &line.actions {
            if let Action::Eval(text) | Action::Print(text) = action {
                texts.push(Cow::Borrowed(text.as_bytes()));
            }
        }
        texts.extend(line.program_file().and_then(|file| text_of(file.as_bytes(), directory)).map(Cow::Owned));
        let has = |words: &[&[u8]], holds: fn(&[u8], &[u8]) -> bool| {
            texts.iter().any(|text| words.iter().any(|word| holds(text, word)))
        };
        let holds = |text: &[u8], part: &[u8]| memmem::find(text, part).is_some();
        Self { own_process: has(&OWN_PROCESS, holds), terminal: has(&TERMINAL, holds_word) }
    }
}

/// Whether a text has a word that goes on neither before nor behind.
fn holds_word(text: &[u8], word: &[u8]) -> bool {
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    memmem::find_iter(text, word).any(|at| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        !goes_on(before.filter(|_| word[0] != b'/')) && !goes_on(text.get(at + word.len()))
    })
}

/// `None` for what is no regular file, like a pipe that only the program may read.
fn text_of(file: &[u8], directory: impl AsFd) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = std::ffi::OsStr::from_bytes(file);
    let named = rustix::fs::statat(&directory, path, rustix::fs::AtFlags::empty()).ok()?;
    if FileType::from_raw_mode(named.st_mode) != FileType::RegularFile {
        return None;
    }
    let opened = rustix::fs::openat(directory, path, flags, Mode::empty()).ok()?;
    let mut text = Vec::new();
    std::fs::File::from(opened).take(MOST_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::julia::parse;

    fn needs(words: &[&str]) -> Needs {
        let words: Vec<_> = words.iter().map(std::ffi::OsString::from).collect();
        let root = std::fs::File::open("/").expect("the root folder");
        Needs::of(&parse(&words).expect("a command line"), root)
    }

    #[test]
    fn words_are_seen_in_expressions() {
        let (own_process, terminal) = (true, true);
        for code in ["using Profile", "using ProfileView; @profview f()"] {
            assert_eq!(needs(&["-e", code]), Needs { own_process, terminal: false }, "{code}");
        }
        assert_eq!(needs(&["-e", "1", "-E", "run(`sudo ls`)"]), Needs { own_process: false, terminal });
        assert_eq!(needs(&["-e", "open(\"/dev/tty\")"]), Needs { own_process: false, terminal });
        for code in ["println(1)", "pseudo(1)", "ssh_key", "f(/dev/ttyS0)"] {
            assert_eq!(needs(&["-e", code]), Needs::default(), "{code}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        assert_eq!(needs(&["/dev/zero"]), Needs::default());
        assert_eq!(needs(&["/no/such/file.jl"]), Needs::default());
    }
}

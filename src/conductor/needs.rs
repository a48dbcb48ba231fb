//! What a program visibly asks for that a forked child has not got: Julia's signal listener, which Profile samples with,
//! and the interactive thread of Julia 1.12.
//!
//! Seen in the text of the program alone; what it includes or loads is not looked at.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, Mode, OFlags};

use crate::julia::{Action, CommandLine};

/// Words that make a program run in a process of its own.
const WORDS: [&[u8]; 2] = [b"Profile", b":interactive"];
/// As much of a program file is read.
const MOST_BYTES: u64 = 256 << 10;

/// Whether the program named by `line`, relative to `directory`, must not be forked.
pub(super) fn own_process(line: &CommandLine, directory: impl AsFd) -> bool {
    let in_actions = line.actions.iter().any(|action| match action {
        Action::Eval(text) | Action::Print(text) => holds_word(text.as_bytes()),
        Action::Load(_) | Action::Module(_) => false,
    });
    let file = line.program_file().filter(|_| !in_actions);
    in_actions || file.and_then(|file| text_of(file.as_bytes(), directory)).is_some_and(|text| holds_word(&text))
}

fn holds_word(text: &[u8]) -> bool {
    WORDS.iter().any(|word| text.windows(word.len()).any(|at| at == *word))
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

    fn asks(words: &[&str]) -> bool {
        let words: Vec<_> = words.iter().map(std::ffi::OsString::from).collect();
        let root = std::fs::File::open("/").expect("the root folder");
        own_process(&parse(&words).expect("a command line"), root)
    }

    #[test]
    fn profiling_is_seen_in_expressions() {
        assert!(asks(&["-e", "using Profile"]));
        assert!(!asks(&["-e", "println(1)"]));
    }

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        assert!(!asks(&["/dev/zero"]));
        assert!(!asks(&["/no/such/file.jl"]));
    }
}

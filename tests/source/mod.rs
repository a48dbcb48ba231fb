//! The project's own source, as tests of its rules read it.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust source file.
pub struct Source {
    /// Relative to the project, as `src/client/mod.rs`.
    pub name: String,
    pub text: String,
    /// The text with comments blanked.
    pub without_comments: String,
    /// The text with comments and the insides of string and character literals blanked; lines stay where they were.
    pub code: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder of the project, sorted.
pub fn files_below(folder: &str) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.sort();
    files
}

pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The Rust files below `src` and `shims`.
pub fn sources() -> Vec<Source> {
    let all = files_below("src").into_iter().chain(files_below("shims"));
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| source(relative(&path), fs::read_to_string(path).unwrap()))
        .collect()
}

pub fn source(name: String, text: String) -> Source {
    let (without_comments, code) = (blanked(&text, false), blanked(&text, true));
    Source { name, text, without_comments, code }
}

/// Lines of `code` on which `word` stands as a word of its own, counted from 1.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    let stands_alone = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = at.checked_sub(1).and_then(|at| line.as_bytes().get(at).copied());
            !is_part(before) && !is_part(line.as_bytes().get(at + word.len()).copied())
        })
    };
    (1..).zip(code.lines()).filter(|(_, line)| stands_alone(line)).map(|(number, _)| number).collect()
}

/// Blanks comments and, if asked, what stands between quotes.
fn blanked(text: &str, literals_too: bool) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let (length, kind) = token(rest, first, out.chars().next_back());
        let piece = &rest[..length];
        match kind {
            Token::Code => out.push_str(piece),
            Token::Literal if !literals_too => out.push_str(piece),
            Token::Literal | Token::Comment => out.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
        }
        rest = &rest[length..];
    }
    out
}

enum Token {
    Code,
    Comment,
    Literal,
}

/// Length and kind of what `rest` begins with.
fn token(rest: &str, first: char, before: Option<char>) -> (usize, Token) {
    let in_word = before.is_some_and(|c| c == '_' || c.is_alphanumeric());
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Token::Comment);
    }
    if rest.starts_with("/*") {
        return (rest.find("*/").map_or(rest.len(), |at| at + 2), Token::Comment);
    }
    let raw = rest.strip_prefix('b').unwrap_or(rest);
    if !in_word && (raw.starts_with("r\"") || raw.starts_with("r#")) {
        let hashes = raw[1..].chars().take_while(|c| *c == '#').count();
        if raw[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = rest.len() - raw.len() + 2 + hashes;
            return (rest[open..].find(&end).map_or(rest.len(), |at| open + at + end.len()), Token::Literal);
        }
    }
    match first {
        '"' => (quoted(rest, '"'), Token::Literal),
        '\'' if rest[1..].starts_with('\\') => (quoted(rest, '\''), Token::Literal),
        '\'' if rest.chars().nth(2) == Some('\'') => (rest.char_indices().nth(2).unwrap().0 + 1, Token::Literal),
        _ => (first.len_utf8(), Token::Code),
    }
}

/// Length up to and with the closing quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

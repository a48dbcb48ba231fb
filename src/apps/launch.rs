//! From an app and its arguments to Julia's command line.
//!
//! The app's environment becomes the load path inside the program, not by `JULIA_LOAD_PATH`: processes that the app starts
//! have the user's own. `main` is called as `-m` calls it (`exec_options` in base/client.jl of Julia 1.12), on every
//! version of Julia.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::{Error, Found};

/// Julia's arguments for an app that is given `arguments`. What stands before the first `--` among them is for Julia;
/// without one all are for the app. Later words win: the app's own flags, `extra` (`JULIA_APP_ARGS`), then those.
///
/// # Errors
/// `extra` has a quote that is not closed.
pub fn command_line(found: &Found, extra: Option<&OsStr>, arguments: &[OsString]) -> Result<Vec<OsString>, Error> {
    let dashes = arguments.iter().position(|word| word == "--");
    let (for_julia, for_app) = dashes.map_or((&[][..], arguments), |at| (&arguments[..at], &arguments[at + 1..]));
    let extra = extra.map_or(Ok(Vec::new()), shell_words)?;
    let flags = if extra.is_empty() { found.app.julia_flags.iter().map(OsString::from).collect() } else { extra };
    let mut words: Vec<OsString> = vec!["--startup-file=no".into()];
    words.extend(flags);
    words.extend(for_julia.iter().cloned());
    words.extend(["-e".into(), program(found).into(), "--".into()]);
    words.extend(for_app.iter().cloned());
    Ok(words)
}

/// `+channel` in front of an app's name.
pub fn channel_of(word: &OsStr) -> Option<&OsStr> {
    word.as_bytes().strip_prefix(b"+").map(OsStr::from_bytes)
}

/// The program that loads the app's modules from its environment alone and calls `main`. Nothing is defined in `Main`.
///
/// Julia interprets it: a closure, a comprehension or a literal array in it would be compiled in each launch. What is loaded is
/// looked into by `invokelatest`: Julia 1.12 gives code that runs already no new names.
/// From 1.11 on, where Julia knows programs by `main` (`_start` in base/client.jl), what that returns is the exit status;
/// before, numbers are.
fn program(found: &Found) -> String {
    let start = &found.start;
    let depot = literal(found.depot.as_os_str());
    let mut text = String::from("let; empty!(LOAD_PATH); ");
    for folder in &start.load_path {
        let _ = write!(text, "push!(LOAD_PATH, {}); ", literal(folder.as_os_str()));
    }
    let _ = write!(text, "{depot} in DEPOT_PATH || pushfirst!(DEPOT_PATH, {depot}); ");
    // Last: nothing is written there, and nothing thrown out.
    if let Some(precompiled) = &start.precompiled {
        let _ = write!(text, "push!(DEPOT_PATH, {}); ", literal(precompiled.as_os_str()));
    }
    let _ = write!(text, "app = Base.require(Main, :{}); ", found.first());
    if let Some((module, _)) = start.file.as_ref().filter(|(_, always)| !always) {
        let _ = write!(text, "Base.invokelatest(isdefined, app, :main) || (app = Base.require(Main, :{module})); ");
    }
    let name = literal(OsStr::new(&found.app.name));
    for step in start.submodule.iter().flat_map(|path| path.split('.')).chain(["main"]) {
        let _ = write!(
            text,
            "app isa Module && Base.invokelatest(isdefined, app, :{step}) || \
             (println(stderr, \"jlapp: cannot run \", {name}, \": there is no {step} in \", app); exit(1)); \
             app = Base.invokelatest(getfield, app, :{step}); "
        );
    }
    text.push_str(
        "status = Base.invokelatest(app, ARGS); \
         if isdefined(Base, Symbol(\"@main\")) status === nothing || exit(Cint(status)) \
         elseif status isa Integer exit(status) end end",
    );
    text
}

/// Any bytes as a literal of Julia's.
fn literal(text: &OsStr) -> String {
    let mut all = String::from("\"");
    for byte in text.as_bytes() {
        match byte {
            b'"' | b'$' | b'\\' => all.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => all.push(char::from(*byte)),
            _ => {
                let _ = write!(all, "\\x{byte:02x}");
            }
        }
    }
    all.push('"');
    all
}

/// Words as a shell splits them: white space, quotes of both kinds, backslashes.
fn shell_words(text: &OsStr) -> Result<Vec<OsString>, Error> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.as_bytes().iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(open), close) if open == close => quote = None,
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None | Some(b'"'), b'\\') => match bytes.next() {
                // Between double quotes a backslash is one, but before these.
                Some(next) if quote.is_none() || matches!(next, b'"' | b'\\' | b'$' | b'`') => {
                    word.get_or_insert_default().push(next);
                }
                next => word.get_or_insert_default().extend([Some(b'\\'), next].into_iter().flatten()),
            },
            (None, _) if byte.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    if quote.is_some() {
        return Err(Error::BadArguments("a quote is not closed".into()));
    }
    words.extend(word);
    Ok(words.into_iter().map(OsString::from_vec).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::apps::{App, Start};

    fn found() -> Found {
        let app = App { name: "x".into(), julia_flags: vec!["-O1".into()], ..App::default() };
        Found {
            app,
            package: "Pack".into(),
            start: Start { load_path: vec!["/a".into()], submodule: None, file: None, precompiled: None },
            depot: "/".into(),
            recorded: crate::toolchain::App::default(),
        }
    }

    fn line(extra: Option<&str>, arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let words = command_line(&found(), extra.map(OsStr::new), &arguments).unwrap();
        words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn the_first_dashes_part_julia_from_the_app() {
        let tail = |words: Vec<String>| words[words.iter().position(|word| word == "--").unwrap() + 1..].to_vec();
        let head = |words: Vec<String>| words[..words.iter().position(|word| word == "-e").unwrap()].to_vec();
        let all = line(None, &["-t", "4", "", "*"]);
        assert_eq!(
            (head(all.clone()), tail(all)),
            (vec!["--startup-file=no".into(), "-O1".into()], vec!["-t".into(), "4".into(), String::new(), "*".into()])
        );
        let parted = line(None, &["-t4", "--project=a b", "--", "x", "--", "y"]);
        assert_eq!(head(parted.clone()), ["--startup-file=no", "-O1", "-t4", "--project=a b"]);
        assert_eq!(tail(parted), ["x", "--", "y"]);
        assert_eq!(head(line(Some("-O3 '-L a b'"), &["-g2", "--"])), ["--startup-file=no", "-O3", "-L a b", "-g2"]);
    }

    #[test]
    fn words_as_a_shell_splits_them() {
        let split = |text: &str| shell_words(OsStr::new(text)).unwrap();
        assert_eq!(split(" a  b\tc\n"), ["a", "b", "c"]);
        assert_eq!(split("'a b' \"c \\\" \\n d\" e\\ f '' g\"h\"'i'"), ["a b", "c \" \\n d", "e f", "", "ghi"]);
        assert!(shell_words(OsStr::new("'a")).is_err());
    }

    #[test]
    fn paths_are_literals() {
        assert_eq!(literal(OsStr::new("/a \"b\"$c\\d\n")), r#""/a \"b\"\$c\\d\x0a""#);
        assert_eq!(literal(OsStr::from_bytes(b"\xc3\xa4\xff")), r#""\xc3\xa4\xff""#);
    }
}

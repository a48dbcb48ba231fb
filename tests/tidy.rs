//! Rules about the project's own files that check themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod source;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use source::{Source, files_below, relative, root, sources};

/// A file that is longer has become the place where everything meets.
const MOST_LINES: usize = 400;

#[test]
fn every_file_is_short() {
    let long: Vec<String> = files_below("src")
        .into_iter()
        .chain(files_below("shims"))
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).ok()?.lines().count();
            (lines >= MOST_LINES).then(|| format!("{} has {lines} lines", relative(&path)))
        })
        .collect();
    assert_eq!(long, Vec::<String>::new(), "split by what a part knows");
}

// ---- environment variables

/// Name of the variable by name of the constant, for every documented constant of `src/env.rs`.
fn documented_variables() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("src/env.rs")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let declared = lines.iter().enumerate().filter_map(|(at, line)| {
        let (constant, value) = line.trim().strip_prefix("pub const ")?.split_once(": &str = \"")?;
        let documented = at > 0 && lines[at - 1].trim().starts_with("///");
        assert!(documented, "src/env.rs:{}: {constant} has no docstring", at + 1);
        Some((constant.to_owned(), value.trim_end_matches("\";").to_owned()))
    });
    declared.collect()
}

fn is_variable_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() >= 3
        && bytes.next().is_some_and(|first| first.is_ascii_uppercase())
        && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Functions that read the environment: ours, or a client's in its launch message.
const READERS: [&str; 5] = ["var(", "var_os(", "vars(", "vars_os(", "variable("];

/// The tables of variables that Julia, its libraries and packages read or do not: compared as a whole in the key of a worker,
/// not read by us.
const JULIAS_OWN: [&str; 4] = ["READ_AT_STARTUP", "READ_AT_STARTUP_PREFIXES", "INDIFFERENT", "INDIFFERENT_PREFIXES"];

/// The text without the constants named in `JULIAS_OWN`, and without what the compiler reads.
fn without_julias_own(text: &str) -> String {
    let mut text = text.to_owned();
    for name in JULIAS_OWN {
        if let Some(start) = text.find(&format!("const {name}:")) {
            let end = start + text[start..].find("];").unwrap();
            text.replace_range(start..end, "");
        }
    }
    text.replace("option_env!(\"", "(\"_").replace("env!(\"", "(\"_")
}

/// Names of environment variables in string literals of a file that reads the environment.
///
/// Whether a name reaches `var_os` through a list or a parameter can't be told from here: all that look like one count.
fn literal_variables(source: &Source) -> Vec<String> {
    if !READERS.iter().any(|reader| source.code.contains(reader)) {
        return Vec::new();
    }
    let text = without_julias_own(&source.without_comments);
    // "NAME=value" is set for another program, not read.
    let literals = text.split('"').skip(1).step_by(2);
    literals.filter(|literal| is_variable_name(literal)).map(str::to_owned).collect()
}

#[test]
fn every_variable_that_is_read_is_documented() {
    let documented = documented_variables();
    assert!(documented.len() >= 8, "src/env.rs is not read as it should be: {documented:?}");
    let undocumented: Vec<String> = sources()
        .iter()
        .filter(|source| source.name != "src/env.rs")
        .flat_map(|source| {
            let unknown =
                literal_variables(source).into_iter().filter(|name| !documented.values().any(|known| known == name));
            unknown.map(|name| format!("{}: {name}", source.name)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(undocumented, Vec::<String>::new(), "read, and not in src/env.rs");
}

/// A constant documents every place that reads the variable; a literal is one more name to keep in step.
#[test]
fn variables_are_named_by_their_constants() {
    let literal: Vec<String> = sources()
        .iter()
        .flat_map(|source| {
            let flat: String = source.without_comments.split_whitespace().collect();
            let found = READERS
                .iter()
                .filter(|reader| flat.contains(&format!("{reader}\"")))
                .map(|reader| (*reader).to_owned());
            found.map(|reader| format!("{}: {reader}\"…\")", source.name)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(literal, Vec::<String>::new(), "name it in src/env.rs");
}

#[test]
fn every_documented_variable_is_used() {
    let all: String = sources().iter().map(|source| source.code.clone()).collect();
    let unused: Vec<String> =
        documented_variables().into_keys().filter(|constant| !all.contains(&format!("env::{constant}"))).collect();
    assert_eq!(unused, Vec::<String>::new());
}

// ---- files

const TOP_LEVEL: &[&str] = &[
    "rustfmt.toml", // rustfmt looks for it nowhere else
    ".cargo",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "build.rs",
    "README.md",
    "benches",
    "docs",
    "examples",
    "shims",
    "src",
];

#[test]
fn nothing_strays_at_the_top() {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let names: Vec<String> = match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter_map(|path| path.split('/').next().map(str::to_owned))
            .collect(),
        // A copy without git, as `cargo package` makes: what lies there.
        _ => fs::read_dir(root())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect(),
    };
    let allowed = |name: &str| {
        let made_by_cargo = ["target", "tests", "Cargo.toml.orig", ".cargo_vcs_info.json", ".cargo-ok"];
        name.is_empty() || TOP_LEVEL.contains(&name) || made_by_cargo.contains(&name)
    };
    let mut strays: Vec<String> = names.into_iter().filter(|name| !allowed(name)).collect();
    strays.dedup();
    assert_eq!(strays, Vec::<String>::new());
}

#[test]
fn nothing_is_left_to_be_done_in_the_source() {
    // Spelled apart, so that this file may be looked through as well.
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["dbg", "!"], ["todo", "!"], ["unimplemented", "!"]]
        .map(|parts| parts.concat());
    let mut found = Vec::new();
    for path in ["src", "shims", "tests"].into_iter().flat_map(files_below) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            let marked = marks.iter().filter(|mark| {
                source::lines_with(line, mark).len() + usize::from(mark.ends_with('!') && line.contains(*mark)) > 0
            });
            found.extend(marked.map(|mark| format!("{}:{number}: {mark}", relative(&path))));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_map_names_every_module() {
    let Ok(map) = fs::read_to_string(root().join("docs/architecture.md")) else {
        eprintln!("skipped: there is no docs/architecture.md yet");
        return;
    };
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let missing: Vec<&str> = modules.filter(|module| source::lines_with(&map, module).is_empty()).collect();
    assert_eq!(missing, Vec::<&str>::new(), "not in docs/architecture.md");
}

/// Every source file begins by saying what it is for.
#[test]
fn every_file_has_a_head() {
    let head = |source: &Source| source.text.starts_with("//!") || source.name.ends_with("/tests.rs");
    let headless: Vec<String> =
        sources().into_iter().filter(|source| !head(source)).map(|source| source.name).collect();
    assert_eq!(headless, Vec::<String>::new());
}

#[test]
fn the_reader_of_literals_finds_what_is_hidden() {
    let source = |text: &str| source::source("src/imaginary.rs".into(), text.into());
    let found = |text: &str| literal_variables(&source(text));
    assert_eq!(found("for name in [\"HOME\", \"MY_DIR\"] { std::env::var_os(name); }"), ["HOME", "MY_DIR"]);
    assert_eq!(found("const READ_AT_STARTUP: [&str; 1] = [\"LANG\"]; launch.variable(\"TZDIR\")"), ["TZDIR"]);
    assert_eq!(found("env!(\"CARGO_PKG_NAME\"); var(x); // \"NOT_THIS\""), Vec::<String>::new());
}

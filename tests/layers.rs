//! Low layers know nothing of high ones; what is dangerous or dear stays where it belongs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod source;

use source::{Source, lines_with, sources};

/// Top-level modules from low to high; one may name itself and what stands before it.
const LAYERS: [&str; 12] =
    ["protocol", "env", "exit", "name", "sys", "julia", "client", "toolchain", "apps", "worker", "conductor", "cli"];
/// What the thin programs may reach.
const HIGHEST_OF_SHIMS: &str = "client";

/// The module path of a file below `src`: `src/client/mod.rs` and `src/client.rs` are `[client]`.
fn module_path(name: &str) -> Vec<&str> {
    let path = name.strip_prefix("src/").unwrap_or(name).strip_suffix(".rs").unwrap();
    path.split('/').filter(|part| *part != "mod" && *part != "lib").collect()
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

/// The first names after each occurrence of `prefix`, also of groups: `crate::{a, b::{c, d}}` gives a and b.
fn names_after(code: &str, prefix: &str) -> Vec<(usize, String)> {
    let starts = code.match_indices(prefix).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|c| c == ':' || c == '_' || c.is_alphanumeric())
    });
    starts
        .flat_map(|(at, _)| {
            let line = code[..at].matches('\n').count() + 1;
            first_names(&code[at + prefix.len()..]).into_iter().map(move |name| (line, name))
        })
        .collect()
}

fn first_names(rest: &str) -> Vec<String> {
    let identifier = |text: &str| text.chars().take_while(|c| *c == '_' || c.is_alphanumeric()).collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![identifier(rest)] };
    let (mut names, mut depth, mut begins) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !c.is_whitespace() => {
                names.push(identifier(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// Every top-level module that a file names, with the line.
fn named_modules(source: &Source) -> Vec<(usize, String)> {
    let mut named = names_after(&source.code, "crate::");
    named.extend(names_after(&source.code, "jlapp::"));
    let depth = module_path(&source.name).len();
    if source.name.starts_with("src/") && depth > 0 {
        // As many `super` as the file lies deep lead to the top; more are written inside of a module in the file.
        for supers in depth..depth + 2 {
            let climbed = names_after(&source.code, &"super::".repeat(supers));
            named.extend(climbed.into_iter().filter(|(_, name)| rank(name).is_some()));
        }
    }
    named
}

fn violations(source: &Source) -> Vec<String> {
    let path = module_path(&source.name);
    let own = if source.name.starts_with("shims/") { HIGHEST_OF_SHIMS } else { path.first().copied().unwrap_or("lib") };
    if own == "lib" || own == "bin" {
        return Vec::new();
    }
    let Some(own_rank) = rank(own) else {
        return vec![format!("{}: `{own}` has no place among LAYERS in tests/layers.rs", source.name)];
    };
    let is_higher = |name: &str| rank(name).is_some_and(|rank| rank > own_rank);
    let named = named_modules(source).into_iter().filter(|(_, name)| is_higher(name));
    named.map(|(line, name)| format!("{}:{line}: `{own}` names `{name}`, a higher layer", source.name)).collect()
}

#[test]
fn no_module_names_a_higher_layer() {
    let all: Vec<String> = sources().iter().flat_map(violations).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Every `crate::…` begins with a module of the list: what this test can't see would be no rule.
#[test]
fn every_path_begins_with_a_known_module() {
    let lib =
        &source::source("src/lib.rs".into(), std::fs::read_to_string(source::root().join("src/lib.rs")).unwrap()).code;
    let declared = lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let unknown: Vec<&str> = declared.filter(|name| rank(name).is_none()).collect();
    assert!(unknown.is_empty(), "modules without a place in LAYERS: {unknown:?}");
    let strange = |(line, name): (usize, String), file: &str| {
        rank(&name).is_none().then(|| format!("{file}:{line}: crate::{name}"))
    };
    let all: Vec<String> = sources()
        .iter()
        .flat_map(|source| {
            names_after(&source.code, "crate::").into_iter().filter_map(|named| strange(named, &source.name))
        })
        .collect();
    assert!(all.is_empty(), "paths that begin with no known module:\n{}", all.join("\n"));
}

/// Files outside of the allowed places in which a word stands as code.
fn strays(word: &str, allowed: &[&str]) -> Vec<String> {
    sources()
        .iter()
        .filter(|source| !allowed.iter().any(|place| source.name.starts_with(place)))
        .flat_map(|source| {
            lines_with(&source.code, word).into_iter().map(|line| format!("{}:{line}: {word}", source.name))
        })
        .collect()
}

#[test]
fn the_ring_stays_in_conductor_io() {
    assert_eq!(strays("tokio_uring", &["src/conductor/io/"]), Vec::<String>::new());
}

#[test]
fn unsafe_code_stays_in_sys_and_the_programs_own_main() {
    // In a shim only the attribute that lets `program!` make its entry.
    let allowed = ["src/sys/", "src/bin/jlapp.rs", "shims/juliaclient.rs", "shims/jlshim.rs"];
    assert_eq!(strays("unsafe", &allowed), Vec::<String>::new());
    for (name, most) in [("shims/juliaclient.rs", 1), ("shims/jlshim.rs", 1), ("src/bin/jlapp.rs", 3)] {
        let program = sources().into_iter().find(|source| source.name == name).unwrap();
        let count = lines_with(&program.code, "unsafe").len();
        assert!(count <= most, "{name}: {count} lines of unsafe code");
    }
}

#[test]
fn printing_stays_in_cli() {
    for word in ["println!", "eprintln!", "print!", "eprint!"] {
        let name = word.trim_end_matches('!');
        let all: Vec<String> = sources()
            .iter()
            .filter(|source| !source.name.starts_with("src/cli/"))
            .flat_map(|source| {
                let lines: Vec<&str> = source.code.lines().collect();
                let is_macro = |line: &usize| lines[line - 1].contains(word);
                let found = lines_with(&source.code, name).into_iter().filter(is_macro);
                found.map(|line| format!("{}:{line}: {word}", source.name)).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(all, Vec::<String>::new());
    }
}

/// The asynchronous and the heavy: not below the worker, or the thin programs would not stay thin.
#[test]
fn the_thin_layers_name_no_heavy_crate() {
    let heavy = ["tokio", "clap", "serde", "serde_json", "reqwest", "dirs", "toml_edit", "indicatif"];
    let high = ["src/toolchain", "src/apps", "src/worker", "src/conductor", "src/cli"];
    for krate in heavy {
        let found: Vec<String> = sources()
            .iter()
            .filter(|source| !high.iter().any(|place| source.name.starts_with(place)))
            .filter(|source| source.code.contains(&format!("{krate}::")))
            .map(|source| format!("{} names {krate}", source.name))
            .collect();
        assert_eq!(found, Vec::<String>::new());
    }
}

// ---- the rules are seen to bite

fn imaginary(name: &str, text: &str) -> Source {
    source::source(name.to_owned(), text.to_owned())
}

#[test]
fn a_higher_layer_is_found_in_every_spelling() {
    for text in [
        "use crate::conductor;",
        "use crate::{env, conductor::lock};",
        "use crate::{env::{A, B}, sys, cli};",
        "fn f() { crate::cli::main() }",
        "use super::super::conductor;",
        "pub(in crate::worker) fn f() {}",
    ] {
        assert_eq!(violations(&imaginary("src/client/relay.rs", text)).len(), 1, "{text}");
    }
    assert_eq!(violations(&imaginary("src/client/mod.rs", "use super::worker;")).len(), 1);
    assert_eq!(violations(&imaginary("src/exit.rs", "use crate::sys;")).len(), 1);
    assert_eq!(violations(&imaginary("shims/jlshim.rs", "fn f() { jlapp::worker::start() }")).len(), 1);
    assert_eq!(violations(&imaginary("src/novelty.rs", "")).len(), 1);
}

#[test]
fn what_is_no_path_to_a_higher_layer_is_let_be() {
    for text in [
        "// crate::conductor is not named here",
        "/// [`crate::cli`]\nfn f() {}",
        "const TEXT: &str = \"crate::cli\";",
        "const RAW: &str = r#\"crate::\"cli\"\"#;",
        "use crate::{sys, protocol::Job};",
        "use super::conductor_name;",
        "fn f<'a>(c: char) -> bool { c == '\"' } // crate::cli \" ",
    ] {
        assert_eq!(violations(&imaginary("src/client/relay.rs", text)), Vec::<String>::new(), "{text}");
    }
}

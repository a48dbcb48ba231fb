//! `juliaclient` and `jlshim` stay thin: their start-up is the product.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All that a thin program may be made of: the system's interfaces, and what those need to be compiled.
const THIN: [&str; 7] = ["jlapp", "bitflags", "cfg-if", "errno", "libc", "linux-raw-sys", "rustix"];
/// Stripped, in release.
const MOST_BYTES: usize = 700 * 1000;

fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn crates(features: &[&str]) -> BTreeSet<String> {
    let mut command = cargo();
    command
        .args(["tree", "--offline", "--locked", "-e", "normal", "--prefix", "none", "--format", "{p}"])
        .args(features);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn only_small_crates_without_the_default_features() {
    let heavy: Vec<String> =
        crates(&["--no-default-features"]).into_iter().filter(|name| !THIN.contains(&name.as_str())).collect();
    assert_eq!(heavy, Vec::<String>::new(), "the thin programs would be built with these");
}

/// The list above can tell thin from full.
#[test]
fn the_full_program_has_the_heavy_crates() {
    let full = crates(&[]);
    for heavy in ["tokio", "clap", "serde"] {
        assert!(full.contains(heavy), "{heavy} is not among {full:?}");
    }
}

/// Built in a folder of their own: in the usual one they would replace the programs under the other tests' feet.
fn build(profile: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thin");
    let mut command = cargo();
    command.args([
        "build",
        "--quiet",
        "--offline",
        "--locked",
        "--no-default-features",
        "--bin",
        "juliaclient",
        "--bin",
        "jlshim",
    ]);
    let output = command.args(profile).env("CARGO_TARGET_DIR", &folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// What `std` names of the C library for the message of a panic, and for kernels before Linux 4.11, which have no statx(2). Nothing else
/// calls them.
const ONLY_NAMED: [&str; 8] =
    ["dl_iterate_phdr", "free", "fstat64", "lstat64", "mmap64", "munmap", "realpath", "stat64"];

/// What a program names that is not in it.
fn named(program: &Path) -> Vec<String> {
    let mut command = Command::new("nm");
    let output = command.args(["-D", "--undefined-only", "--format=just-symbols"]).arg(program).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().map(|name| name.split('@').next().unwrap_or(name).to_owned()).collect()
}

/// As they are installed: without the C library's start, which would take longer than all that they do, they have to bring what they
/// call. A name that is missing here is one that `sys::freestanding` has to have.
#[test]
fn the_thin_programs_are_small_and_bring_what_they_call() {
    let folder = build(&["--release"]).join("release");
    assert!(!folder.join("jlapp").exists());
    for name in ["juliaclient", "jlshim"] {
        let program = folder.join(name);
        let bytes = std::fs::read(&program).unwrap();
        assert!(bytes.len() < MOST_BYTES, "{name} has {} bytes", bytes.len());
        let loader = b"/ld-linux";
        assert!(!bytes.windows(loader.len()).any(|other| other == loader), "{name} names a dynamic linker");
        let named = named(&program);
        let missing: Vec<&String> =
            named.iter().filter(|name| !name.starts_with("_Unwind_") && !ONLY_NAMED.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "{name} calls what it does not have: {missing:?}");
    }
    let output = Command::new(folder.join("jlshim")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("jlshim is run by the shims of apps"), "{output:?}");
}

/// The list above can tell a program that needs the library.
#[test]
fn a_program_with_the_c_library_names_more() {
    let named = named(Path::new(env!("CARGO_BIN_EXE_jlconductor")));
    assert!(named.iter().any(|name| name == "__libc_start_main"), "{named:?}");
}

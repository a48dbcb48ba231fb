//! `juliaclient`, `jlshim` and `jlnative` stay thin: their start-up is the product.
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
        "--bin",
        "jlnative",
    ]);
    let output = command.args(profile).env("CARGO_TARGET_DIR", &folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// As they are installed.
#[test]
fn the_thin_programs_are_small_and_need_the_c_library_alone() {
    let folder = build(&["--release"]).join("release");
    assert!(!folder.join("jlapp").exists());
    for name in ["juliaclient", "jlshim"] {
        let program = std::fs::read(folder.join(name)).unwrap();
        assert!(program.len() < MOST_BYTES, "{name} has {} bytes", program.len());
        let needs = |library: &[u8]| program.windows(library.len()).any(|bytes| bytes == library);
        assert!(needs(b"libc.so.6\0"), "{name} is not what this test takes it for");
        assert!(!needs(b"libgcc_s.so.1\0"), "{name} loads an unwinder, which `build.rs` links in");
    }
}

/// Without the C library's start, which would take longer than all that it does. What it does is in `tests/native.rs`; here that
/// it also starts as it is installed, and finds its sibling.
#[test]
fn the_program_of_native_apps_loads_nothing() {
    let folder = build(&["--release"]).join("release");
    let program = std::fs::read(folder.join("jlnative")).unwrap();
    assert!(program.len() < MOST_BYTES, "{} bytes", program.len());
    let loader = b"/ld-linux";
    assert!(!program.windows(loader.len()).any(|bytes| bytes == loader), "it names a dynamic linker");
    let output = Command::new(folder.join("jlnative")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("jlshim is run by the shims of apps"), "{output:?}");
}

//! How the thin programs are linked.
//!
//! `juliaclient` and `jlshim` have an entry of their own, and no dynamic linker: nothing is loaded, and what they name of a library that
//! is not in `sys::freestanding` is not there. Their addresses are fixed and their names their own, since nobody would relocate and bind
//! them. Where a program that is linked so does not run, as with some linkers, they are linked as usual.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Ends with what `std` takes for its process id: the program's own `getpid` says so, not the library's. What else it names is the
/// library's.
const TRIAL: &str = r#"
#![no_main]
unsafe extern "C" { fn malloc(size: usize) -> *mut u8; }
extern "C" fn begin() -> u32 {
    let number = std::process::id();
    if number == 8 { unsafe { malloc(1) as u32 } } else { number }
}
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl _start\n_start: call {begin}\nmov edi, eax\nmov eax, 60\nsyscall\n.globl getpid\ngetpid: mov eax, 7\nret", begin = sym begin);
#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".globl _start\n_start: bl {begin}\nmov x8, 93\nsvc 0\n.globl getpid\ngetpid: mov w0, 7\nret", begin = sym begin);
"#;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(freestanding)");
    let variable = |name| env::var(name).unwrap_or_default();
    let folder = variable("OUT_DIR");
    let folder = Path::new(&folder);
    let provided_for = variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && ["x86_64", "aarch64"].contains(&variable("CARGO_CFG_TARGET_ARCH").as_str())
        // With all of the library in the program its functions would be there twice.
        && !variable("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "crt-static");
    let own_names = folder.join("own-names");
    if !provided_for || fs::write(&own_names, "{ local: *; };\n").is_err() {
        return;
    }
    let own_names = format!("-Wl,--version-script={}", own_names.display());
    let arguments = ["-nostartfiles", "-no-pie", "-Wl,--no-dynamic-linker", &own_names];
    if !runs_when_linked_with(&arguments, folder) {
        println!(
            "cargo:warning=juliaclient will start with the C library, which takes longer: this linker knows no other way"
        );
        return;
    }
    println!("cargo:rustc-cfg=freestanding");
    for program in ["juliaclient", "jlshim"] {
        for argument in arguments {
            println!("cargo:rustc-link-arg-bin={program}={argument}");
        }
    }
}

/// Compiled as cargo does it. For another machine it can only be linked.
fn runs_when_linked_with(arguments: &[&str], folder: &Path) -> bool {
    let (source, program) = (folder.join("trial.rs"), folder.join("trial"));
    let Some(compiler) = env::var_os("RUSTC").filter(|_| fs::write(&source, TRIAL).is_ok()) else { return false };
    let (host, target) = (env::var("HOST").unwrap_or_default(), env::var("TARGET").unwrap_or_default());
    let mut command = Command::new(compiler);
    command.args(["--edition=2024", "--target", &target, "-Cpanic=abort", "-Copt-level=1", "-o"]).arg(&program);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        command.arg(format!("-Clinker={linker}"));
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    command.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    command.args(arguments.iter().map(|argument| format!("-Clink-arg={argument}"))).arg(source);
    let is_linked = command.output().is_ok_and(|output| output.status.success());
    is_linked && (host != target || Command::new(program).status().is_ok_and(|status| status.code() == Some(7)))
}

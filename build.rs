//! How the thin programs are linked.
//!
//! `juliaclient` and `jlshim` have their unwinder linked in. As a library of its own it is loaded, relocated and initialised at every
//! launch, a fifth of what starting `juliaclient` costs, and they abort on panic. rustc asks the linker for `gcc_s` by name; a
//! linker script of that name in a folder that is looked at first names the static archive instead. Where the compiler has no
//! such archive nothing is changed.
//!
//! `jlnative` has an entry of its own, and no dynamic linker: nothing is loaded, and what it names of a library is not there
//! (`sys::freestanding`). Its addresses are fixed, since nobody would relocate it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|name| name == "gnu");
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    println!("cargo:rustc-check-cfg=cfg(freestanding)");
    if is_gnu && ["x86_64", "aarch64"].contains(&arch.as_str()) {
        println!("cargo:rustc-cfg=freestanding");
        for argument in ["-nostartfiles", "-no-pie", "-Wl,--no-dynamic-linker"] {
            println!("cargo:rustc-link-arg-bin=jlnative={argument}");
        }
    }
    let is_native = env::var("HOST") == env::var("TARGET");
    if let (true, Some(folder)) = (is_gnu && is_native && has_static_unwinder(), env::var_os("OUT_DIR")) {
        let folder = PathBuf::from(folder);
        if fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh)\n").is_ok() {
            for program in ["juliaclient", "jlshim"] {
                println!("cargo:rustc-link-arg-bin={program}=-L{}", folder.display());
            }
        }
    }
}

fn has_static_unwinder() -> bool {
    let answer = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    answer.is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_absolute())
}

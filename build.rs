//! Links the thin programs' unwinder in. As a library of its own it is loaded, relocated and initialised at every launch, a
//! fifth of what starting `juliaclient` costs, and they abort on panic.
//!
//! rustc asks the linker for `gcc_s` by name; a linker script of that name in a folder that is looked at first names the
//! static archive instead. Where the compiler has no such archive nothing is changed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|name| name == "gnu");
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

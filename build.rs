//! How the thin programs are linked.
//!
//! `juliaclient` and `jlshim` have an entry of their own, and no dynamic linker: nothing is loaded, and what they name of a library that
//! is not in `sys::freestanding` is not there. Their addresses are fixed, since nobody would relocate them. On machines that are not
//! provided for they are linked as usual.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(freestanding)");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|name| name == "gnu");
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    // With all of the library in the program its functions would be there twice.
    let is_static =
        env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|features| features.split(',').any(|one| one == "crt-static"));
    if is_gnu && !is_static && ["x86_64", "aarch64"].contains(&arch.as_str()) {
        println!("cargo:rustc-cfg=freestanding");
        for program in ["juliaclient", "jlshim"] {
            for argument in ["-nostartfiles", "-no-pie", "-Wl,--no-dynamic-linker"] {
                println!("cargo:rustc-link-arg-bin={program}={argument}");
            }
        }
    }
}

//! `jlnative`: what the one-line shim of a native app runs. It starts without the C library where `build.rs` can link it so, and is
//! another `jlshim` elsewhere.
#![no_main]
#![allow(
    unsafe_code,
    reason = "an own entry, in front of the C library's; where there is none an own `main`, as `jlshim` has it"
)]

#[cfg(freestanding)]
jlapp::freestanding!(jlapp::client::run_bare);

/// # Safety
/// Called by the C runtime with its arguments.
#[cfg(not(freestanding))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: std::ffi::c_int, words: *const *const std::ffi::c_char) -> std::ffi::c_int {
    // SAFETY: the C runtime's promise.
    let mut arguments = unsafe { jlapp::sys::process::arguments(count, words) };
    arguments.drain(..arguments.len().min(1));
    jlapp::client::run_shim(arguments)
}

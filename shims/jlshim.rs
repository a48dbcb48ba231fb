//! `jlshim`: what an app's one-line shim (`#!/path/to/jlshim`) runs.
#![no_main]
#![allow(
    unsafe_code,
    reason = "an own `main`: Rust's start-up would ignore SIGPIPE and open /dev/null over closed descriptors"
)]

use std::ffi::{c_char, c_int};

/// # Safety
/// Called by the C runtime with its arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: the C runtime's promise.
    let mut arguments = unsafe { jlapp::sys::process::arguments(count, words) };
    // Our own path; the kernel puts the shim's behind it (execve(2)).
    arguments.drain(..arguments.len().min(1));
    jlapp::client::run_shim(arguments)
}

//! `juliaclient`: a drop-in `julia`. All it does is in the library's `client`.
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
    arguments.drain(..arguments.len().min(1));
    jlapp::client::run(arguments)
}

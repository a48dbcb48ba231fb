//! The memory functions that compilers call, as in string.h(0p).
//!
//! Written so that no compiler makes a call of the same function out of a loop: by the processor's own instruction, or with accesses
//! that are volatile.
#![allow(clippy::missing_safety_doc, reason = "as in string.h(0p), for all of them")]

#[cfg(target_arch = "x86_64")]
use std::arch::asm;

pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the direction flag is clear (System V ABI), and the caller vouches for both places.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _, options(nostack));
    }
    #[cfg(not(target_arch = "x86_64"))]
    for at in 0..count {
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
    to
}

pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.cast_const() <= from || from.wrapping_add(count) <= to {
        return unsafe { memcpy(to, from, count) };
    }
    for at in (0..count).rev() {
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
    to
}

pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    let byte = byte.to_le_bytes()[0];
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as in `memcpy`.
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") to => _, in("al") byte, options(nostack));
    }
    #[cfg(not(target_arch = "x86_64"))]
    for at in 0..count {
        unsafe { to.add(at).write_volatile(byte) };
    }
    to
}

pub unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    for at in 0..count {
        let (a, b) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

pub unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    unsafe { memcmp(one, other, count) }
}

pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut count = 0;
    while unsafe { text.add(count).read_volatile() } != 0 {
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_functions_do_what_their_names_say() {
        let (mut bytes, from) = ([0_u8; 8], *b"abcdefgh");
        // SAFETY: all in bounds.
        unsafe {
            memcpy(bytes.as_mut_ptr(), from.as_ptr(), 8);
            assert_eq!(&bytes, b"abcdefgh");
            memmove(bytes.as_mut_ptr().add(2), bytes.as_ptr(), 5);
            assert_eq!(&bytes, b"ababcdeh");
            memmove(bytes.as_mut_ptr(), bytes.as_ptr().add(2), 6);
            assert_eq!(&bytes, b"abcdeheh");
            memset(bytes.as_mut_ptr().add(1), 0x1_78, 2);
            assert_eq!(&bytes, b"axxdeheh");
            assert!(memcmp(b"ab".as_ptr(), b"ac".as_ptr(), 2) < 0);
            assert!(memcmp(b"\xff".as_ptr(), b"\x01".as_ptr(), 1) > 0);
            assert_eq!(memcmp(b"ab".as_ptr(), b"ac".as_ptr(), 1), 0);
            assert_eq!(strlen(c"abc".as_ptr().cast()), 3);
        }
    }
}

//! System calls without the C library around them (syscall(2)): for what rustix does not have, and for programs that start without
//! that library.

use std::io;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::arch::asm;

/// The kernel's answer: a negative one is an error's number (intro(2)).
///
/// # Safety
/// What that call needs (syscall(2)).
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn system_call<const COUNT: usize>(number: libc::c_long, arguments: [usize; COUNT]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = six(arguments);
    let answer;
    // SAFETY: these registers, and no others (syscall(2)).
    unsafe {
        asm!("syscall", inlateout("rax") number => answer, in("rdi") first, in("rsi") second, in("rdx") third,
             in("r10") fourth, in("r8") fifth, in("r9") sixth, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

/// The kernel's answer: a negative one is an error's number (intro(2)).
///
/// # Safety
/// What that call needs (syscall(2)).
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn system_call<const COUNT: usize>(number: libc::c_long, arguments: [usize; COUNT]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = six(arguments);
    let answer;
    // SAFETY: these registers, and no others (syscall(2)).
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") first => answer, in("x1") second, in("x2") third,
             in("x3") fourth, in("x4") fifth, in("x5") sixth, options(nostack));
    }
    answer
}

/// The kernel's answer: a negative one is an error's number (intro(2)). For machines where no program starts without the library.
///
/// # Safety
/// What that call needs (syscall(2)).
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) unsafe fn system_call<const COUNT: usize>(number: libc::c_long, arguments: [usize; COUNT]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = six(arguments);
    // SAFETY: by contract.
    let answer = unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) };
    if answer < 0 { -io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO) as isize } else { answer as isize }
}

const fn six<const COUNT: usize>(arguments: [usize; COUNT]) -> [usize; 6] {
    let (mut all, mut at) = ([0; 6], 0);
    while at < COUNT {
        all[at] = arguments[at];
        at += 1;
    }
    all
}

/// What such an answer means.
pub(super) fn checked(answer: isize) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::from_raw_os_error(i32::try_from(-answer).unwrap_or(libc::EIO)))
}

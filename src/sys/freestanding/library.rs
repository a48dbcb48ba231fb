//! What our programs and the parts of `std` that they use call of the C library, by its names: a thin layer over the kernel.
//!
//! `tests/thin.rs` holds that a program which is linked so names nothing else of that library, but for what only a panic would call.
#![allow(clippy::missing_safety_doc, reason = "each is as the manual page of its name has it")]
#![allow(non_snake_case, reason = "they are")]

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::sys::call::system_call;
use crate::sys::process;

const FROM_HERE: i32 = libc::AT_FDCWD;

/// A program that starts without the library has one thread.
static mut ERROR: i32 = 0;

/// `errno`, for answers of the kernel.
fn answer(answer: isize) -> isize {
    if !(-4095..0).contains(&answer) {
        return answer;
    }
    // SAFETY: there is no other thread.
    unsafe { ERROR = i32::try_from(-answer).unwrap_or(libc::EIO) };
    -1
}

/// Functions that only pass their arguments on, each with the system call and what it gets.
macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty = $number:ident[$($value:expr),*];)*) => {$(
        pub unsafe extern "C" fn $name($($argument: $kind),*) -> $answer {
            // SAFETY: the caller's, as for the library's function.
            #[allow(clippy::cast_possible_truncation, reason = "the kernel answers within the type of the library's function")]
            #[allow(clippy::cast_sign_loss, reason = "registers have no sign")]
            unsafe { answer(system_call(libc::$number, [$($value as usize),*])) as $answer }
        }
    )*};
}

calls! {
    close(descriptor: i32) -> i32 = SYS_close[descriptor];
    read(descriptor: i32, bytes: *mut u8, count: usize) -> isize = SYS_read[descriptor, bytes, count];
    write(descriptor: i32, bytes: *const u8, count: usize) -> isize = SYS_write[descriptor, bytes, count];
    recv(socket: i32, bytes: *mut u8, count: usize, flags: i32) -> isize = SYS_recvfrom[socket, bytes, count, flags];
    open64(path: *const c_char, flags: i32, mode: u32) -> i32 = SYS_openat[FROM_HERE, path, flags, mode];
    fcntl(descriptor: i32, command: i32, value: usize) -> i32 = SYS_fcntl[descriptor, command, value];
    lseek64(descriptor: i32, offset: i64, whence: i32) -> i64 = SYS_lseek[descriptor, offset, whence];
    statx(folder: i32, path: *const c_char, flags: i32, wanted: u32, found: *mut libc::statx) -> i32
        = SYS_statx[folder, path, flags, wanted, found];
    mkdir(path: *const c_char, mode: u32) -> i32 = SYS_mkdirat[FROM_HERE, path, mode];
    readlink(path: *const c_char, bytes: *mut u8, count: usize) -> isize = SYS_readlinkat[FROM_HERE, path, bytes, count];
    clock_gettime(clock: i32, time: *mut libc::timespec) -> i32 = SYS_clock_gettime[clock, time];
    getpid() -> i32 = SYS_getpid[];
    gettid() -> i32 = SYS_gettid[];
}

/// `std` waits for locks with it.
pub unsafe extern "C" fn syscall(
    number: libc::c_long,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
    fifth: usize,
    sixth: usize,
) -> libc::c_long {
    // SAFETY: the caller's.
    unsafe { answer(system_call(number, [first, second, third, fourth, fifth, sixth])) as libc::c_long }
}

pub unsafe extern "C" fn __errno_location() -> *mut i32 {
    &raw mut ERROR
}

/// It returns the error's number, and leaves `errno` alone.
pub unsafe extern "C" fn clock_nanosleep(
    clock: i32,
    flags: i32,
    time: *const libc::timespec,
    left: *mut libc::timespec,
) -> i32 {
    let arguments = [
        clock.cast_unsigned() as usize,
        flags.cast_unsigned() as usize,
        time.expose_provenance(),
        left.expose_provenance(),
    ];
    // SAFETY: the caller's.
    let answer = unsafe { system_call(libc::SYS_clock_nanosleep, arguments) };
    i32::try_from(-answer).unwrap_or(libc::EIO)
}

/// The system call answers how many bytes it has written.
pub unsafe extern "C" fn getcwd(bytes: *mut c_char, count: usize) -> *mut c_char {
    // SAFETY: the caller's.
    let got = unsafe { answer(system_call(libc::SYS_getcwd, [bytes.expose_provenance(), count])) };
    if got < 0 { ptr::null_mut() } else { bytes }
}

/// For the message of a panic there is nothing that could find out where it came from.
pub unsafe extern "C" fn getenv(name: *const c_char) -> *const c_char {
    // SAFETY: the caller's, and the block that the kernel has made.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes();
        if name == crate::env::RUST_BACKTRACE.as_bytes() {
            return ptr::null();
        }
        let mut at = process::environ;
        while let Some(entry) = at.as_ref().filter(|entry| !entry.is_null()) {
            let value = CStr::from_ptr(*entry).to_bytes().strip_prefix(name).and_then(|rest| rest.strip_prefix(b"="));
            if let Some(value) = value {
                return value.as_ptr().cast();
            }
            at = at.add(1);
        }
    }
    ptr::null()
}

pub unsafe extern "C" fn abort() -> ! {
    crate::sys::signals::die_by(libc::SIGABRT);
    super::exit(libc::SIGABRT + crate::exit::SIGNAL_BASE)
}

/// What errors are called (`strerror`, errno(3)): those that opening, connecting and executing meet. The number stands beside it
/// wherever `std` shows one.
const NAMES: [(i32, &CStr); 27] = [
    (libc::EPERM, c"Operation not permitted"),
    (libc::ENOENT, c"No such file or directory"),
    (libc::EINTR, c"Interrupted system call"),
    (libc::EIO, c"Input/output error"),
    (libc::E2BIG, c"Argument list too long"),
    (libc::ENOEXEC, c"Exec format error"),
    (libc::EBADF, c"Bad file descriptor"),
    (libc::EAGAIN, c"Resource temporarily unavailable"),
    (libc::ENOMEM, c"Cannot allocate memory"),
    (libc::EACCES, c"Permission denied"),
    (libc::EEXIST, c"File exists"),
    (libc::ENOTDIR, c"Not a directory"),
    (libc::EISDIR, c"Is a directory"),
    (libc::EINVAL, c"Invalid argument"),
    (libc::ENFILE, c"Too many open files in system"),
    (libc::EMFILE, c"Too many open files"),
    (libc::ETXTBSY, c"Text file busy"),
    (libc::ENOSPC, c"No space left on device"),
    (libc::EROFS, c"Read-only file system"),
    (libc::EPIPE, c"Broken pipe"),
    (libc::ENAMETOOLONG, c"File name too long"),
    (libc::ELOOP, c"Too many levels of symbolic links"),
    (libc::ENOTSOCK, c"Socket operation on non-socket"),
    (libc::EPROTOTYPE, c"Protocol wrong type for socket"),
    (libc::ECONNRESET, c"Connection reset by peer"),
    (libc::ETOOMANYREFS, c"Too many references: cannot splice"),
    (libc::ECONNREFUSED, c"Connection refused"),
];

pub unsafe extern "C" fn __xpg_strerror_r(error: i32, text: *mut c_char, size: usize) -> i32 {
    let name = NAMES.iter().find(|(number, _)| *number == error).map_or(c"Unknown error", |(_, name)| *name);
    let bytes = name.to_bytes_with_nul();
    if bytes.len() > size {
        return libc::ERANGE;
    }
    // SAFETY: it fits, and the caller's place is no part of our names.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), text.cast(), bytes.len()) };
    0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The C library's own words, which users know.
    #[test]
    fn errors_have_the_names_that_they_have_elsewhere() {
        for (number, name) in NAMES {
            let known = std::io::Error::from_raw_os_error(number).to_string();
            assert_eq!(known, format!("{} (os error {number})", name.to_str().unwrap()));
        }
    }

    #[test]
    fn files_are_read_and_errors_told() {
        let mut bytes = [0_u8; 4];
        // SAFETY: all in bounds.
        unsafe {
            let file = open64(c"/proc/self/exe".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC, 0);
            assert_eq!(read(file, bytes.as_mut_ptr(), 4), 4);
            assert_eq!(&bytes, b"\x7fELF");
            assert_eq!(lseek64(file, 0, libc::SEEK_CUR), 4);
            assert_eq!(close(file), 0);
            assert_eq!(close(-1), -1);
            assert_eq!(*__errno_location(), libc::EBADF);
            let never = libc::timespec { tv_sec: 0, tv_nsec: -1 };
            assert_eq!(clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &raw const never, ptr::null_mut()), libc::EINVAL);
        }
    }

    #[test]
    fn places_and_variables_are_those_of_std() {
        let mut bytes = [0; 4096];
        // SAFETY: all in bounds, and no other test changes the environment.
        unsafe {
            assert!(!getcwd(bytes.as_mut_ptr(), bytes.len()).is_null());
            let folder = CStr::from_ptr(bytes.as_ptr()).to_str().unwrap();
            assert_eq!(std::env::current_dir().unwrap(), std::path::Path::new(folder));
            assert!(getcwd(bytes.as_mut_ptr(), 1).is_null());
            let name = std::ffi::CString::new(crate::env::PATH).unwrap();
            let path = CStr::from_ptr(getenv(name.as_ptr())).to_str().unwrap();
            assert_eq!(std::env::var(crate::env::PATH).unwrap(), path);
            assert!(getenv(c"a part of a name".as_ptr()).is_null());
        }
    }
}

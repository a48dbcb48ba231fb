//! What a program needs that starts without the C library: its entry, its memory, thread-locals, and the few functions of that library
//! that it and the parts of `std` in it name.
//!
//! Loading and starting that library is most of what a short program takes. Where a hypervisor answers CPUID it is half a
//! millisecond, since the library asks some fifty times (`init_cpu_features`, sysdeps/x86/cpu-features.c of glibc).
//!
//! Invariant: such a program has one thread, and names nothing of the library that is not in here, but for what only a panic would
//! call.

#[cfg(target_arch = "aarch64")]
use std::arch::asm;
use std::ffi::{OsString, c_char};
use std::{ptr, slice};

use super::call::system_call;
use super::process;

pub mod heap;
pub mod library;
pub mod memory;

/// Makes this the program's entry: a function that is given the arguments and returns the exit status. Where `build.rs` can link the
/// program so, it starts without the C library, and the functions of [`memory`] and [`library`] have that library's names (two of
/// them weakly, as `std` names those). Elsewhere it is the library's `main`: Rust's own start-up would ignore SIGPIPE and open /dev/null
/// over closed descriptors.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        #[cfg(not(freestanding))]
        #[unsafe(no_mangle)]
        extern "C" fn main(count: core::ffi::c_int, words: *const *const core::ffi::c_char) -> core::ffi::c_int {
            // SAFETY: the C runtime's promise.
            $main(unsafe { $crate::sys::process::arguments(count, words) })
        }

        #[cfg(freestanding)]
        extern "C" fn begin(stack: *mut usize) -> ! {
            // SAFETY: the kernel's stack, untouched.
            let arguments = unsafe { $crate::sys::freestanding::begin(stack) };
            $crate::sys::freestanding::exit($main(arguments))
        }

        #[cfg(freestanding)]
        #[global_allocator]
        static HEAP: $crate::sys::freestanding::heap::Heap = $crate::sys::freestanding::heap::Heap::new();

        #[cfg(freestanding)]
        core::arch::global_asm!(
            #[cfg(target_arch = "x86_64")]
            r"
            .globl _start
            _start:
                xor ebp, ebp
                mov rdi, rsp
                and rsp, -16
                call {begin}
                ud2
            ",
            #[cfg(target_arch = "aarch64")]
            r"
            .globl _start
            _start:
                mov x29, xzr
                mov x30, xzr
                mov x0, sp
                and sp, x0, #-16
                bl {begin}
                brk #1
            ",
            r#"
            .globl environ
            .pushsection .bss.environ, "aw", %nobits
            .balign 8
            environ: .zero 8
            .popsection
            "#,
            begin = sym begin,
        );

        #[cfg(freestanding)]
        $crate::sys::freestanding::has_names_of_the_library! {
            globl memory: memcpy, memmove, memset, memcmp, bcmp, strlen;
            globl library: close, read, write, recv, open64, fcntl, lseek64, mkdir, readlink, clock_gettime, clock_nanosleep;
            globl library: getpid, getcwd, getenv, syscall, abort, __errno_location, __xpg_strerror_r;
            weak library: statx, gettid;
        }
    };
}

/// Gives functions of [`memory`] and [`library`] the library's names, by jumps: functions that had them themselves would be the
/// library's own to a compiler, which may leave them out.
#[doc(hidden)]
#[macro_export]
macro_rules! has_names_of_the_library {
    ($($binding:ident $module:ident: $($name:ident),*;)*) => {$($(
        #[cfg(target_arch = "x86_64")]
        core::arch::global_asm!(
            concat!(".", stringify!($binding), " ", stringify!($name), "\n", stringify!($name), ": jmp {function}"),
            function = sym $crate::sys::freestanding::$module::$name,
        );
        #[cfg(target_arch = "aarch64")]
        core::arch::global_asm!(
            concat!(".", stringify!($binding), " ", stringify!($name), "\n", stringify!($name), ": b {function}"),
            function = sym $crate::sys::freestanding::$module::$name,
        );
    )*)*};
}
#[doc(hidden)]
pub use has_names_of_the_library;

/// Makes this process one that Rust's code can run in; returns its arguments.
///
/// # Safety
/// To be called once, before anything else, with where the stack pointer stood when the process began.
pub unsafe fn begin(stack: *const usize) -> Vec<OsString> {
    // SAFETY: the count comes first, then the arguments, the environment and the auxiliary vector, each but the first with zeros at its
    // end (System V ABI, "Process Initialization").
    unsafe {
        let count = *stack;
        let arguments: *const *const c_char = stack.add(1).cast();
        let environment = arguments.add(count + 1);
        process::environ = environment;
        let mut after = environment;
        while !(*after).is_null() {
            after = after.add(1);
        }
        if let Some(image) = thread_locals(after.add(1).cast()) {
            set_thread_pointer(&image);
        }
        process::arguments(i32::try_from(count).unwrap_or(i32::MAX), arguments)
    }
}

/// Ends this process.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: it takes no memory of ours.
        unsafe { system_call(libc::SYS_exit_group, [status.cast_unsigned() as usize]) };
    }
}

/// What thread-locals begin as.
struct Image {
    bytes: &'static [u8],
    size: usize,
    align: usize,
}

/// Finds it among the program's segments (elf(5)): their place is in the auxiliary vector (getauxval(3)).
///
/// # Safety
/// `vector` is that vector, of a program that lies where it was linked to.
unsafe fn thread_locals(vector: *const [usize; 2]) -> Option<Image> {
    let (mut at, mut place, mut count) = (vector, None, 0);
    // SAFETY: a zero ends it; the segments are the program's own.
    unsafe {
        while (*at)[0] != 0 {
            let [kind, value] = *at;
            match kind as u64 {
                libc::AT_PHDR => place = Some(ptr::with_exposed_provenance::<libc::Elf64_Phdr>(value)),
                libc::AT_PHNUM => count = value,
                _ => {}
            }
            at = at.add(1);
        }
        let segments = slice::from_raw_parts(place?, count);
        let found = segments.iter().find(|segment| segment.p_type == libc::PT_TLS)?;
        let number = |value: u64| usize::try_from(value).ok();
        let bytes = ptr::with_exposed_provenance(number(found.p_vaddr)?);
        let bytes = slice::from_raw_parts(bytes, number(found.p_filesz)?);
        Some(Image { bytes, size: number(found.p_memsz)?, align: number(found.p_align)?.max(16) })
    }
}

/// Behind the thread pointer the library keeps a block of its own; compilers read a few words of it.
const BLOCK: usize = 128;

/// Thread-locals end where the thread pointer points, which begins with its own address (System V ABI, "Thread-Local Storage", variant
/// II).
///
/// # Safety
/// Nothing may have used one yet.
#[cfg(not(target_arch = "aarch64"))]
unsafe fn set_thread_pointer(image: &Image) {
    const ARCH_SET_FS: usize = 0x1002;
    let size = image.size.next_multiple_of(image.align);
    let memory = vec![0_u8; image.align + size + BLOCK].leak();
    let start = memory.as_ptr().align_offset(image.align);
    memory[start..][..image.bytes.len()].copy_from_slice(image.bytes);
    let pointer = memory[start + size..].as_mut_ptr();
    memory[start + size..][..8].copy_from_slice(&pointer.expose_provenance().to_ne_bytes());
    // SAFETY: that memory is never given back.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        system_call(libc::SYS_arch_prctl, [ARCH_SET_FS, pointer.addr()]);
    }
}

/// Two words come first, then the thread-locals (System V ABI, "Thread-Local Storage", variant I).
///
/// # Safety
/// Nothing may have used one yet.
#[cfg(target_arch = "aarch64")]
unsafe fn set_thread_pointer(image: &Image) {
    let head = 16_usize.next_multiple_of(image.align);
    let memory = vec![0_u8; image.align + head + image.size + BLOCK].leak();
    let start = memory.as_ptr().align_offset(image.align);
    memory[start + head..][..image.bytes.len()].copy_from_slice(image.bytes);
    let pointer = memory[start..].as_mut_ptr();
    // SAFETY: that memory is never given back.
    unsafe { asm!("msr tpidr_el0, {}", in(reg) pointer.expose_provenance()) };
}

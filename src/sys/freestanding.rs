//! What a program needs that starts without the C library (`freestanding!`): its entry, the memory functions that compilers call,
//! and execve(2).
//!
//! Loading and starting that library is nearly all that a short program takes. Where a hypervisor answers CPUID it is half a
//! millisecond, since the library asks some fifty times (`init_cpu_features`, sysdeps/x86/cpu-features.c of glibc).
//!
//! Invariant: such a program calls nothing of the library. It allocates nothing, has no thread-locals, uses of `std` only what is in
//! `core`, and of rustix only what takes C strings and buffers.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::arch::asm;
use std::ffi::{CStr, c_char};
use std::fmt;

/// Makes this the program's entry: a function that is given a [`Start`] and never returns. The program has to be linked as
/// `build.rs` does it. The functions of [`memory`] get the C library's names.
#[macro_export]
macro_rules! freestanding {
    ($main:path) => {
        core::arch::global_asm!(
            #[cfg(target_arch = "x86_64")]
            r"
            .macro is name, function
                .globl \name
                \name: jmp \function
            .endm
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
            .macro is name, function
                .globl \name
                \name: b \function
            .endm
            .globl _start
            _start:
                mov x29, xzr
                mov x30, xzr
                mov x0, sp
                and sp, x0, #-16
                bl {begin}
                brk #1
            ",
            "is memcpy, {memcpy}",
            "is memmove, {memmove}",
            "is memset, {memset}",
            "is memcmp, {memcmp}",
            "is bcmp, {memcmp}",
            "is strlen, {strlen}",
            begin = sym begin,
            memcpy = sym $crate::sys::freestanding::memory::memcpy,
            memmove = sym $crate::sys::freestanding::memory::memmove,
            memset = sym $crate::sys::freestanding::memory::memset,
            memcmp = sym $crate::sys::freestanding::memory::memcmp,
            strlen = sym $crate::sys::freestanding::memory::strlen,
        );

        extern "C" fn begin(stack: *mut usize) -> ! {
            // SAFETY: the kernel's stack, untouched.
            $main(unsafe { $crate::sys::freestanding::Start::new(stack) })
        }
    };
}

/// As in string.h(0p). The accesses are volatile, so that no compiler makes a call of the same function out of a loop.
///
/// # Safety
/// As there.
#[allow(clippy::missing_safety_doc, reason = "said for all of them")]
pub mod memory {
    pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
        for at in 0..count {
            unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
        }
        to
    }

    pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
        if to.cast_const() <= from {
            return unsafe { memcpy(to, from, count) };
        }
        for at in (0..count).rev() {
            unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
        }
        to
    }

    pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
        for at in 0..count {
            unsafe { to.add(at).write_volatile(byte.to_le_bytes()[0]) };
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

    pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
        let mut count = 0;
        while unsafe { text.add(count).read_volatile() } != 0 {
            count += 1;
        }
        count
    }
}

/// Arguments and environment of this process, where the kernel has put them (execve(2)).
pub struct Start {
    arguments: *mut *const c_char,
    count: usize,
}

impl Start {
    /// # Safety
    /// `stack` is where the stack pointer stood when the process began.
    pub unsafe fn new(stack: *mut usize) -> Self {
        // SAFETY: the count comes first, then the arguments (System V ABI, "Process Initialization").
        unsafe { Self { arguments: stack.add(1).cast(), count: *stack } }
    }

    /// The argument with this number; 0 is the program's own name.
    pub fn argument(&self, number: usize) -> Option<&'static CStr> {
        // SAFETY: they live as long as the process.
        (number < self.count).then(|| unsafe { CStr::from_ptr(*self.arguments.add(number)) })
    }

    /// The entries of the environment.
    pub fn environment(&self) -> impl Iterator<Item = &'static CStr> {
        let first = self.entries();
        // SAFETY: a null pointer ends them, and they live as long as the process.
        (0..).map_while(move |at| unsafe {
            let entry = *first.add(at);
            (!entry.is_null()).then(|| CStr::from_ptr(entry))
        })
    }

    /// Replaces this process by `program`, which gets its path and all arguments behind the one with this number, and this
    /// environment. Returns where that fails, with everything as before.
    pub fn execute<const MOST: usize>(&mut self, program: &CStr, number: usize, environment: &Words<MOST>) {
        if number >= self.count {
            return;
        }
        // SAFETY: in bounds; what stood there is put back.
        unsafe {
            let place = self.arguments.add(number);
            let before = place.replace(program.as_ptr());
            execute(program, place.cast_const(), environment.pointers.as_ptr());
            *place = before;
        }
    }

    /// Replaces this process by `program`, with the same arguments and environment. Returns where that fails.
    pub fn execute_instead(&mut self, program: &CStr) {
        // SAFETY: both are the kernel's own.
        unsafe { execute(program, self.arguments.cast_const(), self.entries().cast_const()) };
    }

    fn entries(&self) -> *mut *const c_char {
        // SAFETY: they come after the arguments, which end with a null pointer.
        unsafe { self.arguments.add(self.count + 1) }
    }

    /// Ends this process.
    pub fn exit(&self, status: u8) -> ! {
        loop {
            // SAFETY: it takes no memory of ours.
            unsafe { system_call(libc::SYS_exit_group, [status.into(), 0, 0]) };
        }
    }
}

/// # Safety
/// Both arrays end with a null pointer.
unsafe fn execute(program: &CStr, arguments: *const *const c_char, environment: *const *const c_char) {
    // SAFETY: by contract; the call returns only where it failed, and then has changed nothing.
    unsafe { system_call(libc::SYS_execve, [program.as_ptr().addr(), arguments.addr(), environment.addr()]) };
}

/// So many pointers to C strings, with a null pointer at the end.
pub struct Words<'a, const MOST: usize> {
    pointers: [*const c_char; MOST],
    count: usize,
    lifetime: std::marker::PhantomData<&'a CStr>,
}

impl<'a, const MOST: usize> Words<'a, MOST> {
    pub fn new() -> Self {
        Self { pointers: [std::ptr::null(); MOST], count: 0, lifetime: std::marker::PhantomData }
    }

    /// Nothing where it is full.
    pub fn push(&mut self, word: &'a CStr) -> Option<()> {
        let is_last = self.count + 1 >= MOST;
        *self.pointers.get_mut(self.count).filter(|_| !is_last)? = word.as_ptr();
        self.count += 1;
        Some(())
    }
}

impl<const MOST: usize> Default for Words<'_, MOST> {
    fn default() -> Self {
        Self::new()
    }
}

/// Text of so many bytes at most, a NUL at its end included.
pub struct Text<const MOST: usize> {
    bytes: [u8; MOST],
    count: usize,
}

impl<const MOST: usize> Text<MOST> {
    /// Nothing where they do not fit.
    pub fn of(parts: &[&[u8]]) -> Option<Self> {
        let mut text = Self { bytes: [0; MOST], count: 0 };
        parts.iter().try_for_each(|part| text.push(part))?;
        Some(text)
    }

    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.count.checked_add(part.len()).filter(|end| *end < MOST)?;
        self.bytes.get_mut(self.count..end)?.copy_from_slice(part);
        self.count = end;
        Some(())
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }

    /// Nothing where a NUL stands in it.
    pub fn c_string(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(self.bytes.get(..=self.count)?).ok()
    }
}

impl<const MOST: usize> fmt::Write for Text<MOST> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.push(part.as_bytes()).ok_or(fmt::Error)
    }
}

/// # Safety
/// What that call needs (syscall(2)).
#[cfg(target_arch = "x86_64")]
unsafe fn system_call(number: libc::c_long, [first, second, third]: [usize; 3]) {
    // SAFETY: these registers, and no others (syscall(2)).
    unsafe {
        asm!("syscall", inlateout("rax") number => _, in("rdi") first, in("rsi") second, in("rdx") third,
             lateout("rcx") _, lateout("r11") _, options(nostack));
    }
}

/// # Safety
/// What that call needs (syscall(2)).
#[cfg(target_arch = "aarch64")]
unsafe fn system_call(number: libc::c_long, [first, second, third]: [usize; 3]) {
    // SAFETY: these registers, and no others (syscall(2)).
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") first => _, in("x1") second, in("x2") third, options(nostack));
    }
}

/// For machines where no program is linked so.
///
/// # Safety
/// What that call needs (syscall(2)).
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn system_call(number: libc::c_long, [first, second, third]: [usize; 3]) {
    // SAFETY: by contract.
    unsafe { libc::syscall(number, first, second, third) };
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn memory_functions_do_what_their_names_say() {
        let (mut bytes, from) = ([0_u8; 8], *b"abcdefgh");
        // SAFETY: all in bounds.
        unsafe {
            memory::memcpy(bytes.as_mut_ptr(), from.as_ptr(), 8);
            assert_eq!(&bytes, b"abcdefgh");
            memory::memmove(bytes.as_mut_ptr().add(2), bytes.as_ptr(), 5);
            assert_eq!(&bytes, b"ababcdeh");
            memory::memmove(bytes.as_mut_ptr(), bytes.as_ptr().add(2), 6);
            assert_eq!(&bytes, b"abcdeheh");
            memory::memset(bytes.as_mut_ptr().add(1), 0x1_78, 2);
            assert_eq!(&bytes, b"axxdeheh");
            assert!(memory::memcmp(b"ab".as_ptr(), b"ac".as_ptr(), 2) < 0);
            assert!(memory::memcmp(b"\xff".as_ptr(), b"\x01".as_ptr(), 1) > 0);
            assert_eq!(memory::memcmp(b"ab".as_ptr(), b"ac".as_ptr(), 1), 0);
            assert_eq!(memory::strlen(c"abc".as_ptr().cast()), 3);
        }
    }

    #[test]
    fn text_and_words_take_what_fits() {
        assert_eq!(Text::<4>::of(&[b"a", b"", b"bc"]).unwrap().c_string(), Some(c"abc"));
        assert!(Text::<4>::of(&[b"ab", b"cd"]).is_none());
        assert_eq!(Text::<4>::of(&[b"a\0"]).unwrap().c_string(), None);
        let mut words = Words::<3>::new();
        assert_eq!([words.push(c"a"), words.push(c"b"), words.push(c"c")], [Some(()), Some(()), None]);
        assert!(words.pointers[2].is_null());
    }
}

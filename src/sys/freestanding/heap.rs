//! Memory to allocate from, for a program with one thread: blocks of a power of two, kept for the next of their size.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;

use super::super::call::system_call;

/// Blocks are at least so long; a free one holds the address of the next.
const SMALLEST: usize = 16;
/// Longer ones are the kernel's own, and go back to it.
const LONGEST: usize = 1 << 20;
/// What is got from the kernel at once.
const CHUNK: usize = 2 << 20;
/// What a launch needs mostly, without a system call.
const FIRST: usize = 128 << 10;

/// The heap of a program; `freestanding!` makes it that.
pub struct Heap(UnsafeCell<State>);

/// Aligned as no block has to be more.
#[repr(align(4096))]
struct First([u8; FIRST]);

struct State {
    /// Free blocks of `SMALLEST << n` bytes, each list by its first.
    free: [*mut u8; sizes()],
    /// What has not been given away yet. Zeroes at first, as all of it, so that it takes no room in the program's file.
    rest: *mut u8,
    left: usize,
    first: First,
}

const fn sizes() -> usize {
    (LONGEST / SMALLEST).ilog2() as usize + 1
}

// SAFETY: a program that starts without the C library has one thread.
unsafe impl Sync for Heap {}

impl Heap {
    #[allow(clippy::large_stack_arrays, reason = "it is made where the program is compiled")]
    pub const fn new() -> Self {
        let first = First([0; FIRST]);
        Self(UnsafeCell::new(State { free: [ptr::null_mut(); sizes()], rest: ptr::null_mut(), left: 0, first }))
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

/// The size of the block that serves a layout.
fn block_size(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(SMALLEST).next_power_of_two()
}

fn list_of(size: usize) -> usize {
    (size / SMALLEST).trailing_zeros() as usize
}

// SAFETY: blocks are as long and as aligned as asked, and belong to one owner at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > 4096 {
            return ptr::null_mut();
        }
        let size = block_size(layout);
        if size > LONGEST {
            return pages(size);
        }
        // SAFETY: there is one thread, and nothing in here allocates.
        let state = unsafe { &mut *self.0.get() };
        let list = &mut state.free[list_of(size)];
        if list.is_null() {
            return state.cut(size);
        }
        // SAFETY: a free block begins with the address of the next.
        unsafe {
            #[allow(clippy::cast_ptr_alignment, reason = "blocks are aligned to 16 bytes at least")]
            let next = list.cast::<*mut u8>().read();
            ptr::replace(list, next)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let size = block_size(layout);
        // SAFETY: the block is nobody's any more, as long as that, and aligned for an address.
        unsafe {
            if size > LONGEST {
                system_call(libc::SYS_munmap, [block.addr(), size]);
                return;
            }
            let list = &mut (*self.0.get()).free[list_of(size)];
            #[allow(clippy::cast_ptr_alignment, reason = "blocks are aligned to 16 bytes at least")]
            block.cast::<*mut u8>().write(*list);
            *list = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, wanted: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(wanted, layout.align()) else { return ptr::null_mut() };
        if block_size(new) == block_size(layout) {
            return block;
        }
        // SAFETY: both are as long as their layouts, and the old one is the caller's to give back.
        unsafe {
            let other = self.alloc(new);
            if !other.is_null() {
                ptr::copy_nonoverlapping(block, other, layout.size().min(wanted));
                self.dealloc(block, layout);
            }
            other
        }
    }
}

impl State {
    /// A block that was never used; null where there is no memory.
    fn cut(&mut self, size: usize) -> *mut u8 {
        if self.rest.is_null() {
            (self.rest, self.left) = (self.first.0.as_mut_ptr(), FIRST);
        }
        // Blocks are cut off the end, so that what is left stays as aligned as the next needs it: sizes are powers of two.
        let aligned = self.left & !(size.min(4096) - 1);
        if aligned < size {
            let chunk = pages(CHUNK);
            if chunk.is_null() {
                return chunk;
            }
            // What is left of the one before is lost: less than a block.
            (self.rest, self.left) = (chunk, CHUNK);
            return self.cut(size);
        }
        self.left = aligned - size;
        // SAFETY: within what is left.
        unsafe { self.rest.add(self.left) }
    }
}

/// Memory of the kernel's (mmap(2)); null where it has none.
fn pages(size: usize) -> *mut u8 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let arguments = [0, size, protection.unsigned_abs() as usize, flags.unsigned_abs() as usize, usize::MAX, 0];
    // SAFETY: memory that nobody has yet.
    let answer = unsafe { system_call(libc::SYS_mmap, arguments) };
    if (-4095..0).contains(&answer) {
        ptr::null_mut()
    } else {
        ptr::with_exposed_provenance_mut(answer.cast_unsigned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Fills each block with a byte of its own, and looks at all of them at the end.
    #[test]
    fn blocks_are_apart_and_aligned() {
        let heap = Box::new(Heap::new());
        let layouts =
            [(1, 1), (100, 8), (4096, 4096), (17, 16), (FIRST, 1), (3 << 20, 64), (0, 1), (LONGEST, 8), (64, 64)];
        let mut blocks = Vec::new();
        for round in 0..20_u8 {
            for (size, align) in layouts {
                // SAFETY: it is used as far as it is long.
                unsafe {
                    let block = heap.alloc(layout(size, align));
                    assert!(!block.is_null() && block.addr().is_multiple_of(align), "{size} {align}");
                    block.write_bytes(round, size);
                    blocks.push((block, size, align, round));
                }
            }
        }
        for (block, size, align, round) in blocks {
            // SAFETY: as above.
            unsafe {
                assert!(std::slice::from_raw_parts(block, size).iter().all(|byte| *byte == round));
                heap.dealloc(block, layout(size, align));
            }
        }
    }

    #[test]
    fn a_block_that_was_given_back_is_used_again() {
        let heap = Box::new(Heap::new());
        // SAFETY: each is given back once.
        unsafe {
            let first = heap.alloc(layout(100, 8));
            heap.dealloc(first, layout(100, 8));
            assert_eq!(heap.alloc(layout(128, 1)), first);
            let grown = heap.realloc(first, layout(128, 1), 100);
            assert_eq!(grown, first);
            first.write_bytes(7, 100);
            let grown = heap.realloc(first, layout(100, 1), 1000);
            assert!(grown != first && std::slice::from_raw_parts(grown, 100) == [7; 100]);
            assert_eq!(heap.alloc(layout(128, 1)), first);
        }
    }

    #[test]
    fn what_cannot_be_had_is_null() {
        let heap = Box::new(Heap::new());
        // SAFETY: nothing is used.
        unsafe {
            assert!(heap.alloc(layout(1 << 46, 1)).is_null());
            assert!(heap.alloc(layout(1, 1 << 20)).is_null());
        }
    }
}

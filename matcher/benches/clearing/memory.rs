//! The system's allocator, counting what is held and the most that was; and what a piece of work held at its peak.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Counting costs time, which is not to be measured with the rest.
static IS_COUNTING: AtomicBool = AtomicBool::new(false);
/// Bytes requested since counting began, and not freed; what was there before may be freed too, so it may wrap.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
pub struct Counting;

fn count(more: usize, less: usize) {
    if IS_COUNTING.load(Ordering::Relaxed) {
        let change = more.wrapping_sub(less);
        let held = HELD.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        if held as isize > PEAK.load(Ordering::Relaxed) as isize {
            PEAK.store(held, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While it moves, both are there.
        count(size, 0);
        count(0, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Bytes that a piece of work requested.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// At most at once.
    pub peak: usize,
    /// What its result holds.
    pub kept: usize,
}

/// Runs `work`, which no other thread may disturb.
pub fn watch<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    HELD.store(0, Ordering::Relaxed);
    PEAK.store(0, Ordering::Relaxed);
    IS_COUNTING.store(true, Ordering::Relaxed);
    let result = work();
    IS_COUNTING.store(false, Ordering::Relaxed);
    (result, Usage { peak: PEAK.load(Ordering::Relaxed), kept: HELD.load(Ordering::Relaxed) })
}

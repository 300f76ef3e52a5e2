//! Bytes that a live order takes in a book of 100,000: as requested of the allocator, as it rounds them up, and resident.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use matcher::{Effect, Input, Market, Topic};
use protocol::Address;

use crate::words::{NOW_MS, Signing, market, messages, unsigned};

const ORDERS: usize = 100_000;

/// Counting costs time, which is not to be measured with the rest.
static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicUsize = AtomicUsize::new(0);
static USABLE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    /// What the C library's allocator set aside for an allocation.
    fn malloc_usable_size(pointer: *mut u8) -> usize;
}

/// The system's allocator, counting.
pub struct Counting;

fn count(counter: &AtomicUsize, more: usize, less: usize) {
    counter.fetch_add(more.wrapping_sub(less), Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let pointer = unsafe { System.alloc(layout) };
        if IS_COUNTING.load(Ordering::Relaxed) {
            count(&REQUESTED, layout.size(), 0);
            count(&USABLE, unsafe { malloc_usable_size(pointer) }, 0);
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if IS_COUNTING.load(Ordering::Relaxed) {
            count(&REQUESTED, 0, layout.size());
            count(&USABLE, 0, unsafe { malloc_usable_size(pointer) });
        }
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !IS_COUNTING.load(Ordering::Relaxed) {
            return unsafe { System.realloc(pointer, layout, size) };
        }
        let before = unsafe { malloc_usable_size(pointer) };
        let grown = unsafe { System.realloc(pointer, layout, size) };
        count(&REQUESTED, size, layout.size());
        count(&USABLE, unsafe { malloc_usable_size(grown) }, before);
        grown
    }
}

/// Requested, usable and resident bytes of this process.
fn bytes() -> [usize; 3] {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0);
    [REQUESTED.load(Ordering::Relaxed), USABLE.load(Ordering::Relaxed), resident * 4096]
}

/// Bytes requested of the allocator and not given back, since counting began.
pub fn requested() -> usize {
    REQUESTED.load(Ordering::Relaxed)
}

/// Counts from now on.
pub fn begin_counting() {
    IS_COUNTING.store(true, Ordering::Relaxed);
}

pub fn run() {
    begin_counting();
    println!(
        "\nbytes an order in a book of {ORDERS}, three metrics each, all indices and caches of the machine included"
    );
    println!("{:24} {:>10} {:>10} {:>10}", "", "requested", "usable", "resident");
    for (name, signing) in [("single", Signing::Single), ("bulk by 64", Signing::Bulk)] {
        // Messages in an order that is not that of the owners.
        let mut messages = messages(&unsigned(ORDERS, signing), 64);
        messages.sort();
        let mut machine = Market::new(market(), Address([1; 20]));
        let before = bytes();
        for (token, message) in messages.iter().enumerate() {
            believe(&mut machine, token as u64, message.clone());
        }
        let after = bytes();
        assert_eq!(machine.book().len(), ORDERS);
        let each: Vec<usize> =
            after.iter().zip(before).map(|(after, before)| after.saturating_sub(before) / ORDERS).collect();
        println!("{name:24} {:>10} {:>10} {:>10}", each[0], each[1], each[2]);
    }
}

/// Tells the machine of a message whose signatures are taken for good.
fn believe(machine: &mut Market, token: u64, bytes: Vec<u8>) {
    let heard = Input::Heard { from: Address([2; 20]), token, topic: Topic::Orders, bytes };
    for effect in machine.handle(heard, NOW_MS) {
        if let Effect::Recover { ticket, work } = effect {
            machine.handle(Input::Recovered { ticket, verdicts: vec![true; work.len()] }, NOW_MS);
        }
    }
}

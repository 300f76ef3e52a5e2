//! Where threads wait for each other between windows, and learn that one of them will never come. Knows no events.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

/// How often a thread looks before it sleeps: the others are nearly there, or else the machine has others to serve.
const LOOKS: u32 = 2_000;

/// A barrier that a panic breaks instead of being waited for.
#[derive(Debug)]
pub(super) struct Meeting {
    count: usize,
    /// How many have arrived, in this round.
    arrived: Mutex<usize>,
    round: AtomicUsize,
    is_broken: AtomicBool,
    bell: Condvar,
}

/// A thread's place at the meeting; if the thread panics, the meeting is broken.
#[derive(Debug)]
pub(super) struct Seat<'a>(&'a Meeting);

impl Meeting {
    pub(super) fn new(count: usize) -> Meeting {
        let (arrived, bell) = (Mutex::new(0), Condvar::new());
        Meeting { count, arrived, round: AtomicUsize::new(0), is_broken: AtomicBool::new(false), bell }
    }

    pub(super) fn seat(&self) -> Seat<'_> {
        Seat(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.arrived.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

impl Seat<'_> {
    /// Waits for all others. False if one of them panicked.
    pub(super) fn wait(&self) -> bool {
        let meeting = self.0;
        let round = meeting.round.load(Ordering::Acquire);
        let mut arrived = meeting.lock();
        *arrived += 1;
        if *arrived == meeting.count {
            *arrived = 0;
            meeting.round.store(round.wrapping_add(1), Ordering::Release);
            meeting.bell.notify_all();
            return !meeting.is_broken.load(Ordering::Acquire);
        }
        drop(arrived);
        let is_over = || meeting.round.load(Ordering::Acquire) != round || meeting.is_broken.load(Ordering::Acquire);
        if !(0..LOOKS).any(|_| {
            std::hint::spin_loop();
            is_over()
        }) {
            let mut arrived = meeting.lock();
            while !is_over() {
                arrived = meeting.bell.wait(arrived).unwrap_or_else(|broken| broken.into_inner());
            }
        }
        !meeting.is_broken.load(Ordering::Acquire)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _arrived = self.0.lock();
            self.0.is_broken.store(true, Ordering::Release);
            self.0.bell.notify_all();
        }
    }
}

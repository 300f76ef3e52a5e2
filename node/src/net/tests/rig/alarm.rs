//! Wakes tasks at their time, more exactly than the runtime's timer, which knows milliseconds only. Knows no stream.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Waker;
use std::time::Instant;

/// A thread that sleeps until somebody is due. It ends with the last handle.
pub(super) struct Alarm(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: BinaryHeap<Reverse<Due>>,
    is_over: bool,
}

struct Due {
    at: Instant,
    waker: Waker,
}

impl Alarm {
    pub(super) fn start() -> Alarm {
        let shared = Arc::new(Shared::default());
        let inner = shared.clone();
        std::thread::spawn(move || inner.run());
        Alarm(shared)
    }

    /// Wakes at `at`, or soon after.
    pub(super) fn set(&self, at: Instant, waker: Waker) {
        let mut state = self.0.state.lock().unwrap();
        let is_first = state.due.peek().is_none_or(|first| at < first.0.at);
        state.due.push(Reverse(Due { at, waker }));
        if is_first {
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().is_over = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state.lock().unwrap();
        while !state.is_over {
            let Some(at) = state.due.peek().map(|first| first.0.at) else {
                state = self.changed.wait(state).unwrap();
                continue;
            };
            let wait = at.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                state = self.changed.wait_timeout(state, wait).unwrap().0;
                continue;
            }
            let due = state.due.pop();
            // A waker may run anything, so it is not called under the lock.
            drop(state);
            if let Some(Reverse(due)) = due {
                due.waker.wake();
            }
            state = self.state.lock().unwrap();
        }
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

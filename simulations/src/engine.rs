//! Discrete events on a virtual clock: nodes that meet only by messages, advanced window by window on any number of
//! threads with the same outcome to the bit. Knows no market and no network.
//!
//! ```text
//!  window w = [w L, (w + 1) L)          L: the lookahead, no message is faster
//!  ring[w] --sort by (node, time, sender, number)--> each node handles its own, in its own order
//!                                                      | to itself, within the window: a small heap
//!                                                      | to itself or others, later: ring[w + k], k >= 1
//! ```

mod meeting;
mod shard;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::{Hash, keccak256};

use meeting::Meeting;
pub use shard::Out;
use shard::{Entry, Shard};

/// Nanoseconds of virtual time since the simulation began.
pub type Nanos = u64;

/// One millisecond.
pub const MS: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000 * MS;

/// Something that lives in the simulation.
pub trait Node: Send {
    /// What happens to it.
    type Event: Send;

    /// An event happens at `now`; what it leads to goes into `out`.
    fn handle(&mut self, now: Nanos, event: Self::Event, out: &mut Out<'_, Self::Event>);

    /// Two events of equal digests are equal, but for chance: goes into the trace hash.
    fn digest(event: &Self::Event) -> u64;
}

/// Nodes, their clock, and what is about to happen to them.
///
/// What is sent arrives in a later window, so nodes do not see each other within one: a node's events in a window are
/// handled together, whatever the others do, which is also what keeps its memory warm.
pub struct Engine<N: Node> {
    shards: Vec<Shard<N>>,
    lookahead: Nanos,
    now: Nanos,
    per_shard: usize,
    injected: u32,
}

impl<N: Node> Engine<N> {
    /// `nodes` at time 0, on as many `threads`. No message between two nodes takes less than `lookahead`.
    ///
    /// # Panics
    /// If `lookahead` or `threads` is 0.
    pub fn new(nodes: Vec<N>, lookahead: Nanos, threads: usize) -> Engine<N> {
        assert!(lookahead > 0 && threads > 0, "a window has a length, and somebody works");
        let per_shard = nodes.len().div_ceil(threads).max(1);
        let mut shards = Vec::new();
        let mut nodes = nodes.into_iter().peekable();
        while nodes.peek().is_some() {
            let first = shards.len() * per_shard;
            shards.push(Shard::new(first, nodes.by_ref().take(per_shard).collect(), lookahead));
        }
        Engine { shards, lookahead, now: 0, per_shard, injected: 0 }
    }

    /// Virtual time: everything before it has happened.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// All nodes in order.
    pub fn nodes(&self) -> impl Iterator<Item = &N> + Clone {
        self.shards.iter().flat_map(|shard| shard.nodes().iter())
    }

    /// All nodes in order.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut N> {
        self.shards.iter_mut().flat_map(|shard| shard.nodes_mut().iter_mut())
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.nodes().len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The node with this number.
    pub fn node(&self, number: usize) -> &N {
        &self.shards[number / self.per_shard].nodes()[number % self.per_shard]
    }

    /// The node with this number.
    pub fn node_mut(&mut self, number: usize) -> &mut N {
        &mut self.shards[number / self.per_shard].nodes_mut()[number % self.per_shard]
    }

    /// Has `event` happen to a node at `at`, from outside all nodes. What was injected first happens first.
    ///
    /// # Panics
    /// If `at` has passed.
    pub fn inject(&mut self, to: usize, at: Nanos, event: N::Event) {
        assert!(at >= self.now, "nothing happens in the past");
        self.injected += 1;
        let entry = Entry { to: to as u32, from: u32::MAX, at, number: self.injected, event };
        self.shards[to / self.per_shard].push(entry);
    }

    /// Lets everything before `end` happen. The number of threads changes nothing but the time it takes.
    pub fn run_until(&mut self, end: Nanos) {
        if end <= self.now {
            return;
        }
        match self.shards.len() {
            0 => {}
            1 => self.run_alone(end),
            _ => self.run_together(end),
        }
        self.now = end;
    }

    fn run_alone(&mut self, end: Nanos) {
        let shard = &mut self.shards[0];
        while let Some(window) = shard.next_window().filter(|&window| window * self.lookahead < end) {
            shard.run_window(window, end);
            shard.take_own();
            if (window + 1) * self.lookahead >= end {
                break;
            }
        }
    }

    fn run_together(&mut self, end: Nanos) {
        let count = self.shards.len();
        let together = Together {
            boxes: (0..count * count).map(|_| Mutex::default()).collect(),
            next: (0..count).map(|_| AtomicU64::new(0)).collect(),
            meeting: Meeting::new(count),
            lookahead: self.lookahead,
            per_shard: self.per_shard,
        };
        let together = &together;
        std::thread::scope(|scope| {
            let shards = self.shards.iter_mut().enumerate();
            let threads: Vec<_> =
                shards.map(|(number, shard)| scope.spawn(move || together.run(number, shard, end))).collect();
            let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            if let Some(panic) = ends.into_iter().find_map(Result::err) {
                std::panic::resume_unwind(panic);
            }
        });
    }

    /// Events that happened so far.
    pub fn events(&self) -> u64 {
        self.shards.iter().map(Shard::events).sum()
    }

    /// A hash of everything that happened to every node, in order: the same for the same nodes, seeds and code.
    pub fn trace_hash(&self) -> Hash {
        let traces: Vec<u8> =
            self.shards.iter().flat_map(Shard::traces).flat_map(|trace| trace.to_be_bytes()).collect();
        keccak256(&[b"trace", &traces])
    }
}

/// What the threads of one run share.
struct Together<E> {
    /// What was sent in a window: to whom times how many there are, plus from whom.
    boxes: Vec<Mutex<Vec<Entry<E>>>>,
    /// The next window of each.
    next: Vec<AtomicU64>,
    meeting: Meeting,
    lookahead: Nanos,
    per_shard: usize,
}

impl<E: Send> Together<E> {
    /// One thread's part, until `end` or until another one panics.
    fn run<N: Node<Event = E>>(&self, number: usize, shard: &mut Shard<N>, end: Nanos) {
        let seat = self.meeting.seat();
        let count = self.next.len();
        let mut by_shard: Vec<Vec<Entry<E>>> = (0..count).map(|_| Vec::new()).collect();
        let open = |at: usize| self.boxes[at].lock().unwrap_or_else(|broken| broken.into_inner());
        loop {
            self.next[number].store(shard.next_window().unwrap_or(u64::MAX), Ordering::Relaxed);
            if !seat.wait() {
                return;
            }
            let window = self.next.iter().map(|next| next.load(Ordering::Relaxed)).min().unwrap_or(u64::MAX);
            if window.saturating_mul(self.lookahead) >= end {
                return;
            }
            shard.run_window(window, end);
            shard.sort_sent((number, self.per_shard), &mut by_shard);
            for to in (0..count).filter(|to| *to != number) {
                // What was in the box is empty, and its room is used for the next window.
                std::mem::swap(&mut by_shard[to], &mut *open(to * count + number));
            }
            if !seat.wait() {
                return;
            }
            for from in (0..count).filter(|from| *from != number) {
                open(number * count + from).drain(..).for_each(|entry| shard.push(entry));
            }
            if (window + 1) * self.lookahead >= end {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;

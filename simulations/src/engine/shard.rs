//! Some of the nodes and the events that wait for them, by window. Sees the other shards only as a list of what was sent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::{Nanos, Node};
use crate::random::mix;

/// Empty buckets that are kept; the room of others goes back to the system.
const SPARE_MAX: usize = 16;
/// Windows that are kept as a ring; what lies further ahead waits in a map.
const RING: u64 = 1 << 12;

/// One event on its way. Ordered by time, then sender, then the sender's count; no two are equal.
#[derive(Debug)]
pub(super) struct Entry<E> {
    pub(super) to: u32,
    pub(super) from: u32,
    pub(super) at: Nanos,
    pub(super) number: u32,
    pub(super) event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> (u32, Nanos, u32, u32) {
        (self.to, self.at, self.from, self.number)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Entry<E>) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Entry<E>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Entry<E>) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Where a node puts what it does.
pub struct Out<'a, E> {
    now: Nanos,
    /// Messages arrive no sooner.
    earliest: Nanos,
    from: u32,
    cause: u32,
    number: &'a mut u32,
    /// To itself, in this window or a later one.
    own: &'a mut Vec<Entry<E>>,
    sent: &'a mut Vec<Entry<E>>,
}

impl<E> Out<'_, E> {
    /// This node's number.
    pub fn me(&self) -> u32 {
        self.from
    }

    /// The node that caused what happens: this one, another one, or `u32::MAX` for what came from outside.
    pub fn cause(&self) -> u32 {
        self.cause
    }

    /// `event` happens to this node itself at `at`, not before now.
    pub fn at(&mut self, at: Nanos, event: E) {
        let entry = self.entry(self.from, at.max(self.now), event);
        self.own.push(entry);
    }

    /// `event` happens to node `to` at `at`.
    ///
    /// # Panics
    /// If that is sooner than the engine's lookahead allows: the network model is wrong.
    pub fn send(&mut self, to: u32, at: Nanos, event: E) {
        assert!(at >= self.earliest, "a message is faster than any may be");
        let entry = self.entry(to, at, event);
        self.sent.push(entry);
    }

    fn entry(&mut self, to: u32, at: Nanos, event: E) -> Entry<E> {
        *self.number += 1;
        Entry { to, from: self.from, at, number: *self.number, event }
    }
}

pub(super) struct Shard<N: Node> {
    first: usize,
    nodes: Vec<N>,
    /// Of each node: a hash of what happened to it.
    traces: Vec<u64>,
    /// Of each node: how many events it caused.
    numbers: Vec<u32>,
    lookahead: Nanos,
    /// The window that `ring` begins with.
    window: u64,
    ring: Vec<Vec<Entry<N::Event>>>,
    /// Windows of the ring that hold something.
    near: BTreeSet<u64>,
    far: BTreeMap<u64, Vec<Entry<N::Event>>>,
    sent: Vec<Entry<N::Event>>,
    own: Vec<Entry<N::Event>>,
    due: BinaryHeap<Reverse<Entry<N::Event>>>,
    later: Vec<Entry<N::Event>>,
    /// Empty buckets whose room is used again.
    spare: Vec<Vec<Entry<N::Event>>>,
    events: u64,
}

impl<N: Node> Shard<N> {
    pub(super) fn new(first: usize, nodes: Vec<N>, lookahead: Nanos) -> Shard<N> {
        let count = nodes.len();
        Shard {
            first,
            nodes,
            traces: vec![0; count],
            numbers: vec![0; count],
            lookahead,
            window: 0,
            ring: (0..RING).map(|_| Vec::new()).collect(),
            near: BTreeSet::new(),
            far: BTreeMap::new(),
            sent: Vec::new(),
            own: Vec::new(),
            due: BinaryHeap::new(),
            later: Vec::new(),
            spare: Vec::new(),
            events: 0,
        }
    }

    pub(super) fn nodes(&self) -> &[N] {
        &self.nodes
    }

    pub(super) fn nodes_mut(&mut self) -> &mut [N] {
        &mut self.nodes
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn traces(&self) -> impl Iterator<Item = u64> {
        self.traces.iter().copied()
    }

    pub(super) fn push(&mut self, entry: Entry<N::Event>) {
        let window = (entry.at / self.lookahead).max(self.window);
        if window < self.window + RING {
            let bucket = &mut self.ring[(window % RING) as usize];
            if bucket.is_empty() {
                self.near.insert(window);
                if bucket.capacity() == 0 {
                    *bucket = self.spare.pop().unwrap_or_default();
                }
            }
            bucket.push(entry);
        } else {
            self.far.entry(window).or_default().push(entry);
        }
    }

    /// The first window in which something happens.
    pub(super) fn next_window(&self) -> Option<u64> {
        self.near.first().into_iter().chain(self.far.keys().next()).min().copied()
    }

    /// Handles everything of `window`, the first that holds anything, that is before `end`.
    pub(super) fn run_window(&mut self, window: u64, end: Nanos) {
        self.window = window;
        self.near.remove(&window);
        let mut entries = std::mem::take(&mut self.ring[(window % RING) as usize]);
        if self.far.first_key_value().is_some_and(|(&first, _)| first == window) {
            entries.extend(self.far.remove(&window).unwrap_or_default());
        }
        let window_end = ((window + 1) * self.lookahead).min(end);
        entries.sort_unstable();
        let mut arriving = entries.drain(..).peekable();
        while let Some(to) = arriving.peek().map(|entry| entry.to) {
            loop {
                let arrived = arriving.peek().filter(|entry| entry.to == to);
                let is_own_first = match (arrived, self.due.peek()) {
                    (None, None) => break,
                    (Some(arrived), Some(Reverse(own))) => own < arrived,
                    (arrived, _) => arrived.is_none(),
                };
                let next = match is_own_first {
                    true => self.due.pop().map(|Reverse(entry)| entry),
                    false => arriving.next(),
                };
                let Some(entry) = next else { break };
                match entry.at < window_end {
                    true => self.happen(entry),
                    false => self.later.push(entry),
                }
            }
        }
        drop(arriving);
        if self.spare.len() < SPARE_MAX {
            self.spare.push(entries);
        }
        let mut later = std::mem::take(&mut self.later);
        later.drain(..).for_each(|entry| self.push(entry));
        self.later = later;
    }

    fn happen(&mut self, entry: Entry<N::Event>) {
        let at = entry.to as usize - self.first;
        self.events += 1;
        let cause = u64::from(entry.from) << 32 | u64::from(entry.number);
        let trace = mix(self.traces[at] ^ entry.at) ^ mix(cause) ^ N::digest(&entry.event);
        self.traces[at] = mix(trace);
        let window_end = (self.window + 1) * self.lookahead;
        let mut out = Out {
            now: entry.at,
            earliest: (entry.at + self.lookahead).max(window_end),
            from: entry.to,
            cause: entry.from,
            number: &mut self.numbers[at],
            own: &mut self.own,
            sent: &mut self.sent,
        };
        self.nodes[at].handle(entry.at, entry.event, &mut out);
        for entry in self.own.drain(..) {
            match entry.at < window_end {
                true => self.due.push(Reverse(entry)),
                false => self.later.push(entry),
            }
        }
    }

    /// What was sent in the last window stays in this shard: there is no other.
    pub(super) fn take_own(&mut self) {
        let mut sent = std::mem::take(&mut self.sent);
        sent.drain(..).for_each(|entry| self.push(entry));
        self.sent = sent;
    }

    /// Sorts what was sent in the last window by the shard of its receiver; what stays here is taken at once.
    pub(super) fn sort_sent(&mut self, (own, per_shard): (usize, usize), by_shard: &mut [Vec<Entry<N::Event>>]) {
        let mut sent = std::mem::take(&mut self.sent);
        for entry in sent.drain(..) {
            match entry.to as usize / per_shard {
                to if to == own => self.push(entry),
                to => by_shard[to].push(entry),
            }
        }
        self.sent = sent;
    }
}

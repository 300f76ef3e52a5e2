//! What was cleared: the matches of many epochs, and of the newest also the sealed book and the whole clearing, from which
//! anyone can verify or explain it.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::Hash;

use crate::clearing::{Clearing, Match, Surplus, clear};
use crate::sealed::SealedBook;

/// Epochs whose matches are kept.
const EPOCHS_MAX: usize = 256;
/// Matches in all kept epochs together; the oldest epochs go first, the newest two stay.
const MATCHES_MAX: usize = 200_000;
/// Epochs that are kept with their books.
const BOOKS_MAX: usize = 64;
/// Bytes of all kept books together, orders themselves aside; the oldest go first, the newest two stay.
const BOOK_BYTES_MAX: usize = 64 << 20;

/// What one epoch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The epoch.
    pub epoch: u64,
    /// Root of the set that was cleared.
    pub sealed_root: Hash,
    /// Root of the clearing.
    pub root: Hash,
    /// Orders in the set.
    pub orders: usize,
    /// Total surplus for one second.
    pub surplus: Surplus,
    /// The matches.
    pub matches: Vec<Match>,
}

/// A sealed book and its clearing.
#[derive(Debug)]
pub struct Proven {
    /// What was cleared; shared with whoever cleared it.
    pub book: Arc<SealedBook>,
    /// What came of it.
    pub clearing: Clearing,
}

/// A cleared epoch as whoever cleared it hands it in. Made in [`Outcome::of`] alone, so a clearing is always that of its book.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) cleared: Arc<Cleared>,
    pub(crate) proven: Arc<Proven>,
    /// Of the book: a walk over it, so it is taken once.
    bytes: usize,
}

impl Outcome {
    /// Clears `book` under the seed of its epoch. Pure, and the longest thing that a node does at a time: for another
    /// thread than the one that has the machine.
    pub fn of(book: Arc<SealedBook>) -> Outcome {
        let clearing = clear(&book, book.seed());
        let cleared = Arc::new(Cleared {
            epoch: clearing.epoch,
            sealed_root: clearing.sealed_root,
            root: clearing.root,
            orders: book.len(),
            surplus: clearing.surplus,
            matches: clearing.matches(&book).collect(),
        });
        let bytes = book.bytes();
        Outcome { cleared, proven: Arc::new(Proven { book, clearing }), bytes }
    }

    /// What it came to.
    pub fn cleared(&self) -> &Cleared {
        &self.cleared
    }
}

/// The newest epochs, oldest first.
#[derive(Debug, Default)]
pub struct History {
    cleared: VecDeque<Arc<Cleared>>,
    /// With the bytes of each book.
    proven: VecDeque<(Arc<Proven>, usize)>,
}

impl History {
    /// Keeps what an epoch came to.
    pub(crate) fn keep(&mut self, outcome: Outcome) {
        self.cleared.push_back(outcome.cleared);
        let size = |cleared: &Arc<Cleared>| cleared.matches.len();
        trim(&mut self.cleared, size, (EPOCHS_MAX, MATCHES_MAX));
        self.proven.push_back((outcome.proven, outcome.bytes));
        trim(&mut self.proven, |(_, bytes)| *bytes, (BOOKS_MAX, BOOK_BYTES_MAX));
    }

    /// Kept epochs, oldest first.
    pub fn cleared(&self) -> impl DoubleEndedIterator<Item = &Arc<Cleared>> {
        self.cleared.iter()
    }

    /// Kept books and clearings, oldest first.
    pub fn proven(&self) -> impl DoubleEndedIterator<Item = &Arc<Proven>> {
        self.proven.iter().map(|(proven, _)| proven)
    }
}

/// Lets the oldest go until at most `count` are left and their sizes add up to at most `total`; two always stay.
fn trim<T>(kept: &mut VecDeque<T>, size: impl Fn(&T) -> usize, (count, total): (usize, usize)) {
    let mut sum: usize = kept.iter().map(&size).sum();
    while kept.len() > count || (sum > total && kept.len() > 2) {
        sum -= kept.pop_front().map_or(0, |gone| size(&gone));
    }
}

//! Sealed books and clearings of all peers of one run: each is computed once, however many peers come to the same. Both are
//! pure functions of what names them, so which peer or thread was first changes nothing but the time it takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use matcher::{Outcome, SealCache, SealKey, SealedBook};
use protocol::Hash;

/// Epochs whose books and clearings are kept; whoever comes later computes its own.
const EPOCHS_MAX: u64 = 20;

type Cell<T> = Arc<OnceLock<T>>;

/// What was sealed and cleared in the newest epochs.
#[derive(Debug, Default)]
pub struct Clearings {
    sealed: Mutex<BTreeMap<(u64, SealKey), Arc<SealedBook>>>,
    outcomes: Mutex<BTreeMap<(u64, Hash), Cell<Outcome>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|broken| broken.into_inner())
}

impl Clearings {
    /// What `book` comes to.
    pub fn outcome(&self, book: &Arc<SealedBook>) -> Outcome {
        let cell = {
            let mut outcomes = lock(&self.outcomes);
            let oldest = outcomes.keys().next_back().map_or(0, |(epoch, _)| epoch.saturating_sub(EPOCHS_MAX));
            outcomes.retain(|(epoch, _), _| *epoch >= oldest);
            outcomes.entry((book.epoch, book.root)).or_default().clone()
        };
        cell.get_or_init(|| Outcome::of(book.clone())).clone()
    }

    /// What `book` comes to, computed anew: for whoever checks.
    pub fn outcome_anew(book: &Arc<SealedBook>) -> Outcome {
        Outcome::of(book.clone())
    }

    fn find(&self, key: &SealKey) -> Option<Arc<SealedBook>> {
        lock(&self.sealed).get(&(key.epoch, *key)).cloned()
    }

    fn keep(&self, key: SealKey, book: &Arc<SealedBook>) {
        let mut sealed = lock(&self.sealed);
        let oldest = key.epoch.saturating_sub(EPOCHS_MAX);
        sealed.retain(|(epoch, _), _| *epoch >= oldest);
        sealed.insert((key.epoch, key), book.clone());
    }
}

/// A mistake that a test plants, to see that checks find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// One peer's book loses an order when it is sealed.
    DropsAnOrder,
    /// One peer's book seals orders that were withdrawn.
    IgnoresCancels,
}

/// The sealed books as one peer looks for them, and what it looked for last.
#[derive(Debug)]
pub struct Seals {
    all: Arc<Clearings>,
    /// A few peers look for nothing and seal by themselves, to compare.
    is_alone: bool,
    bug: Option<Bug>,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    key: Option<SealKey>,
    book: Option<Arc<SealedBook>>,
}

impl Seals {
    /// The view of one peer.
    pub fn new(all: Arc<Clearings>, is_alone: bool, bug: Option<Bug>) -> Seals {
        Seals { all, is_alone, bug, last: Mutex::default() }
    }

    /// What it looked for last: two peers with equal keys must have sealed the same.
    pub fn last_key(&self) -> Option<SealKey> {
        lock(&self.last).key
    }

    /// What the planted mistake makes of a book that others sealed rightly.
    fn mistake(&self, bug: Bug, book: &Arc<SealedBook>) -> Option<Arc<SealedBook>> {
        let mut last = lock(&self.last);
        let before = last.book.replace(book.clone());
        let mut orders: Vec<_> = book.asks.iter().chain(&book.bids).cloned().collect();
        let whole = orders.len();
        match bug {
            Bug::DropsAnOrder => drop(orders.pop()),
            Bug::IgnoresCancels => {
                let gone = before.iter().flat_map(|before| before.asks.iter().chain(&before.bids));
                let gone =
                    gone.filter(|one| book.find(&one.head.id).is_none() && one.order().expiry_epoch > book.epoch);
                orders.extend(gone.take(1).cloned());
            }
        }
        (orders.len() != whole).then(|| Arc::new(SealedBook::new(book.market, book.epoch, orders)))
    }
}

impl SealCache for Seals {
    fn find(&self, key: &SealKey) -> Option<Arc<SealedBook>> {
        lock(&self.last).key = Some(*key);
        let found = self.all.find(key);
        match self.bug {
            Some(bug) => found.and_then(|book| self.mistake(bug, &book)),
            None if self.is_alone => None,
            None => found,
        }
    }

    fn keep(&self, key: SealKey, book: &Arc<SealedBook>) {
        if self.bug.is_none() && !self.is_alone {
            self.all.keep(key, book);
        }
    }
}

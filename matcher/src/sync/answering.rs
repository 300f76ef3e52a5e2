//! The neighbour's half of a comparison: tells what it holds, sends what is wanted, keeps one snapshot and no more.

use alloc::vec::Vec;

use protocol::reconcile::{Decoder, Progress, SYMBOLS_MAX, next_chunk};
use protocol::talk::{Item, RESPONSE_ITEMS_BYTES_MAX, Response, Summary, Synced, WANTS_MAX};
use protocol::{Address, Rejected};

use super::{DIFFERENCE_MAX, DIFFERENCE_SMALL, items_of};
use crate::market::Market;

/// Symbols of a first chunk at least: what is small anyway shall not take another round.
const FIRST_MIN: usize = 32;

/// About how many things a set of `count` has that one of `own` lacks, where `estimate` differ.
fn lacking(estimate: u64, count: u64, own: u64) -> u64 {
    estimate.saturating_add(count).saturating_sub(own).min(2 * estimate.min(u64::MAX / 2)) / 2
}

/// Whether so many are lacking that the book is worth asking for: an estimate is off by a fifth, and no more than that
/// says nothing.
fn is_lacking(estimate: u64, count: u64, own: u64) -> bool {
    lacking(estimate, count, own) > DIFFERENCE_SMALL.max(estimate / 4)
}

impl Market {
    pub(crate) fn on_sync_asked(&mut self, (from, token): (Address, u64), summary: &Summary, now: u64) {
        self.note_sealed(&from, summary.sealed, now);
        let synced = self.compare(&from, summary, now);
        let sealed = self.last_sealed();
        self.respond(token, Response::Synced { sealed, synced });
    }

    fn compare(&mut self, from: &Address, summary: &Summary, now: u64) -> Synced {
        let epoch = self.parameters.epoch_at(now);
        // At an epoch's end both sides let things go; in between the sets cannot be compared.
        let is_settled = self.book_epoch() == Some(epoch) && summary.epoch == epoch;
        let is_allowed = self.sync.may_ask(from) && is_settled;
        let neighbour = self.sync.neighbours.get_mut(from).filter(|one| is_allowed && now >= one.quiet_until_ms);
        let Some(neighbour) = neighbour else { return Synced::NotNow };
        let sketch = &neighbour.sketch;
        if (sketch.len(), sketch.hash()) == (summary.count, summary.hash) {
            return Synced::Equal;
        }
        let peeled = Decoder::new(sketch).feed(&summary.symbols, sketch);
        match peeled {
            Ok(Progress::Done(difference)) if difference.is_empty() => {
                self.strike(from, Rejected::Encoding, now);
                Synced::NotNow
            }
            Ok(Progress::Done(difference)) => {
                neighbour.is_owing |= !difference.there.is_empty();
                let ids = self.sync.find(from, &difference.here, &self.book);
                Synced::Lacking(items_of(&self.book, &ids, RESPONSE_ITEMS_BYTES_MAX))
            }
            Ok(Progress::More) => self.begin_symbols(from, summary, now),
            Ok(Progress::GivenUp) => Synced::NotNow,
            Err(rejected) => {
                self.strike(from, rejected, now);
                Synced::NotNow
            }
        }
    }

    /// Freezes as many symbols as the difference is likely to need, and sends the first.
    fn begin_symbols(&mut self, from: &Address, summary: &Summary, now: u64) -> Synced {
        let epoch = self.parameters.epoch_at(now);
        let Some(neighbour) = self.sync.neighbours.get_mut(from) else { return Synced::NotNow };
        let own = neighbour.sketch.len();
        let estimate = neighbour.sketch.estimator().difference(&summary.estimator);
        let lacks_here = is_lacking(estimate, summary.count, own);
        let lacking_there = lacking(estimate, own, summary.count);
        // Ranges are for whoever lacks most of a book and has not been given it yet.
        let is_most = estimate > own.max(summary.count) / 2 && (lacks_here || lacking_there > DIFFERENCE_SMALL);
        if estimate > DIFFERENCE_MAX || (is_most && !neighbour.is_paged) {
            if lacks_here {
                self.page_from(*from, now);
            }
            return Synced::TooFar { lacking: lacking_there };
        }
        // Enough also if the estimate is half of the truth.
        let total = (estimate as usize * 3 + 4 * FIRST_MIN).min(SYMBOLS_MAX);
        neighbour.warm(total, &self.book);
        let snapshot = neighbour.sketch.snapshot();
        let first = next_chunk(0, estimate).max(FIRST_MIN.min(total)).min(total);
        let symbols = snapshot.encode(0, first);
        neighbour.served = Some((epoch, snapshot));
        Synced::Symbols { symbols, total: total as u32 }
    }

    pub(crate) fn on_symbols_asked(&mut self, (from, token): (Address, u64), (epoch, first, count): (u64, u32, u32)) {
        let is_allowed = self.sync.may_ask(&from);
        let served = self.sync.neighbours.get(&from).filter(|_| is_allowed).and_then(|one| one.served.as_ref());
        let symbols = served.filter(|(at, _)| *at == epoch).map(|(_, all)| all.encode(first as usize, count as usize));
        match symbols {
            Some(symbols) => self.respond(token, Response::Symbols(symbols)),
            None => self.respond(token, Response::Declined(Rejected::Stale)),
        }
    }

    pub(crate) fn on_exchange_asked(
        &mut self,
        (from, token): (Address, u64),
        (items, wants): (Vec<Item>, Vec<u32>),
        now: u64,
    ) {
        if !self.sync.may_ask(&from) || wants.len() > WANTS_MAX {
            return self.respond(token, Response::Declined(Rejected::RateLimit));
        }
        match self.sync.find_low(&from, &wants, &self.book) {
            Some(ids) => {
                let wanted = items_of(&self.book, &ids, RESPONSE_ITEMS_BYTES_MAX);
                self.respond(token, Response::Items(wanted));
            }
            None => self.respond(token, Response::Declined(Rejected::RateLimit)),
        }
        self.take_items(from, items, None, now);
    }
}

//! The public conduct of suppliers: who strikes what it is matched with and who never answers. Reads matches and struck
//! deals, which every peer has; knows no own offers, shares nothing, and moves no clearing.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use protocol::{Address, DealTerms, OrderRef};

use crate::fills::Fills;
use crate::history::Cleared;

/// Epochs after which a match says nothing any more: whoever was silent is tried again.
const WINDOW_EPOCHS: u64 = 64;
/// Epochs for which a supplier that struck is known to: its lots may be let for so long that it has none to be tried with.
const STRUCK_EPOCHS: u64 = 1_024;
/// Consumers that must have missed with a supplier.
const MISSES_MIN: usize = 2;
/// Outcomes of each kind that are kept of one supplier; the oldest goes.
const OUTCOMES_OF_ONE_MAX: usize = 64;
/// Outcomes in all; beyond it the suppliers that were matched longest ago are forgotten.
const OUTCOMES_MAX: usize = 262_144;
/// Bids that are known to have missed, in each of two generations; beyond it no other bid's misses count until the next.
const BIDS_MAX: usize = 131_072;
/// Suppliers that are looked at in one epoch for what is over.
const SWEPT_MAX: usize = 4_096;

/// The newest match of a supplier with one consumer.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    consumer: Address,
    epoch: u64,
    is_struck: bool,
}

impl Outcome {
    fn is_kept(&self, epoch: u64) -> bool {
        let epochs = if self.is_struck { STRUCK_EPOCHS } else { WINDOW_EPOCHS };
        self.epoch.saturating_add(epochs) > epoch
    }
}

/// What is known of one supplier: the newest match with each of its consumers, oldest first.
#[derive(Debug, Default)]
struct Tally(Vec<Outcome>);

impl Tally {
    /// How many consumers missed and how many struck in the window that ends with `epoch`.
    fn counts(&self, epoch: u64) -> (usize, usize) {
        let recent = || self.0.iter().filter(|outcome| outcome.epoch.saturating_add(WINDOW_EPOCHS) > epoch);
        let struck = recent().filter(|outcome| outcome.is_struck).count();
        (recent().count() - struck, struck)
    }

    fn note(&mut self, outcome: Outcome) {
        let known = self.0.iter().position(|known| known.consumer == outcome.consumer);
        if let Some(at) = known {
            let is_outdone = self.0[at].epoch == outcome.epoch && self.0[at].is_struck;
            if is_outdone {
                return;
            }
            self.0.remove(at);
        }
        self.0.push(outcome);
        let is_alike = |known: &&Outcome| known.is_struck == outcome.is_struck;
        if self.0.iter().filter(is_alike).count() > OUTCOMES_OF_ONE_MAX {
            let oldest = self.0.iter().position(|known| known.is_struck == outcome.is_struck);
            oldest.map(|at| self.0.remove(at));
        }
    }
}

/// What all suppliers did of late.
///
/// An epoch's match is struck if a deal of its two orders for that epoch is known when most of the next epoch is over;
/// else it is a miss. A version of a bid counts as a miss once, in the first epoch in which it is matched and not struck:
/// it is bound by its proposal for a while and proposes nothing, so what follows says nothing about suppliers. What counts
/// is not matches but consumers, each by its newest match with the supplier. A supplier is silent if at least
/// `MISSES_MIN` consumers missed, and more than struck. A deal that arrives late makes its miss a strike.
///
/// What can be done with it: whoever outbids all others for one supplier under two names and proposes nothing has it left
/// out by everyone until the window is over, if fewer consumers struck with it; it pays nothing for that, but had taken
/// the supplier's lots by outbidding anyway, and must do it again each window. A silent supplier that strikes with itself
/// under n names is found out by its n + 1st victim. A strike counts only where the clearing had the two orders meet,
/// so words that the two merely signed count for nothing. Own experience is harder evidence; see [`maker`](crate::maker).
#[derive(Debug, Default)]
pub struct Conduct {
    suppliers: BTreeMap<Address, Tally>,
    /// Suppliers with which somebody missed; all others are not silent.
    missed: BTreeSet<Address>,
    /// First bytes of the ids of bids whose miss is counted: of this generation and the one before.
    bids: [BTreeSet<u64>; 2],
    /// When this generation of bids began.
    bids_epoch: u64,
    /// Where the search for what is over goes on.
    sweep: Address,
    /// The newest epoch that was taken.
    epoch: u64,
}

impl Conduct {
    /// Takes note of what became of an epoch's matches. Takes about as long as there are matches, and one look at each
    /// kept deal.
    pub(crate) fn take(&mut self, cleared: &Cleared, fills: &Fills) {
        let epoch = cleared.epoch;
        self.begin(epoch);
        let of_epoch = fills.deals().filter(|(_, deal)| deal.terms.epoch == epoch);
        // Terms may name any orders beside their own two signers: only the owners' deal is one of these orders.
        let parts = |ask: &OrderRef, bid: &OrderRef| (ask.id, bid.id, ask.owner, bid.owner);
        let mut struck: Vec<_> = of_epoch.map(|(_, deal)| parts(&deal.terms.ask, &deal.terms.bid)).collect();
        struck.sort_unstable();
        let mut fresh: Vec<u64> = Vec::new();
        for found in &cleared.matches {
            let is_struck = struck.binary_search(&parts(&found.ask, &found.bid)).is_ok();
            let bid = found.bid.id.prefix_u64();
            if !is_struck {
                if self.is_known(bid) {
                    continue;
                }
                fresh.push(bid);
            }
            self.note(found.ask.owner, Outcome { consumer: found.bid.owner, epoch, is_struck });
        }
        // Only now: all suppliers that one bid is matched with in the same epoch count.
        let room = BIDS_MAX.saturating_sub(self.bids[0].len());
        self.bids[0].extend(fresh.into_iter().take(room));
        self.sweep();
        self.trim();
    }

    /// The newest epoch that was taken; 0 if none was.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A struck deal arrived: if its match was taken for a miss, it was none.
    pub(crate) fn hear(&mut self, terms: &DealTerms) {
        let (supplier, consumer) = (terms.supplier(), terms.consumer());
        let outcomes = self.suppliers.get_mut(&supplier).map(|tally| &mut tally.0);
        let mut outcomes = outcomes.into_iter().flatten();
        if let Some(outcome) = outcomes.find(|outcome| outcome.consumer == consumer && outcome.epoch == terms.epoch) {
            outcome.is_struck = true;
        }
    }

    /// Whether this supplier never answers, for all that everyone can see.
    pub fn is_silent(&self, supplier: &Address) -> bool {
        let tally = self.suppliers.get(supplier).filter(|_| self.missed.contains(supplier));
        let (missed, struck) = tally.map_or((0, 0), |tally| tally.counts(self.epoch));
        missed >= MISSES_MIN && missed > struck
    }

    /// The suppliers that never answer, ascending.
    pub fn silent(&self) -> impl Iterator<Item = &Address> {
        self.missed.iter().filter(|supplier| self.is_silent(supplier))
    }

    /// Whether somebody struck with this supplier of late.
    pub fn has_struck(&self, supplier: &Address) -> bool {
        let tally = self.suppliers.get(supplier);
        tally.is_some_and(|tally| tally.0.iter().any(|outcome| outcome.is_struck && outcome.is_kept(self.epoch)))
    }

    fn begin(&mut self, epoch: u64) {
        self.epoch = epoch;
        if epoch >= self.bids_epoch.saturating_add(WINDOW_EPOCHS) {
            self.bids_epoch = epoch;
            self.bids[1] = core::mem::take(&mut self.bids[0]);
        }
    }

    /// Whether this bid's miss is counted. One that is matched again and again stays known, and where no more can be
    /// kept, every bid is.
    fn is_known(&mut self, bid: u64) -> bool {
        let is_known = self.bids[0].contains(&bid) || self.bids[1].contains(&bid);
        if is_known && self.bids[0].len() < BIDS_MAX {
            self.bids[0].insert(bid);
        }
        is_known || self.bids[0].len() >= BIDS_MAX
    }

    fn note(&mut self, supplier: Address, outcome: Outcome) {
        self.suppliers.entry(supplier).or_default().note(outcome);
        if !outcome.is_struck {
            self.missed.insert(supplier);
        }
    }

    /// Forgets what is over, of a part of the suppliers: all get their turn.
    fn sweep(&mut self) {
        let from = self.suppliers.range((Bound::Excluded(self.sweep), Bound::Unbounded));
        let part: Vec<Address> = from.take(SWEPT_MAX).map(|(supplier, _)| *supplier).collect();
        self.sweep = if part.len() < SWEPT_MAX { Address::ZERO } else { part[SWEPT_MAX - 1] };
        for supplier in part {
            let Some(tally) = self.suppliers.get_mut(&supplier) else { continue };
            tally.0.retain(|outcome| outcome.is_kept(self.epoch));
            let (is_empty, has_missed) = (tally.0.is_empty(), tally.0.iter().any(|outcome| !outcome.is_struck));
            if is_empty {
                self.suppliers.remove(&supplier);
            }
            if !has_missed {
                self.missed.remove(&supplier);
            }
        }
    }

    fn trim(&mut self) {
        let mut count: usize = self.suppliers.values().map(|tally| tally.0.len()).sum();
        if count <= OUTCOMES_MAX {
            return;
        }
        let newest = |tally: &Tally| tally.0.last().map_or(0, |outcome| outcome.epoch);
        let mut oldest: Vec<_> = self.suppliers.iter().map(|(supplier, tally)| (newest(tally), *supplier)).collect();
        oldest.sort_unstable();
        for (_, supplier) in oldest {
            if count <= OUTCOMES_MAX {
                break;
            }
            count -= self.suppliers.remove(&supplier).map_or(0, |tally| tally.0.len());
            self.missed.remove(&supplier);
        }
    }
}

#[cfg(test)]
mod tests;

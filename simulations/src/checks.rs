//! What must hold, by the names that docs/simulation.md explains. Looks at peers from outside, between events, and changes
//! nothing.

mod lots;
mod recovery;

use std::collections::BTreeMap;

use matcher::{Deal, DealState, Market, SealKey};
use protocol::{Hash, Side};

use crate::clearings::Clearings;
use crate::desk::{Log, Seal};
use crate::engine::{MS, Nanos};
use crate::figures::Broken;
use lots::Lots;
pub use recovery::Recovery;

/// Violations that are kept; the first ones tell most.
const BROKEN_MAX: usize = 100;
/// Epochs whose seals are compared.
const EPOCHS_MAX: u64 = 8;
/// One epoch of so many is cleared anew.
const ANEW_EVERY: u64 = 8;

/// All checks of one run, and what they found.
#[derive(Debug, Default)]
pub struct Checks {
    seals: BTreeMap<(u64, SealKey), (Hash, u32)>,
    clearings: BTreeMap<(u64, Hash), (Hash, u32)>,
    lots: Lots,
    broken: Vec<Broken>,
}

impl Checks {
    /// What was found, the first ones first.
    pub fn broken(self) -> Vec<Broken> {
        self.broken
    }

    /// Whether anything was found.
    pub fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Something does not hold.
    pub fn fail(&mut self, check: &str, now: Nanos, peers: &[u32], seen: String) {
        if self.broken.len() < BROKEN_MAX {
            self.broken.push(Broken { check: check.into(), at_ms: now / MS, peers: peers.to_vec(), seen });
        }
    }

    /// What happened at an honest desk.
    pub fn take(&mut self, peer: u32, log: &Log, now: Nanos) {
        for seal in &log.sealed {
            self.sealed(peer, seal, now);
        }
        for (epoch, sealed_root, root) in &log.cleared {
            let (first, other) = *self.clearings.entry((*epoch, *sealed_root)).or_insert((*root, peer));
            if first != *root {
                let seen = format!("epoch {epoch}, sealed {sealed_root}: cleared to {first} and to {root}");
                self.fail("same_seal_same_clearing", now, &[other, peer], seen);
            }
        }
        for struck in &log.struck {
            let lots = match struck.side {
                Side::Ask => &struck.terms.ask,
                Side::Bid => &struck.terms.bid,
            };
            if let Some(other) = self.lots.take(struck.id, lots, struck.terms.epoch) {
                let (from, end) = (lots.first_lot, lots.first_lot + lots.lots);
                let seen = format!("lots {from}..{end} of order {} are in deals {other} and {}", lots.id, struck.id);
                self.fail("no_lot_twice", now, &[peer], seen);
            }
        }
    }

    fn sealed(&mut self, peer: u32, seal: &Seal, now: Nanos) {
        let Some(key) = seal.key else { return };
        let (first, other) = *self.seals.entry((seal.epoch, key)).or_insert((seal.root, peer));
        if first != seal.root {
            let seen = format!("epoch {}: equal books sealed to {first} and to {}", seal.epoch, seal.root);
            self.fail("same_book_same_seal", now, &[other, peer], seen);
        }
        if seal.epoch.is_multiple_of(ANEW_EVERY) && seal.root == first && other == peer {
            let root = Clearings::outcome_anew(&seal.book).cleared().root;
            self.clearings.entry((seal.epoch, seal.root)).or_insert((root, peer));
        }
    }

    /// What one epoch needs is forgotten some epochs later.
    pub fn forget(&mut self, epoch: u64) {
        let oldest = epoch.saturating_sub(EPOCHS_MAX);
        self.seals.retain(|(epoch, _), _| *epoch >= oldest);
        self.clearings.retain(|(epoch, _), _| *epoch >= oldest);
        self.lots.forget(epoch);
    }
}

/// What is wrong at one machine, if anything is. `ticked_ms` is the time that it was last told: by then a deal whose time
/// is over has ended.
pub fn fault_of(market: &Market, ticked_ms: u64) -> Option<(&'static str, String)> {
    let live: Vec<&Deal> = market.deals().filter(|deal| deal.is_live()).collect();
    for (at, deal) in live.iter().enumerate() {
        let is_same = |other: &&&Deal| other.side == deal.side && own_lots(other).overlaps(own_lots(deal));
        if let Some(other) = live[..at].iter().find(is_same) {
            return Some(("no_own_lot_twice", format!("deals {} and {} hold the same lots", other.id, deal.id)));
        }
        let is_late = deal.state == DealState::Running && ticked_ms >= deal.runs_out_ms();
        if is_late {
            return Some((
                "every_deal_ends",
                format!("deal {} runs {} ms past its time", deal.id, ticked_ms - deal.runs_out_ms()),
            ));
        }
    }
    let asks = live.iter().filter(|deal| deal.side == Side::Ask);
    let let_out =
        asks.map(|deal| deal.set_aside.times(deal.lots())).try_fold(None, |sum: Option<protocol::Capacity>, one| {
            let one = one?;
            Some(Some(match sum {
                None => one,
                Some(sum) => sum.plus(&one)?,
            }))
        });
    match (let_out, market.measured()) {
        (None, _) => return Some(("within_measured", "more is let than can be counted".into())),
        (Some(Some(let_out)), Some(measured)) if !measured.dominates(&let_out) => {
            return Some(("within_measured", "more is let than was measured".into()));
        }
        _ => {}
    }
    let (heads, max) = (market.book().len() as u64, u64::from(market.parameters().heads_max));
    (heads > max).then(|| ("within_bounds", format!("{heads} heads in a book of at most {max}")))
}

fn own_lots(deal: &Deal) -> &protocol::OrderRef {
    match deal.side {
        Side::Ask => &deal.terms.ask,
        Side::Bid => &deal.terms.bid,
    }
}

#[cfg(test)]
mod tests;

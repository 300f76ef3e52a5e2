//! What each epoch came to over all peers: who sealed what, what was cleared, and what one book of all orders would have
//! cleared. Keeps a few epochs, as deals of them are struck later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use matcher::{Outcome, SealedBook, Surplus};
use protocol::{DealTerms, Hash, Side};

use crate::clearings::Clearings;
use crate::desk::Seal;
use crate::signatures::Keyring;

/// Epochs that are remembered.
const EPOCHS_MAX: usize = 24;
/// Different books of one epoch that are looked at order by order; if there are more, the most common ones.
const BOOKS_MAX: usize = 64;

/// One epoch.
#[derive(Debug, Default)]
pub struct Epoch {
    /// By root: who sealed it, and what.
    pub sealed: BTreeMap<Hash, (Vec<u32>, Option<Arc<SealedBook>>)>,
    /// All orders of all of them.
    union: Option<Arc<SealedBook>>,
    /// What a clearing of all of them would have been worth, a second.
    pub optimum: u128,
    /// What was struck of it, a second.
    pub struck: u128,
}

impl Epoch {
    /// Peers that sealed it.
    pub fn count(&self) -> u32 {
        self.sealed.values().map(|(peers, _)| peers.len() as u32).sum()
    }

    /// The root of most, how many they are, and the book.
    pub fn most(&self) -> Option<(Hash, u32, &Arc<SealedBook>)> {
        let (root, (peers, book)) = self.sealed.iter().max_by_key(|(root, (peers, _))| (peers.len(), **root))?;
        Some((*root, peers.len() as u32, book.as_ref()?))
    }
}

/// The newest epochs.
#[derive(Debug, Default)]
pub struct Epochs {
    by_number: BTreeMap<u64, Epoch>,
    /// Orders that were in a peer's book at the first seal that they count for; and should have been.
    pub in_time: (u64, u64),
}

impl Epochs {
    /// A peer sealed something.
    pub fn sealed(&mut self, peer: u32, seal: &Seal) {
        let epoch = self.by_number.entry(seal.epoch).or_default();
        let (peers, book) = epoch.sealed.entry(seal.root).or_default();
        peers.push(peer);
        book.get_or_insert_with(|| seal.book.clone());
        while self.by_number.len() > EPOCHS_MAX {
            self.by_number.pop_first();
        }
    }

    /// The epoch with this number.
    pub fn of(&self, number: u64) -> Option<&Epoch> {
        self.by_number.get(&number)
    }

    /// All peers have sealed it, or never will: what it came to.
    pub fn close(&mut self, number: u64, clearings: &Clearings) {
        let Some(epoch) = self.by_number.get_mut(&number) else { return };
        let mut books: Vec<(&Vec<u32>, &Arc<SealedBook>)> =
            epoch.sealed.values().filter_map(|(peers, book)| Some((peers, book.as_ref()?))).collect();
        books.sort_by_key(|(peers, book)| (std::cmp::Reverse(peers.len()), book.root));
        books.truncate(BOOKS_MAX);
        let union = match books.as_slice() {
            [] => return,
            [(_, only)] => Arc::clone(only),
            [(_, first), ..] => {
                let orders = books.iter().flat_map(|(_, book)| book.asks.iter().chain(&book.bids));
                Arc::new(SealedBook::new(first.market, number, orders.cloned().collect()))
            }
        };
        let outcome = match books.len() {
            1 => clearings.outcome(&union),
            _ => Outcome::of(union.clone()),
        };
        let in_time = in_time(number, &union, &books);
        self.in_time = (self.in_time.0 + in_time.0, self.in_time.1 + in_time.1);
        epoch.optimum = plain(outcome.cleared().surplus);
        epoch.union = Some(union);
    }

    /// A deal was struck: what it is worth a second, if its orders are still known.
    pub fn struck(&mut self, terms: &DealTerms) -> Option<u128> {
        let epoch = self.by_number.get_mut(&terms.epoch)?;
        let book = epoch.union.clone().or_else(|| epoch.most().map(|(_, _, book)| book.clone()))?;
        let price = |side: Side, id: &Hash| {
            let (_, at) = book.find(id).filter(|(found, _)| *found == side)?;
            Some(book.side(side)[at].order().price.0)
        };
        let (cost, value) = (price(Side::Ask, &terms.ask.id)?, price(Side::Bid, &terms.bid.id)?);
        let worth = value.saturating_sub(cost) * u128::from(terms.ask.lots);
        epoch.struck += worth;
        Some(worth)
    }
}

/// Of the orders that count from this epoch on and that their own peer sealed: how many other peers had them, and how many
/// could have.
fn in_time(number: u64, union: &SealedBook, books: &[(&Vec<u32>, &Arc<SealedBook>)]) -> (u64, u64) {
    let fresh = union.asks.iter().chain(&union.bids).filter(|order| order.order().from_epoch == number);
    let mut by_owner: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, (peers, _)) in books.iter().enumerate() {
        by_owner.extend(peers.iter().map(|peer| (*peer, at)));
    }
    let own = fresh.filter(|order| {
        let owner = by_owner.get(&Keyring::number(&order.order().owner));
        owner.is_some_and(|at| books[*at].1.find(&order.head.id).is_some())
    });
    let own: BTreeSet<Hash> = own.map(|order| order.head.id).collect();
    let peers: u64 = books.iter().map(|(peers, _)| peers.len() as u64).sum();
    let there = books.iter().map(|(peers, book)| {
        let found = own.iter().filter(|id| book.find(id).is_some()).count() as u64;
        found * peers.len() as u64
    });
    // Its own peer is no test.
    let own = own.len() as u64;
    (there.sum::<u64>().saturating_sub(own), (own * peers).saturating_sub(own))
}

fn plain(surplus: Surplus) -> u128 {
    if surplus.high > 0 { u128::MAX } else { surplus.low }
}

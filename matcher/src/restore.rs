//! What an earlier life kept, taken in again: the replicated set, then own deals, then own offers. Recovers no signature
//! of the set: each item was verified before it was kept, and the caller vouches that it still is what it was.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use protocol::Hash;
use protocol::talk::Item;

use crate::book::Change;
use crate::deals::Deal;
use crate::maker::Standing;
use crate::market::Market;

impl Market {
    /// Takes in what is still of use and fits; the rest is not in the book, and so is told as gone. Gives the ids that
    /// the caller has stored.
    ///
    /// Neither ids nor signatures are computed again. The disk's owner is the node's owner, and the checksum of each
    /// value covers its key and its table: damage shows, and a moved value too. Whoever can forge the checksum as well
    /// can write this node's own offers and its token for the API, or the program itself.
    pub(crate) fn on_restore(
        &mut self,
        kept: Vec<(Hash, Item)>,
        (standings, deals): (Vec<Standing>, Vec<Deal>),
        now: u64,
    ) -> BTreeSet<Hash> {
        let stored = kept.iter().map(|(id, _)| *id).collect();
        self.take_in(kept, self.parameters.epoch_at(now).saturating_sub(1));
        deals.into_iter().for_each(|deal| self.restore_deal(deal, now));
        self.restore_standings(standings, now);
        stored
    }

    /// Heads come first: what a deal takes, and how many deals an order may have, depends on them. What `epoch` no
    /// longer needs takes no room from what it does.
    fn take_in(&mut self, kept: Vec<(Hash, Item)>, epoch: u64) {
        let (heads, others): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(_, item)| matches!(item, Item::Entry(_)));
        for (id, item) in heads.into_iter().chain(others) {
            if self.book.is_over(&item, epoch) {
                continue;
            }
            // What another head, a bound or a better proof keeps out is refused here as it is on arrival.
            let _ = match item {
                Item::Entry(entry) => self.book.admit_as(entry, id).map(drop),
                Item::Deal(deal) => self.book.fill_known(id, *deal),
                Item::Proof(proof) => self.book.remember_known(id, *proof).map(drop),
            };
        }
        self.book.prune(epoch);
    }
}

/// What has to be done about a disk that holds `stored`, after `changes` to a book that was empty. Nothing is stored
/// but just after a restart: all changes then.
pub(crate) fn beyond(stored: &BTreeSet<Hash>, changes: Vec<Change>) -> Vec<Change> {
    if stored.is_empty() {
        return changes;
    }
    let by_id = changes.into_iter().map(|change| match change {
        Change::In(id, kept) => (id, Some(kept)),
        Change::Out(id) => (id, None),
    });
    // The last word on an id is what holds.
    let last: BTreeMap<Hash, _> = by_id.collect();
    let is_here = |id: &Hash| matches!(last.get(id), Some(Some(_)));
    let gone: Vec<Change> = stored.iter().filter(|id| !is_here(id)).map(|id| Change::Out(*id)).collect();
    let is_new =
        |(id, kept): (Hash, Option<_>)| kept.filter(|_| !stored.contains(&id)).map(|kept| Change::In(id, kept));
    gone.into_iter().chain(last.into_iter().filter_map(is_new)).collect()
}

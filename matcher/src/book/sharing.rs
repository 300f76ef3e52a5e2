//! How books in one process share what they have in common, and tell whether they would seal the same. Decides nothing that
//! a peer could see.

use protocol::MarketId;

use super::Book;
use super::fingerprint::Fingerprint;

/// Books with the same key seal the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealKey {
    /// The market.
    pub market: MarketId,
    /// The epoch.
    pub epoch: u64,
    /// Of the heads and deals that count in it. Proofs do not, nor what counts later: it may have arrived or not.
    pub counting: Fingerprint,
}

impl Book {
    /// What tells the kept set from others inside this process; kept up with every change.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut all = self.ids.prints().all();
        all.add(self.fills.prints().all());
        all.add(self.proofs.fingerprint());
        all
    }

    /// What tells what [`Book::seal`] would give from what it would give elsewhere; `None` for an epoch that is over.
    pub fn seal_key(&self, epoch: u64) -> Option<SealKey> {
        let mut counting = self.ids.prints().counting(epoch)?;
        counting.add(self.fills.prints().counting(epoch)?);
        Some(SealKey { market: self.domain.market(), epoch, counting })
    }

    /// Makes all that is kept one block that others may share by [`Book::share`]; a walk over the book, unless nothing
    /// changed since the last time.
    pub fn fold(&mut self) {
        self.slots.fold();
        self.ids.fold();
        self.standing.fold();
        self.fills.fold();
        self.proofs.fold();
    }

    /// Keeps what it holds where `other` keeps it, if both hold the same; says whether. What follows is as if nothing had
    /// happened: bounds, horizon, losses and changes stay its own, since none of them is in what is shared.
    ///
    /// The same: market, stakes, and every head, deal and proof with its signatures. Heads whose ids begin alike are
    /// never shared, since their places are a matter of who came first.
    pub fn share(&mut self, other: &Book) -> bool {
        let lens = |book: &Book| (book.ids.len(), book.fills.len(), book.proofs.len());
        let is_same = self.domain == other.domain
            && lens(self) == lens(other)
            && self.fingerprint() == other.fingerprint()
            && !(self.ids.has_twins() || other.ids.has_twins())
            && self.standing.has_stakes_of(&other.standing);
        if is_same {
            self.slots.share(&other.slots);
            self.ids.share(&other.ids);
            self.standing.share(&other.standing);
            self.fills.share(&other.fills);
            self.proofs.share(&other.proofs);
        }
        is_same
    }
}

//! An epoch's life once it is over: its book is sealed, cleared by the caller, and what comes of it proposed. Knows when, and
//! what may wait for what; not how a book is cleared.
//!
//! ```text
//!  epoch ends --> sealed --> Effect::Clear ... Input::Cleared --> kept, matches proposed, held proposals judged
//!                   |           one at a time; the newest book waits, in the place of one that waits
//!                   +---------> Skipped: replaced while it waited, given up, or not to be cleared
//! ```

use alloc::sync::Arc;

use protocol::Hash;

use crate::book::Head;
use crate::effect::{Effect, Event};
use crate::history::Outcome;
use crate::market::Market;
use crate::sealed::SealedBook;

/// Epochs that the clearing of one may take; then it is given up for the newest one.
const CLEARING_EPOCHS_MAX: u64 = 15;

/// How far the epochs that are over have come.
///
/// What was sealed is agreed on and told to neighbours at once. Until its clearing is in, a match of it is neither proposed
/// nor countersigned here, and what others propose is held. A clearing that is late is worth the same: its matches go by
/// the heads that were sealed, even where these have left the book. But what it matched is still open in the books that
/// were sealed before its deals were struck; which of these lots are bound by then is seen when they are matched again.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    /// The last one whose end the book has taken in.
    ended: Option<u64>,
    /// What the caller is clearing.
    under_way: Option<Arc<SealedBook>>,
    /// What is cleared next: later than what is under way, and at most one.
    next: Option<Arc<SealedBook>>,
}

impl Epochs {
    /// The last epoch whose end the book has taken in.
    pub(crate) fn ended(&self) -> Option<u64> {
        self.ended
    }

    /// Whether the clearing of `epoch` may still come: it is not over here, or sealed and not cleared yet.
    pub(crate) fn is_to_come(&self, epoch: u64) -> bool {
        self.ended.is_none_or(|ended| epoch > ended) || self.pending().any(|book| book.epoch == epoch)
    }

    /// The books whose clearing may still come.
    fn pending(&self) -> impl Iterator<Item = &Arc<SealedBook>> {
        self.under_way.iter().chain(&self.next)
    }
}

impl Market {
    /// Takes in the end of an epoch, once it is over.
    pub(crate) fn tick_epochs(&mut self, now: u64) {
        let running = self.parameters.epoch_at(now);
        let next = self.epochs.ended.map_or(running, |ended| ended + 1);
        if next < running {
            self.seal_epoch(running - 1, now);
            // What counted in the sealed epoch stays for one more; later its matches go by the sealed heads.
            self.book.prune(running - 1);
            self.forget_deals(now);
        } else if self.epochs.ended.is_none() && running > 0 {
            self.epochs.ended = Some(running - 1);
        }
    }

    fn seal_epoch(&mut self, epoch: u64, now: u64) {
        let book = self.seal(epoch);
        self.epochs.ended = Some(epoch);
        self.begin_agreement(epoch, book.root, now);
        let waited = self.epochs.next.replace(book);
        let is_too_late = |book: &SealedBook| epoch.saturating_sub(book.epoch) >= CLEARING_EPOCHS_MAX;
        let given_up = self.epochs.under_way.take_if(|book| is_too_late(book));
        let is_any_skipped = given_up.is_some() || waited.is_some();
        given_up.iter().chain(&waited).for_each(|book| self.skip(book));
        self.clear_next();
        if is_any_skipped {
            self.resume_proposals(now);
        }
    }

    /// Has the book that waits cleared, unless another one is.
    fn clear_next(&mut self) {
        if self.epochs.under_way.is_none()
            && let Some(book) = self.epochs.next.take()
        {
            self.epochs.under_way = Some(book.clone());
            self.effects.push(Effect::Clear { book });
        }
    }

    fn skip(&mut self, book: &SealedBook) {
        self.effects.push(Effect::Tell(Event::Skipped { epoch: book.epoch, sealed_root: book.root }));
    }

    /// The clearing of `epoch` is in, or is known not to come.
    pub(crate) fn on_cleared(&mut self, epoch: u64, outcome: Option<Outcome>, now: u64) {
        let is_its = |book: &SealedBook| {
            let is_of = |outcome: &Outcome| (outcome.cleared.epoch, outcome.cleared.sealed_root) == (epoch, book.root);
            book.epoch == epoch && outcome.as_ref().is_none_or(is_of)
        };
        let Some(book) = self.epochs.under_way.take_if(|book| is_its(book)) else { return };
        match outcome {
            Some(outcome) => self.keep_outcome(outcome, now),
            None => self.skip(&book),
        }
        self.clear_next();
        self.resume_proposals(now);
    }

    fn keep_outcome(&mut self, outcome: Outcome, now: u64) {
        let cleared = outcome.cleared.clone();
        self.history.keep(outcome);
        self.effects.push(Effect::Tell(Event::Cleared {
            epoch: cleared.epoch,
            sealed_root: cleared.sealed_root,
            root: cleared.root,
            orders: cleared.orders,
            matches: cleared.matches.len(),
        }));
        self.propose_matches(&cleared, now);
    }

    /// The head with this id: one that stands, or that was sealed in a book whose matches are proposed now or later.
    pub(crate) fn head_of(&self, id: &Hash) -> Option<&Arc<Head>> {
        let last = self.proven().next_back().map(|proven| &proven.book);
        let sealed = || last.into_iter().chain(self.epochs.pending()).find_map(|book| book.head(id));
        self.book.head(id).or_else(sealed)
    }
}

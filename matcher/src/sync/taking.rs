//! What comes by comparison or by pages is verified like everything else before it is taken in.

use alloc::vec::Vec;

use protocol::talk::Item;
use protocol::{Address, Equivocation, Rejected, StruckDeal};

use crate::effect::Effect;
use crate::intake::{Fresh, Screened};
use crate::market::Market;
use crate::waiting::{Counted, Next, NextPage};

/// How soon neighbours are asked after something was mended: what came in here may be lacking there.
const PASS_ON_MS: u64 = 50;

/// Things of one peer whose signers are being recovered, with the recoveries that each takes.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Fresh,
    pub(crate) deals: Counted<StruckDeal>,
    pub(crate) proofs: Counted<Equivocation>,
}

impl Market {
    /// Takes in what a peer sent; `then` is the page of its book to ask for after it.
    pub(crate) fn take_items(&mut self, from: Address, items: Vec<Item>, then: Option<NextPage>, now: u64) {
        let (mut entries, mut deals, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Entry(entry) => entries.push(entry),
                Item::Deal(deal) => deals.push(*deal),
                Item::Proof(proof) => proofs.push(*proof),
            }
        }
        let Screened { fresh, mut work, mut is_faulty, .. } = self.screen_all(entries, now);
        let mut batch = Batch { entries: fresh, ..Batch::default() };
        for deal in deals {
            match self.screen_deal(&deal, now) {
                Ok(recoveries) => {
                    batch.deals.push((deal, recoveries.len()));
                    work.extend(recoveries);
                }
                Err(rejected) => is_faulty |= rejected.is_senders_fault(),
            }
        }
        for proof in proofs {
            match self.screen_proof(&proof, now) {
                Ok(recoveries) => {
                    batch.proofs.push((proof, recoveries.len()));
                    work.extend(recoveries);
                }
                Err(rejected) => is_faulty |= rejected.is_senders_fault(),
            }
        }
        if is_faulty {
            self.effects.push(Effect::Blame { peer: from, why: Rejected::Encoding });
        }
        match work.is_empty() {
            true => self.ask_for_more(from, then),
            false if self.waiting.is_full(&from) => {}
            false => self.recover(Some(from), Next::Items { from, batch, then }, work),
        }
    }

    pub(crate) fn on_items_verified(&mut self, from: Address, batch: Batch, verdicts: &[bool], now: u64) {
        let before = self.book.kept_len();
        let mut verdicts = verdicts.iter();
        let mut is_forged = self.admit_all(batch.entries, &mut verdicts).is_forged;
        let mut valid = |recoveries| verdicts.by_ref().take(recoveries).filter(|&&good| good).count() == recoveries;
        for (deal, recoveries) in batch.deals {
            match valid(recoveries) {
                true => self.on_struck_verified(None, deal, true, now),
                false => is_forged = true,
            }
        }
        for (proof, recoveries) in batch.proofs {
            match valid(recoveries) {
                true => self.on_proof_verified(None, proof, true),
                false => is_forged = true,
            }
        }
        if is_forged {
            // Whoever sends from its book has verified what it sends.
            self.strike(&from, Rejected::Signer, now);
        }
        if self.book.kept_len() > before {
            self.sync.hurry(now.saturating_add(PASS_ON_MS));
        }
    }
}

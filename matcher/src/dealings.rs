//! Struck deals and proofs of equivocation from anywhere: screened cheaply, verified by effect, taken in, and judged.

use alloc::boxed::Box;
use alloc::vec::Vec;

use protocol::talk::DealMessage;
use protocol::{Address, Equivocation, Recovery, Rejected, Side, StruckDeal, wire};

use crate::effect::{Effect, Event, Topic, Verdict};
use crate::market::Market;
use crate::proofs::PROOF_EPOCHS;
use crate::waiting::Next;

impl Market {
    /// Every check of a struck deal that costs no recovery. Gives the recoveries it takes.
    pub(crate) fn screen_deal(&self, deal: &StruckDeal, now: u64) -> Result<Vec<Recovery>, Rejected> {
        let terms = &deal.terms;
        let is_range = |lots: &protocol::OrderRef| lots.lots > 0 && lots.first_lot.checked_add(lots.lots).is_some();
        let is_even = terms.ask.lots == terms.bid.lots && is_range(&terms.ask) && is_range(&terms.bid);
        if !is_even || terms.duration_s == 0 || terms.supplier() == terms.consumer() {
            return Err(Rejected::Terms);
        }
        if terms.epoch > self.parameters.epoch_at(now).saturating_add(1) {
            return Err(Rejected::Future);
        }
        self.book.judge_deal(deal)?;
        // A delegate's word counts if it was one when the deal was made, whenever it is heard: once its epoch was over.
        let made_s = self.parameters.epoch_start_ms(terms.epoch.saturating_add(1)) / 1000;
        let ask = deal.by(Side::Ask).recoveries(&self.domain, made_s)?;
        let bid = deal.by(Side::Bid).recoveries(&self.domain, made_s)?;
        Ok([Some(ask.0), ask.1, Some(bid.0), bid.1].into_iter().flatten().collect())
    }

    pub(crate) fn on_struck_heard(&mut self, (from, token): (Address, u64), deal: Box<StruckDeal>, now: u64) {
        match self.screen_deal(&deal, now) {
            Ok(work) => self.recover(Some(from), Next::Struck { token, deal }, work),
            Err(rejected) if rejected.is_senders_fault() => self.judge(Some(token), Verdict::Reject),
            Err(_) => self.judge(Some(token), Verdict::Ignore),
        }
    }

    pub(crate) fn on_struck_verified(&mut self, token: Option<u64>, deal: StruckDeal, is_valid: bool, now: u64) {
        if !is_valid {
            return self.judge(token, Verdict::Reject);
        }
        let id = deal.terms.id(&self.domain);
        let (supplier, consumer) = (deal.terms.supplier(), deal.terms.consumer());
        let countersignature = deal.supplier.clone();
        if let Some(proof) = self.book.fills().clash(&deal, &self.parameters) {
            // Both deals were verified, so the proof is; it travels also where the deal itself is not kept.
            self.accuse(proof);
        }
        if self.book.fill(deal).is_err() {
            return self.judge(token, Verdict::Ignore);
        }
        self.judge(token, Verdict::Accept);
        if consumer == self.owner {
            self.strike_as_consumer(&id, countersignature, now);
        } else {
            self.effects.push(Effect::Tell(Event::Struck { deal: id, supplier, consumer, is_own: false }));
        }
    }

    /// Every check of a proof that costs no recovery. Gives the recoveries it takes.
    pub(crate) fn screen_proof(&self, proof: &Equivocation, now: u64) -> Result<Vec<Recovery>, Rejected> {
        let epoch = self.parameters.epoch_at(now);
        proof.check(&self.parameters)?;
        if proof.epoch() > epoch.saturating_add(1) {
            return Err(Rejected::Future);
        }
        if proof.epoch().saturating_add(PROOF_EPOCHS) <= epoch {
            return Err(Rejected::Expired);
        }
        self.book.proofs().judge(proof)?;
        proof.recoveries(&self.domain)
    }

    pub(crate) fn on_proof_heard(&mut self, (from, token): (Address, u64), proof: Box<Equivocation>, now: u64) {
        match self.screen_proof(&proof, now) {
            Ok(work) => self.recover(Some(from), Next::Proof { token: Some(token), proof }, work),
            Err(rejected) if rejected.is_senders_fault() => self.judge(Some(token), Verdict::Reject),
            Err(_) => self.judge(Some(token), Verdict::Ignore),
        }
    }

    pub(crate) fn on_proof_verified(&mut self, token: Option<u64>, proof: Equivocation, is_valid: bool) {
        let verdict = match is_valid {
            false => Verdict::Reject,
            true if self.convict(proof) => Verdict::Accept,
            true => Verdict::Ignore,
        };
        self.judge(token, verdict);
    }

    /// Remembers a verified proof and tells; says whether it is news.
    fn convict(&mut self, proof: Equivocation) -> bool {
        let Ok(proof) = self.book.remember(proof) else { return false };
        let deals = [&proof.first, &proof.second].map(|word| word.terms.id(&self.domain));
        let (owner, side) = (proof.owner(), proof.side);
        self.effects.push(Effect::Tell(Event::Equivocated { owner, side, deals }));
        true
    }

    /// Two verified deals make a proof: everyone is told.
    fn accuse(&mut self, proof: Equivocation) {
        if self.convict(proof.clone()) {
            let bytes = wire::encode(&DealMessage::Equivocation(Box::new(proof)));
            self.effects.push(Effect::Publish { topic: Topic::Deals, bytes });
        }
    }
}

//! The one door: heads and deals from anywhere are screened cheaply, verified by effect, admitted, and judged.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::signed::Recoveries;
use protocol::talk::{DealMessage, OrdersMessage};
use protocol::wire::{self, GOSSIP_ENTRIES_MAX, GOSSIP_MAX};
use protocol::{Address, Authority, Entry, Hash, Recovery, Rejected, Side, StruckDeal};

use crate::book::Head;
use crate::effect::{Effect, Event, Topic, Verdict};
use crate::market::Market;
use crate::waiting::{Counted, Next};

/// The authority that an entry claims.
pub(crate) fn authority_of(entry: &Entry) -> &Authority {
    match entry {
        Entry::Order(order) => &order.authority,
        Entry::Cancel(cancel) => &cancel.authority,
    }
}

/// The recoveries of `authority` at `unix_s`. A delegation that would do at another time depends on the hearer's clock,
/// so it is expired or of the future, which is nobody's fault.
fn in_time(
    authority: &Authority,
    unix_s: u64,
    recoveries: impl Fn(u64) -> Result<Recoveries, Rejected>,
) -> Result<Recoveries, Rejected> {
    let rejected = match recoveries(unix_s) {
        Err(Rejected::Delegation) => Rejected::Delegation,
        other => return other,
    };
    match authority.delegation.as_ref().map(|delegation| delegation.0.not_before) {
        Some(not_before) if recoveries(not_before).is_ok() => {
            Err(if unix_s < not_before { Rejected::Future } else { Rejected::Expired })
        }
        _ => Err(rejected),
    }
}

/// What is left of a batch of entries once it is screened.
#[derive(Default)]
pub(crate) struct Screened {
    /// The new ones and the recoveries that each takes.
    pub(crate) fresh: Counted<Entry>,
    pub(crate) work: Vec<Recovery>,
    /// Whether the sender must have known that one of them is no good.
    pub(crate) is_faulty: bool,
}

impl Market {
    pub(crate) fn on_heard(&mut self, (from, token): (Address, u64), topic: Topic, bytes: &[u8], now: u64) {
        if self.waiting.is_gossip_full(&from) {
            return self.judge(Some(token), Verdict::Ignore);
        }
        match topic {
            Topic::Orders => match wire::decode::<OrdersMessage>(bytes, GOSSIP_MAX) {
                Ok(message) => self.on_heads((from, token), message.0, now),
                Err(_) => self.judge(Some(token), Verdict::Reject),
            },
            Topic::Deals => match wire::decode::<DealMessage>(bytes, GOSSIP_MAX) {
                Ok(DealMessage::Struck(deal)) => self.on_struck_heard((from, token), deal, now),
                Err(_) => self.judge(Some(token), Verdict::Reject),
            },
        }
    }

    /// Every check of an entry that costs no recovery. Gives its id and the recoveries it takes.
    pub(crate) fn screen(&self, entry: &Entry, now: u64) -> Result<(Hash, Vec<Recovery>), Rejected> {
        entry.check(&self.parameters)?;
        let (owner_slot, (from, expiry)) = (entry.place().1, entry.epochs());
        let ahead = now.saturating_add(self.parameters.clock_tolerance_ms.into());
        let soonest = self.parameters.epoch_at(ahead).saturating_add(1);
        if expiry <= self.parameters.epoch_at(now) {
            return Err(Rejected::Expired);
        }
        if from > soonest {
            return Err(Rejected::Future);
        }
        if owner_slot >= self.parameters.slots_per_owner {
            return Err(Rejected::Slot);
        }
        let id = entry.id(&self.domain);
        self.book.judge(entry, &id)?;
        let recoveries = |unix_s| entry.recoveries(&self.domain, unix_s);
        let (first, second) = in_time(authority_of(entry), now / 1000, recoveries)?;
        Ok((id, core::iter::once(first).chain(second).collect()))
    }

    /// Screens a batch. An entry that comes twice in it is the sender's fault and is verified once.
    pub(crate) fn screen_all(&self, entries: Vec<Entry>, now: u64) -> Screened {
        let mut screened = Screened::default();
        let mut ids = BTreeSet::new();
        for entry in entries {
            match self.screen(&entry, now) {
                Ok((id, _)) if !ids.insert(id) => screened.is_faulty = true,
                Ok((_, recoveries)) => {
                    screened.fresh.push((entry, recoveries.len()));
                    screened.work.extend(recoveries);
                }
                Err(rejected) => screened.is_faulty |= rejected.is_senders_fault(),
            }
        }
        screened
    }

    fn on_heads(&mut self, (from, token): (Address, u64), entries: Vec<Entry>, now: u64) {
        let heard = entries.len();
        if heard == 0 || heard > GOSSIP_ENTRIES_MAX {
            return self.judge(Some(token), Verdict::Reject);
        }
        let Screened { fresh, work, is_faulty } = self.screen_all(entries, now);
        if fresh.is_empty() {
            return self.judge(Some(token), if is_faulty { Verdict::Reject } else { Verdict::Ignore });
        }
        self.recover(Some(from), Next::Heads { token, entries: fresh, heard, is_faulty }, work);
    }

    pub(crate) fn on_heads_verified(
        &mut self,
        token: u64,
        (entries, heard): (Counted<Entry>, usize),
        is_faulty: bool,
        verdicts: &[bool],
    ) {
        let mut verdicts = verdicts.iter();
        let (admitted, is_forged) = self.admit_all(entries, &mut verdicts);
        let verdict = match (is_faulty || is_forged, admitted.len() * 2 >= heard) {
            (true, _) => Verdict::Reject,
            (false, true) => Verdict::Accept,
            (false, false) => Verdict::Ignore,
        };
        self.judge(Some(token), verdict);
        if verdict != Verdict::Accept && !admitted.is_empty() {
            self.publish_heads(admitted);
        }
    }

    /// Takes in what is verified and new, and says whether anything was not signed by whom it names.
    pub(crate) fn admit_all(
        &mut self,
        entries: Counted<Entry>,
        verdicts: &mut core::slice::Iter<bool>,
    ) -> (Vec<Entry>, bool) {
        let mut admitted = Vec::new();
        let mut is_forged = false;
        for (entry, recoveries) in entries {
            let is_valid = verdicts.by_ref().take(recoveries).filter(|&&good| good).count() == recoveries;
            is_forged |= !is_valid;
            if is_valid && self.admit(entry.clone()).is_ok() {
                admitted.push(entry);
            }
        }
        (admitted, is_forged)
    }

    /// Takes a verified entry that this node did not sign just now into the book, and tells.
    pub(crate) fn admit(&mut self, entry: Entry) -> Result<Arc<Head>, Rejected> {
        let head = self.enter(entry)?;
        let (owner, slot, version) = head.entry.place();
        if owner == self.owner {
            self.yield_slot(slot, version);
        }
        Ok(head)
    }

    /// Takes a verified entry into the book and tells.
    pub(crate) fn enter(&mut self, entry: Entry) -> Result<Arc<Head>, Rejected> {
        let head = self.book.admit(entry)?;
        let (owner, slot, _) = head.entry.place();
        let side = head.order().map(|order| order.side);
        self.effects.push(Effect::Tell(Event::HeadAdmitted { id: head.id, owner, slot, side }));
        Ok(head)
    }

    pub(crate) fn publish_heads(&mut self, entries: Vec<Entry>) {
        let bytes = wire::encode(&OrdersMessage(entries));
        self.effects.push(Effect::Publish { topic: Topic::Orders, bytes });
    }

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
        let recoveries = |side| move |unix_s| deal.by(side).recoveries(&self.domain, unix_s);
        let ask = in_time(&deal.supplier, now / 1000, recoveries(Side::Ask))?;
        let bid = in_time(&deal.consumer, now / 1000, recoveries(Side::Bid))?;
        Ok([Some(ask.0), ask.1, Some(bid.0), bid.1].into_iter().flatten().collect())
    }

    fn on_struck_heard(&mut self, (from, token): (Address, u64), deal: Box<StruckDeal>, now: u64) {
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

    pub(crate) fn judge(&mut self, token: Option<u64>, verdict: Verdict) {
        if let Some(token) = token {
            self.effects.push(Effect::Judge { token, verdict });
        }
    }
}

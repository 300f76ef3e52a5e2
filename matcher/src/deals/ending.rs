//! How a deal ends: by its time, by one side's signed word, by silence. Tells the other side until it has heard.

use alloc::boxed::Box;
use alloc::vec::Vec;

use protocol::talk::{Request, Response};
use protocol::{Address, Authority, Claim, DealEnd, EndCause, Hash, Rejected, Scope, Side, Signature, Typed};

use crate::deals::{DealState, EndReason};
use crate::effect::{Answer, Effect, Event, Record, Refused};
use crate::input::Unanswered;
use crate::market::Market;
use crate::waiting::Next;

/// Deals that are over and stay in memory; beyond it the oldest are forgotten, unless a standing bid counts them.
const FINISHED_MAX: usize = 10_000;
/// A deal that is over stays in memory for a day at most, unless a standing bid counts it.
const FINISHED_MS_MAX: u64 = 86_400_000;
/// Heartbeats before the end of a deal is told again; each wait is at least as long as all before it together.
const TELL_AGAIN_BEATS: u64 = 10;

fn reason(cause: EndCause) -> EndReason {
    match cause {
        EndCause::Cancelled => EndReason::CancelledByConsumer,
        EndCause::Failed => EndReason::FailedBySupplier,
    }
}

/// Whether the next epoch may well end otherwise with the same supplier: it saw another book, or was a moment ahead.
fn is_passing(reason: EndReason) -> bool {
    use protocol::Rejected::{Duplicate, Expired, Future, LotsTaken, NotMatched, RateLimit, Stale, TooLate};
    match reason {
        EndReason::Declined(rejected) => {
            matches!(rejected, Duplicate | Expired | Future | LotsTaken | NotMatched | RateLimit | Stale | TooLate)
        }
        _ => false,
    }
}

impl Market {
    pub(crate) fn on_end_deal(&mut self, user: u64, id: &Hash, now: u64) {
        let refused = match self.deals.by_id.get(id) {
            None => Refused::UnknownDeal,
            Some(deal) if !deal.is_live() => Refused::DealOver,
            Some(deal) => {
                let cause = if deal.side == Side::Bid { EndCause::Cancelled } else { EndCause::Failed };
                let end = DealEnd { deal: *id, cause, elapsed_s: deal.elapsed_at(now) };
                match self.may_sign(Scope::DEAL, now) {
                    Ok(()) => return self.sign_end(Some(user), end, now),
                    Err(refused) => refused,
                }
            }
        };
        self.effects.push(Effect::Answer { user, answer: Err(refused) });
    }

    /// Without the right to sign, the other side is left to find out by itself.
    fn sign_end(&mut self, user: Option<u64>, end: DealEnd, now: u64) {
        if self.may_sign(Scope::DEAL, now).is_err() {
            return;
        }
        let digest = self.domain.digest(&end.struct_hash());
        self.sign(Next::SignEnd { user, end }, digest);
    }

    pub(crate) fn on_end_signed(&mut self, user: Option<u64>, end: DealEnd, signature: Signature, now: u64) {
        let (id, cause, elapsed_s) = (end.deal, end.cause, end.elapsed_s);
        let Some(deal) = self.deals.by_id.get_mut(&id) else {
            // Ended and forgotten while it was being signed.
            let answers = user.map(|user| Effect::Answer { user, answer: Err(Refused::DealOver) });
            return self.effects.extend(answers);
        };
        let was_live = deal.is_live();
        if deal.end.is_none() {
            deal.end = Some((end, Box::new(self.mandate.authority(signature))));
        }
        match was_live {
            true => self.finish(&id, reason(cause), elapsed_s, now),
            false => self.store_deal(&id),
        }
        self.deliver_end(&id, now);
        if let (Some(user), Some(deal)) = (user, self.deals.by_id.get(&id)) {
            let answer = if was_live { Ok(Answer::DealOver(Box::new(deal.clone()))) } else { Err(Refused::DealOver) };
            self.effects.push(Effect::Answer { user, answer });
        }
    }

    /// Sends the signed early end to the other side.
    pub(crate) fn deliver_end(&mut self, id: &Hash, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id).filter(|deal| !deal.is_end_delivered) else { return };
        let Some((end, authority)) = deal.end.clone() else { return };
        deal.beat_ms = now;
        let to = deal.peer;
        if !self.waiting.has_end_of(id) {
            self.ask(to, Next::EndSent { deal: *id }, Request::EndDeal(end, *authority));
        }
    }

    /// Told is told, also if the other side never knew the deal; a busy peer and silence are no answer.
    pub(crate) fn on_end_answered(&mut self, id: &Hash, result: Result<Response, Unanswered>) {
        let is_told = matches!(&result, Ok(response) if *response != Response::Declined(Rejected::RateLimit));
        if let Some(deal) = self.deals.by_id.get_mut(id).filter(|_| is_told) {
            deal.is_end_delivered = true;
            self.store_deal(id);
        }
    }

    /// A deal is over: say so, store it, free what it held.
    pub(crate) fn finish(&mut self, id: &Hash, reason: EndReason, elapsed_s: u64, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id) else { return };
        assert!(deal.is_live(), "a deal ends once");
        deal.elapsed_s = elapsed_s.min(deal.terms.duration_s.into());
        deal.state = match reason {
            EndReason::RanOut => DealState::Ended,
            EndReason::CancelledByConsumer => DealState::Cancelled,
            _ => DealState::Failed,
        };
        deal.reason = Some(reason);
        deal.over_ms = now;
        let (slot, side, state) = (deal.own_lots().slot, deal.side, deal.state);
        let (supplier, elapsed_s) = (deal.terms.supplier(), deal.elapsed_s);
        self.store_deal(id);
        self.effects.push(Effect::Tell(Event::Over { deal: *id, reason, elapsed_s }));
        self.look_at_offer(slot);
        if side == Side::Bid && state == DealState::Failed && !is_passing(reason) {
            self.avoid(slot, supplier, now);
        }
    }

    /// The other side struck a deal that is over here: it is told that it is.
    pub(crate) fn disown(&mut self, id: &Hash, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id).filter(|deal| !deal.is_live() && deal.started_ms == 0) else {
            return;
        };
        deal.is_end_delivered = false;
        match deal.end.is_some() {
            true => self.deliver_end(id, now),
            false => self.sign_end(None, DealEnd { deal: *id, cause: EndCause::Cancelled, elapsed_s: 0 }, now),
        }
    }

    /// What time does to deals: ends, missed openings, silence, heartbeats.
    pub(crate) fn tick_deals(&mut self, now: u64) {
        let overdue = self.deals.by_id.values().filter(|deal| deal.is_live()).filter_map(|deal| {
            deal.overdue(&self.parameters, now).map(|(reason, elapsed_s)| (deal.id, reason, elapsed_s))
        });
        for (id, reason, elapsed_s) in overdue.collect::<Vec<_>>() {
            self.finish(&id, reason, elapsed_s, now);
            let cause = match reason {
                EndReason::SupplierSilent => EndCause::Cancelled,
                EndReason::ConsumerSilent => EndCause::Failed,
                _ => continue,
            };
            self.sign_end(None, DealEnd { deal: id, cause, elapsed_s }, now);
        }
        self.beat(now);
        self.tell_again(now);
    }

    fn tell_again(&mut self, now: u64) {
        let first_ms = TELL_AGAIN_BEATS * u64::from(self.parameters.heartbeat_ms);
        let due = self.deals.by_id.values().filter(|deal| {
            let wait_ms = deal.beat_ms.saturating_sub(deal.over_ms).max(first_ms);
            let is_owed = !deal.is_live() && deal.end.is_some() && !deal.is_end_delivered;
            is_owed && now >= deal.beat_ms.saturating_add(wait_ms)
        });
        let due: Vec<Hash> = due.map(|deal| deal.id).collect();
        due.iter().for_each(|id| self.deliver_end(id, now));
    }

    /// Lets go of deals that are long over. What a standing bid still counts as served stays.
    pub(crate) fn forget_deals(&mut self, now: u64) {
        let is_counted = |id: &Hash| {
            let mut bids = self.maker.standings.values().filter(|standing| standing.draft.side == Side::Bid);
            bids.any(|standing| self.deals.of_standing(Side::Bid, standing).any(|deal| deal.id == *id))
        };
        let over = self.deals.by_id.values().filter(|deal| !deal.is_live());
        let mut over: Vec<(u64, Hash)> = over.map(|deal| (deal.over_ms, deal.id)).collect();
        over.sort_unstable();
        let surplus = over.len().saturating_sub(FINISHED_MAX);
        let is_old = |over_ms: u64| now.saturating_sub(over_ms) > FINISHED_MS_MAX;
        let old = over.iter().enumerate().filter(|(rank, (over_ms, _))| *rank < surplus || is_old(*over_ms));
        // As long as the order stands, or a match of it may come, it must be known which of its lots were signed for.
        let stands =
            |id: &Hash| self.deals.by_id.get(id).is_some_and(|deal| self.head_of(&deal.own_lots().id).is_some());
        let gone: Vec<Hash> = old.map(|(_, (_, id))| *id).filter(|id| !is_counted(id) && !stands(id)).collect();
        for id in gone {
            self.deals.by_id.remove(&id);
            self.effects.push(Effect::Store(Record::DealGone { id }));
        }
    }

    /// The other side says that a deal ends.
    pub(crate) fn on_end_heard(&mut self, (from, token): (Address, u64), end: DealEnd, authority: Authority, now: u64) {
        let Some(deal) = self.deals.by_id.get(&end.deal) else {
            return self.respond(token, Response::Declined(Rejected::UnknownDeal));
        };
        let owner = match (end.cause, deal.side) {
            (EndCause::Cancelled, Side::Ask) => deal.terms.consumer(),
            (EndCause::Failed, Side::Bid) => deal.terms.supplier(),
            _ => return self.respond(token, Response::Declined(Rejected::NotAParty)),
        };
        if !deal.is_live() {
            return self.respond(token, Response::Done);
        }
        if self.waiting.is_full(&from) {
            return self.respond(token, Response::Declined(Rejected::RateLimit));
        }
        let claim = Claim::single(&end, owner, Scope::DEAL);
        match authority.recoveries(&claim, &self.domain, now / 1000) {
            Err(rejected) => self.respond(token, Response::Declined(rejected)),
            Ok((first, second)) => {
                let work = core::iter::once(first).chain(second).collect();
                self.recover(Some(from), Next::EndHeard { token, end, authority: Box::new(authority) }, work);
            }
        }
    }

    pub(crate) fn on_end_verified(
        &mut self,
        token: u64,
        (end, authority): (DealEnd, Box<Authority>),
        is_valid: bool,
        now: u64,
    ) {
        let response = if is_valid { Response::Done } else { Response::Declined(Rejected::Signer) };
        if let Some(deal) = self.deals.by_id.get_mut(&end.deal).filter(|deal| is_valid && deal.is_live()) {
            let (id, cause) = (deal.id, end.cause);
            // The word counts between what the consumer acknowledged already and the time that really passed.
            let elapsed_s = end.elapsed_s.min(deal.elapsed_at(now) + 1).max(deal.acknowledged_s());
            deal.end = Some((end, authority));
            deal.is_end_delivered = true;
            self.finish(&id, reason(cause), elapsed_s, now);
        }
        self.respond(token, response);
    }

    /// A heartbeat came back: the deal runs there, or does not.
    pub(crate) fn on_heartbeat_answered(&mut self, id: &Hash, is_running: bool, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id).filter(|deal| deal.state == DealState::Running) else { return };
        // The supplier's clock started a moment earlier: at the end it says no before the time is up here.
        let is_near_end = now.saturating_add(self.parameters.silence_ms()) >= deal.runs_out_ms();
        match (is_running, is_near_end) {
            (true, _) => deal.heard_ms = now,
            (false, true) => {}
            (false, false) => {
                let elapsed_s = deal.heard_ms.saturating_sub(deal.started_ms) / 1000;
                self.finish(id, EndReason::FailedBySupplier, elapsed_s, now);
            }
        }
    }
}

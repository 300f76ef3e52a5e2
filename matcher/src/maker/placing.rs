//! What users want to sell or buy, checked and given a slot and a version.

use alloc::vec::Vec;

use protocol::bulk::LEAVES_MAX;
use protocol::capacity::Rounding;
use protocol::{Entry, Identity, Rejected, Scope, Score, Side};

use super::{Asker, Standing, order, unsigned};
use crate::effect::{Answer, Effect, Placed, Refused};
use crate::input::Draft;
use crate::market::Market;

impl Market {
    pub(crate) fn on_place(&mut self, user: u64, draft: Draft, now: u64) {
        self.gather_shunned(now);
        match self.check_draft(draft, now) {
            Ok(standing) => self.issue(Some(Asker::One(user)), standing),
            Err(refused) => self.effects.push(Effect::Answer { user, answer: Err(refused) }),
        }
    }

    /// Several orders at once, signed by one signature: a slot for each or none for any.
    pub(crate) fn on_place_list(&mut self, user: u64, drafts: Vec<Draft>, now: u64) {
        let refused = match drafts.len() {
            0 => Some(Rejected::Encoding),
            count if count > LEAVES_MAX => Some(Rejected::TooLarge),
            _ => None,
        };
        if let Some(rejected) = refused {
            return self.effects.push(Effect::Answer { user, answer: Err(Refused::Rejected(rejected)) });
        }
        self.gather_shunned(now);
        let mut answers: Vec<Option<Result<Placed, Refused>>> = Vec::with_capacity(drafts.len());
        for (place, draft) in drafts.into_iter().enumerate() {
            match self.check_draft(draft, now) {
                Ok(standing) => {
                    self.issue(Some(Asker::List(user, place)), standing);
                    answers.push(None);
                }
                Err(Refused::NoFreeSlot(slots)) => {
                    self.take_back(user);
                    return self.effects.push(Effect::Answer { user, answer: Err(Refused::NoFreeSlot(slots)) });
                }
                Err(refused) => answers.push(Some(Err(refused))),
            }
        }
        self.maker.lists.insert(user, answers);
        self.answer_list(user);
    }

    /// What `user` placed just now is not to be signed after all.
    fn take_back(&mut self, user: u64) {
        let is_theirs = |asker: Option<Asker>| matches!(asker, Some(Asker::List(of, _)) if of == user);
        let maker = &mut self.maker;
        for head in maker.due.extract_if(.., |head| is_theirs(head.asker)) {
            maker.issuing.remove(&head.standing.slot);
        }
    }

    /// Tells the user once something became of every order of the list.
    pub(super) fn answer_list(&mut self, user: u64) {
        let is_open = |answers: &Vec<Option<_>>| answers.iter().any(Option::is_none);
        if self.maker.lists.get(&user).is_none_or(is_open) {
            return;
        }
        let answers = self.maker.lists.remove(&user).into_iter().flatten().flatten().collect();
        self.effects.push(Effect::Answer { user, answer: Ok(Answer::PlacedList(answers)) });
    }

    fn check_draft(&self, mut draft: Draft, now: u64) -> Result<Standing, Refused> {
        let (rounding, scope) = match draft.side {
            Side::Ask => (Rounding::Down, Scope::ASK),
            Side::Bid => (Rounding::Up, Scope::BID),
        };
        draft.capacity = draft.capacity.rounded(rounding);
        draft.excluded.sort_unstable();
        draft.excluded.dedup();
        self.may_sign(scope, now)?;
        let slots = self.book.slots_of(&self.owner);
        let epochs = self.epochs(now, draft.life_s, 0);
        if epochs.0 >= epochs.1 && draft.life_s > 0 {
            return Err(Refused::DelegationOver);
        }
        let is_held = |slot: &u16| self.book.top_version(self.owner, *slot) > 0;
        let slot = self.maker.free_slot(slots, epochs.1, is_held).ok_or(Refused::NoFreeSlot(slots))?;
        let version = self.next_version(slot, now);
        let mut order = order(&draft, (self.owner, slot), version, epochs);
        order.check(&self.parameters).map_err(Refused::Rejected)?;
        if draft.identity_min != Identity::Anonymous && self.parameters.chain_id == 0 {
            return Err(Refused::Rejected(Rejected::Flags));
        }
        if draft.side == Side::Ask {
            let measured = self.measured.as_ref().ok_or(Refused::NotMeasured)?;
            let wanted = order.capacity.times(order.lots).ok_or(Refused::Rejected(Rejected::Lots))?;
            if let Some(wanted) = measured.shortfall(&wanted) {
                let measured = Score { metric: wanted.metric, value: measured.value(wanted.metric) };
                return Err(Refused::BeyondMeasured { wanted, measured });
            }
        }
        self.keep_clear(&mut order, &draft);
        let entry = Entry::Order(unsigned(order));
        let id = entry.id(&self.domain);
        Ok(Standing { slot, draft, first_version: version, entry, id, is_withdrawn: false, avoided: Vec::new() })
    }

    /// Above every version that this node or anyone it heard has seen in the slot; the clock keeps versions rising
    /// also for a node that lost its memory.
    pub(super) fn next_version(&self, slot: u16, now: u64) -> u64 {
        let standing = self.maker.standings.get(&slot).map_or(0, |standing| standing.entry.place().2);
        let top = standing.max(self.book.top_version(self.owner, slot));
        now.max(top.saturating_add(1))
    }
}

//! Whom this node's bids leave out, the same for all of them, and whom a bid names where an order cannot leave out as many
//! as it should. Decides only what the node signs; what the user named, it never touches.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::deal::is_feasible;
use protocol::order::EXCLUDED_MAX;
use protocol::{Address, Entry, Order, Side};

use super::{Standing, order};
use crate::book::{Change, Head, Kept};
use crate::deals::DealState;
use crate::input::Draft;
use crate::market::Market;
use crate::seed::{mark, mixed};

/// For so long a supplier that failed a bid of this node is left out of all of them.
const FAILED_MS: u64 = 600_000;
/// Suppliers that failed bids of this node; beyond it the one whose time ends first is forgotten.
const FAILED_MAX: usize = 1_024;
/// Suppliers whose asks are looked for because they are silent; beyond it bids name one that strikes all the sooner.
const SILENT_MAX: usize = 4_096;
/// Asks of suppliers to leave out, and asks of others to choose from; the cheapest stay.
const ASKS_MAX: usize = 4_096;
/// A bid names one of at least so many suppliers, if there are so many, and of a quarter of all.
const CHOICES_MIN: usize = 8;
/// One bid in so many tries suppliers of whom nothing is known though they ask no more than silent ones do: that is how
/// they become known.
const TRIES: u64 = 8;
/// Unknown suppliers are suspect up to so many times the price of the dearest silent one.
const SUSPECT_PRICES: u128 = 2;

/// What own bids are to keep clear of, as of the last cleared epoch.
#[derive(Debug, Default)]
pub(crate) struct Shunned {
    /// Suppliers that failed a bid, and until when (unix ms) that counts.
    failed: BTreeMap<Address, u64>,
    /// Suppliers that let a proposal of this node wait for most of an epoch.
    unanswering: BTreeSet<Address>,
    /// The open asks of all of them and of those that are silent for all to see, cheapest first.
    asks: Vec<Arc<Head>>,
    /// Open asks of suppliers of whom nothing is known, where silent ones ask as much, cheapest first.
    suspect: Vec<Arc<Head>>,
    /// Up to this price the unknown are suspect.
    suspect_max: u128,
    /// Open asks of all that are not shunned: first of those that strike, cheapest first, then of the unknown. Only
    /// gathered where somebody is.
    others: Vec<(bool, Arc<Head>)>,
    /// Slots of own bids that were matched in the last cleared epoch.
    matched: BTreeSet<u16>,
    /// Slots whose bids may take a supplier in again.
    freed: BTreeSet<u16>,
    /// Whether the asks are of another time.
    is_old: bool,
}

/// How a bid keeps clear of them.
#[derive(Debug)]
enum Plan {
    /// It leaves these out, beside the user's own exclusions.
    LeaveOut(Vec<Address>),
    /// It would have to leave out more than an order can, and names this one.
    Name(Address),
}

impl Standing {
    /// Suppliers that the newest version leaves out beside those that the user excludes: they failed a bid of this node,
    /// or are silent for all to see.
    pub fn left_out(&self) -> impl Iterator<Item = &Address> {
        let order = self.order().filter(|order| order.side == Side::Bid);
        let excluded = order.into_iter().flat_map(|order| &order.excluded);
        excluded.filter(|owner| !self.draft.excluded.contains(owner))
    }

    /// The supplier that the newest version names because more would have to be left out than an order can.
    pub fn named(&self) -> Option<Address> {
        let named = self.order().map(|order| order.counterparty);
        named.filter(|named| *named != self.draft.counterparty && !named.is_zero())
    }

    fn order(&self) -> Option<&Order> {
        match &self.entry {
            Entry::Order(order) => Some(&order.body),
            Entry::Cancel(_) => None,
        }
    }
}

impl Market {
    /// Late enough after an epoch was cleared for its deals to be known, and early enough for the running one: takes note
    /// of who struck, and has own bids follow.
    pub(crate) fn take_conduct(&mut self, now: u64) {
        let Some((epoch, cleared_ms)) = self.epochs.cleared().filter(|(epoch, _)| *epoch > self.conduct.epoch()) else {
            return;
        };
        let epoch_ms = u64::from(self.parameters.epoch_ms);
        let settled_ms = self.parameters.epoch_start_ms(epoch + 1).saturating_add(epoch_ms / 5 * 3);
        if now < settled_ms.max(cleared_ms.saturating_add(epoch_ms / 2)) {
            return;
        }
        let Some(cleared) = self.clearing(epoch).cloned() else { return };
        self.conduct.take(&cleared, self.book.fills());
        let own = cleared.matches.iter().filter(|found| found.bid.owner == self.owner);
        let matched = own.map(|found| found.bid.slot).collect();
        self.maker.shunned.matched = matched;
        self.maker.shunned.is_old = true;
        let is_open = |standing: &&Standing| standing.draft.side == Side::Bid && !standing.is_withdrawn;
        if !self.maker.standings.values().any(|standing| is_open(&standing)) {
            return;
        }
        self.gather_shunned(now);
        let bids = self.maker.standings.values().filter(is_open);
        let changed = bids.filter(|bid| self.is_to_change(bid) || self.is_waiting(bid));
        let changed: Vec<u16> = changed.map(|bid| bid.slot).collect();
        self.maker.stale.extend(changed);
    }

    /// Struck deals that came late count all the same.
    pub(crate) fn hear_deals(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::In(_, Kept::Deal(deal)) = change {
                self.conduct.hear(&deal.terms);
            }
        }
    }

    /// A bid of this node failed with `supplier`: all of them leave it out for a while.
    pub(super) fn shun(&mut self, supplier: Address, now: u64) -> u64 {
        let until_ms = now.saturating_add(FAILED_MS);
        let shunned = &mut self.maker.shunned;
        shunned.failed.insert(supplier, until_ms);
        if shunned.failed.len() > FAILED_MAX {
            let first = shunned.failed.iter().min_by_key(|(supplier, until_ms)| (**until_ms, **supplier));
            first.map(|(supplier, _)| *supplier).map(|supplier| shunned.failed.remove(&supplier));
        }
        shunned.is_old = true;
        until_ms
    }

    /// Takes up what own bids of an earlier life met with.
    pub(super) fn shun_again(&mut self, standing: &Standing) {
        self.maker.shunned.failed.extend(standing.avoided.iter().copied());
        self.maker.shunned.is_old = true;
    }

    /// Lets suppliers in again whose time of being left out is over.
    pub(super) fn forgive(&mut self, now: u64) {
        let maker = &mut self.maker;
        let before = maker.shunned.failed.len();
        maker.shunned.failed.retain(|_, until_ms| now < *until_ms);
        maker.shunned.is_old |= maker.shunned.failed.len() < before;
        for (slot, standing) in &mut maker.standings {
            let before = standing.avoided.len();
            standing.avoided.retain(|(_, until_ms)| now < *until_ms);
            if standing.avoided.len() < before {
                maker.stale.insert(*slot);
                maker.shunned.freed.insert(*slot);
            }
        }
    }

    /// Whether bids of this node keep clear of `supplier`.
    pub(crate) fn is_shunned(&self, supplier: &Address) -> bool {
        let own = &self.maker.shunned;
        own.failed.contains_key(supplier) || own.unanswering.contains(supplier) || self.conduct.is_silent(supplier)
    }

    /// Whether the bid in `slot` proposes nothing to `supplier`. What the user named is proposed to all the same.
    pub(crate) fn is_kept_clear(&self, slot: u16, supplier: &Address) -> bool {
        let standing = self.maker.standings.get(&slot);
        let is_kept = |bid: &Standing| match self.wish(&bid.draft, slot).map(|wish| self.plan(&wish, 0)) {
            // With nobody to leave out, or nobody else to turn to.
            None => false,
            Some(Plan::LeaveOut(left_out)) => !left_out.is_empty(),
            Some(Plan::Name(_)) => true,
        };
        standing.is_some_and(|bid| bid.draft.counterparty.is_zero() && self.is_shunned(supplier) && is_kept(bid))
    }

    /// Whether a proposal for lots of this version is unanswered after most of an epoch: nothing can come of these lots
    /// until it is over, and whoever is matched with them is matched for nothing.
    pub(super) fn is_waiting(&self, bid: &Standing) -> bool {
        let epoch = self.conduct.epoch();
        bid.draft.side == Side::Bid && self.deals.proposed(&bid.id).any(|deal| deal.terms.epoch <= epoch)
    }

    /// Looks once at the asks of all that own bids are to keep clear of.
    pub(super) fn gather_shunned(&mut self, now: u64) {
        if !core::mem::take(&mut self.maker.shunned.is_old) {
            return;
        }
        let epoch = self.parameters.epoch_to_sign(now);
        let waiting = self.deals.by_id.values().filter(|deal| {
            let is_late = deal.terms.epoch <= self.conduct.epoch();
            deal.side == Side::Bid && deal.state == DealState::Proposed && is_late
        });
        let unanswering: BTreeSet<Address> = waiting.map(|deal| deal.terms.supplier()).collect();
        let silent = self.conduct.silent().take(SILENT_MAX).copied();
        let own = unanswering.iter().chain(self.maker.shunned.failed.keys()).copied();
        let suppliers: BTreeSet<Address> = own.chain(silent).collect();
        let asks = suppliers.iter().flat_map(|supplier| self.book.open_asks(Some(*supplier), epoch));
        let mut asks: Vec<Arc<Head>> = asks.cloned().collect();
        asks.sort_by_key(|head| by_price(head));
        asks.truncate(ASKS_MAX);
        let is_silent = |head: &&Arc<Head>| self.conduct.is_silent(&head.entry.place().0);
        let dearest = asks.iter().rfind(is_silent).map(|head| by_price(head).0);
        let shunned = &mut self.maker.shunned;
        (shunned.unanswering, shunned.asks) = (unanswering, asks);
        let others = if self.maker.shunned.asks.is_empty() { Vec::new() } else { self.others(epoch) };
        let suspect_max = dearest.map_or(0, |price| price.saturating_mul(SUSPECT_PRICES));
        let is_suspect = |(is_unknown, head): &&(bool, Arc<Head>)| *is_unknown && by_price(head).0 <= suspect_max;
        self.maker.shunned.suspect = others.iter().filter(is_suspect).map(|(_, head)| head.clone()).collect();
        (self.maker.shunned.others, self.maker.shunned.suspect_max) = (others, suspect_max);
    }

    /// The asks that a bid may choose from: one look at the whole book.
    fn others(&self, epoch: u64) -> Vec<(bool, Arc<Head>)> {
        let asks = self.book.open_asks(None, epoch).filter_map(|head| {
            let owner = head.entry.place().0;
            (!self.is_shunned(&owner)).then(|| (!self.conduct.has_struck(&owner), head.clone()))
        });
        let (mut unknown, mut known): (Vec<_>, Vec<_>) = asks.partition(|(is_unknown, _)| *is_unknown);
        for asks in [&mut known, &mut unknown] {
            asks.sort_by_key(|(_, head)| by_price(head));
            asks.truncate(ASKS_MAX);
        }
        known.extend(unknown);
        known
    }

    /// The order that a bid of this draft would be if nobody were kept clear of.
    fn wish(&self, draft: &Draft, slot: u16) -> Option<Order> {
        let is_free = draft.side == Side::Bid && draft.counterparty.is_zero();
        let shunned = &self.maker.shunned;
        (is_free && !shunned.asks.is_empty()).then(|| order(draft, (self.owner, slot), 0, (0, 0)))
    }

    /// How a version of a bid keeps clear of whom it could meet. Of many, it leaves out who asks least first, and its limit
    /// only says whether they all are: equal bids leave out the same, so that clearing tells as few apart as can be.
    ///
    /// Where nobody else would serve the bid it leaves nobody out: a fault that is over must not end a small market.
    fn plan(&self, wish: &Order, version: u64) -> Plan {
        if !self.maker.shunned.others.iter().any(|(_, head)| serves(head, wish)) {
            return Plan::LeaveOut(Vec::new());
        }
        let is_careful = !chance(wish, version).is_multiple_of(TRIES);
        let suspect = self.maker.shunned.suspect.iter().filter(|_| is_careful);
        let room = EXCLUDED_MAX.saturating_sub(wish.excluded.len());
        let mut left_out: Vec<Address> = Vec::new();
        for head in self.maker.shunned.asks.iter().chain(suspect) {
            let Some(ask) = head.order().filter(|ask| is_feasible(ask, wish) && !left_out.contains(&ask.owner)) else {
                continue;
            };
            if left_out.len() < room {
                left_out.push(ask.owner);
            } else if ask.price <= wish.price {
                return self.pick(wish, version).map_or(Plan::LeaveOut(left_out), Plan::Name);
            }
        }
        Plan::LeaveOut(left_out)
    }

    /// One of those who would serve this version of a bid within its limit: of the cheapest quarter of those that strike,
    /// where these are too few also of the unknown that are not suspect, and where nobody else is left, of the suspect.
    /// Bids spread over them, and another version chooses anew.
    fn pick(&self, wish: &Order, version: u64) -> Option<Address> {
        let mut trusted: Vec<(u128, Address)> = Vec::new();
        let mut suspect: Vec<(u128, Address)> = Vec::new();
        let mut strikers = 0;
        for (is_unknown, head) in self.maker.shunned.others.iter().filter(|(_, head)| serves(head, wish)) {
            let (price, owner, _) = by_price(head);
            if *is_unknown && strikers >= CHOICES_MIN {
                break;
            }
            strikers += usize::from(!*is_unknown);
            match *is_unknown && price <= self.maker.shunned.suspect_max {
                true => suspect.push((price, owner)),
                false => trusted.push((price, owner)),
            }
        }
        let mut owners = if trusted.is_empty() { suspect } else { trusted };
        owners.sort_unstable();
        owners.dedup_by_key(|(_, owner)| *owner);
        let among = (owners.len() / 4).max(CHOICES_MIN).min(owners.len()) as u64;
        (among > 0).then(|| owners[(chance(wish, version) / TRIES % among) as usize].1)
    }

    /// Writes into a version of an own bid whom it leaves out or names.
    pub(super) fn keep_clear(&self, order: &mut Order, draft: &Draft) {
        let Some(wish) = self.wish(draft, order.slot) else { return };
        match self.plan(&wish, order.version) {
            Plan::Name(named) => order.counterparty = named,
            Plan::LeaveOut(left_out) => {
                order.excluded.extend(left_out);
                order.excluded.sort_unstable();
            }
        }
    }

    /// Whether the version that stands lacks somebody whom it should leave out, or should name another or nobody. Whom it
    /// need not leave out any more waits for the next version, or for the end of its own experience.
    pub(super) fn is_to_change(&self, bid: &Standing) -> bool {
        let Some(stands) = bid.order().filter(|order| order.side == Side::Bid) else { return false };
        let wish = self.wish(&bid.draft, bid.slot);
        let plan = wish.map_or(Plan::LeaveOut(Vec::new()), |wish| self.plan(&wish, stands.version));
        match (plan, bid.named()) {
            (Plan::Name(_), Some(named)) => {
                let was_matched = self.maker.shunned.matched.contains(&bid.slot);
                let had_its_time = self.epochs.cleared().is_some_and(|(cleared, _)| cleared >= stands.from_epoch);
                self.is_shunned(&named) || (had_its_time && !was_matched)
            }
            (Plan::Name(_), None) | (Plan::LeaveOut(_), Some(_)) => true,
            (Plan::LeaveOut(left_out), None) => {
                let is_freed = self.maker.shunned.freed.contains(&bid.slot);
                let is_more = stands.excluded.len() > bid.draft.excluded.len() + left_out.len();
                left_out.iter().any(|owner| stands.excluded.binary_search(owner).is_err()) || (is_freed && is_more)
            }
        }
    }

    /// What stood in the way of this slot's bid is looked at.
    pub(super) fn note_mended(&mut self, slot: u16) {
        self.maker.shunned.freed.remove(&slot);
    }
}

/// Whether this ask would serve the bid within its limit.
fn serves(ask: &Head, bid: &Order) -> bool {
    ask.order().is_some_and(|ask| ask.price <= bid.price && is_feasible(ask, bid))
}

/// Cheapest first, ties by owner and slot.
fn by_price(head: &Head) -> (u128, Address, u16) {
    let (owner, slot, _) = head.entry.place();
    (head.order().map_or(0, |ask| ask.price.0), owner, slot)
}

/// A number that changes with each version of a bid.
fn chance(wish: &Order, version: u64) -> u64 {
    mixed(mark(&wish.owner, wish.slot) ^ version)
}

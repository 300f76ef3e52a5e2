//! What stands between an order and the other side, price aside. Knows nothing of who trades.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;

use protocol::{Address, Flags, Hash, Identity, Price, Side, deal};
use serde::{Deserialize, Serialize};

use super::other;
use crate::clearing::OrderAt;
use crate::sealed::{SealedBook, SealedOrder};

/// One thing for which an ask and a bid do not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Miss {
    /// The ask falls short in a metric.
    Capacity {
        /// The metric.
        #[serde(with = "super::change::metric_name")]
        metric: u16,
        /// What the bid wants at least.
        wanted: u64,
        /// What the ask offers; 0 if it does not name the metric.
        offered: u64,
    },
    /// No duration suits both.
    Duration {
        /// The shortest and the longest deal of the ask, in seconds.
        ask_s: (u32, u32),
        /// The same of the bid.
        bid_s: (u32, u32),
    },
    /// The ask bills more seconds at least than the bid accepts.
    Billed {
        /// What the ask bills at least.
        asked_s: u32,
        /// What the bid accepts.
        accepted_s: u32,
    },
    /// The bid wants network that the ask does not allow.
    Flags {
        /// Of the bid.
        wanted: Flags,
        /// By the ask.
        allowed: Flags,
    },
    /// An owner is known less well than the other side wants.
    Identity {
        /// Whose level is too low.
        of: Side,
        /// What the other side wants at least.
        required: Identity,
        /// What it is.
        level: Identity,
    },
    /// One side does not trade with the other's owner.
    Excluded {
        /// Which side.
        by: Side,
        /// The owner that it excludes.
        owner: Address,
    },
    /// One side trades with one owner alone, and the other's is not that one.
    Counterparty {
        /// Which side.
        by: Side,
        /// Whom it wants.
        only: Address,
    },
    /// Both are of one owner.
    SameOwner,
}

/// The kinds of [`Miss`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// [`Miss::Capacity`], in one metric or more.
    Capacity,
    /// [`Miss::Duration`].
    Duration,
    /// [`Miss::Billed`].
    Billed,
    /// [`Miss::Flags`].
    Flags,
    /// The ask's owner is known too little.
    AskIdentity,
    /// The bid's owner is known too little.
    BidIdentity,
    /// The ask excludes the bid's owner.
    ExcludedByAsk,
    /// The bid excludes the ask's owner.
    ExcludedByBid,
    /// The ask trades with somebody else alone.
    CounterpartyOfAsk,
    /// The bid trades with somebody else alone.
    CounterpartyOfBid,
    /// Nobody trades with itself.
    SameOwner,
}

/// Something that stands between an order and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What.
    pub what: What,
    /// How many orders of the other side it keeps from meeting this one.
    pub orders: u32,
    /// For how many of these nothing else does.
    pub alone: u32,
}

/// The order of the other side that an order misses least: by the fewest things; among these by the smallest part that is
/// lacking where most is; among equals the best price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closest {
    /// Its id.
    pub order: Hash,
    /// Its owner.
    pub owner: Address,
    /// Its limit price.
    pub price: Price,
    /// What is missing.
    pub misses: Vec<Miss>,
}

/// Everything for which two orders of different sides do not meet, price aside; nothing if they may.
pub(super) fn misses(one: &SealedOrder, two: &SealedOrder) -> Vec<Miss> {
    let (ask, bid) = if one.order().side == Side::Ask { (one, two) } else { (two, one) };
    let (offer, wish) = (ask.order(), bid.order());
    let mut misses = Vec::new();
    for score in wish.capacity.scores() {
        let offered = offer.capacity.value(score.metric);
        if offered < score.value {
            misses.push(Miss::Capacity { metric: score.metric, wanted: score.value, offered });
        }
    }
    let mut unless = |holds: bool, miss: Miss| misses.extend((!holds).then_some(miss));
    let times = |of: &protocol::Order| (of.duration_min_s, of.duration_max_s);
    unless(deal::duration(offer, wish).is_some(), Miss::Duration { ask_s: times(offer), bid_s: times(wish) });
    let (asked_s, accepted_s) = (offer.billed_min_s, wish.billed_min_s);
    unless(asked_s <= accepted_s, Miss::Billed { asked_s, accepted_s });
    unless(offer.flags.covers(wish.flags), Miss::Flags { wanted: wish.flags, allowed: offer.flags });
    for (by, of) in [(ask, bid), (bid, ask)] {
        let (order, owner) = (by.order(), of.order().owner);
        let (required, level, side) = (order.identity_min, of.identity, order.side);
        unless(level >= required, Miss::Identity { of: other(side), required, level });
        unless(order.excluded.binary_search(&owner).is_err(), Miss::Excluded { by: side, owner });
        let is_named = order.counterparty.is_zero() || order.counterparty == owner;
        unless(is_named, Miss::Counterparty { by: side, only: order.counterparty });
    }
    unless(offer.owner != wish.owner, Miss::SameOwner);
    misses
}

impl Miss {
    /// Its kind.
    pub fn what(&self) -> What {
        match self {
            Miss::Capacity { .. } => What::Capacity,
            Miss::Duration { .. } => What::Duration,
            Miss::Billed { .. } => What::Billed,
            Miss::Flags { .. } => What::Flags,
            Miss::Identity { of: Side::Ask, .. } => What::AskIdentity,
            Miss::Identity { of: Side::Bid, .. } => What::BidIdentity,
            Miss::Excluded { by: Side::Ask, .. } => What::ExcludedByAsk,
            Miss::Excluded { by: Side::Bid, .. } => What::ExcludedByBid,
            Miss::Counterparty { by: Side::Ask, .. } => What::CounterpartyOfAsk,
            Miss::Counterparty { by: Side::Bid, .. } => What::CounterpartyOfBid,
            Miss::SameOwner => What::SameOwner,
        }
    }

    /// What part is lacking: a fraction of at most 1, and 1 for what is no number.
    fn part(&self) -> Part {
        match *self {
            Miss::Capacity { wanted, offered, .. } => Part { of: wanted, lacking: wanted - offered },
            Miss::Duration { ask_s, bid_s } => {
                let (longest, shortest) = (ask_s.1.min(bid_s.1), ask_s.0.max(bid_s.0));
                Part { of: shortest.into(), lacking: (shortest - longest).into() }
            }
            Miss::Billed { asked_s, accepted_s } => Part { of: asked_s.into(), lacking: (asked_s - accepted_s).into() },
            _ => Part { of: 1, lacking: 1 },
        }
    }
}

/// `lacking / of`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub of: u64,
    pub lacking: u64,
}

impl Part {
    /// Compares fractions.
    pub fn compare(self, other: Part) -> Ordering {
        let scaled = |a: u64, b: u64| u128::from(a) * u128::from(b);
        scaled(self.lacking, other.of).cmp(&scaled(other.lacking, self.of))
    }
}

/// What stands between an order and the other side, kind by kind, and the order that it misses least.
pub(super) fn between(book: &SealedBook, own: OrderAt) -> (Vec<Obstacle>, Option<Closest>) {
    let (sealed, facing) = (&book.side(own.side)[own.place as usize], other(own.side));
    let classes = if facing == Side::Ask { &book.classes.asks } else { &book.classes.bids };
    let best = best(book, facing);
    let price = |class: u32| book.columns(facing).price[best[class as usize] as usize];
    let mut counts: BTreeMap<What, Obstacle> = BTreeMap::new();
    let mut closest: Option<(u32, Vec<Miss>)> = None;
    for (class, number) in classes.iter().zip(0u32..) {
        let misses = misses(sealed, &book.side(facing)[class.first as usize]);
        let mut kinds: Vec<What> = misses.iter().map(Miss::what).collect();
        kinds.dedup();
        for &what in &kinds {
            let count = counts.entry(what).or_insert(Obstacle { what, orders: 0, alone: 0 });
            count.orders += class.orders;
            count.alone += if kinds.len() == 1 { class.orders } else { 0 };
        }
        let is_closer = |(at, known): &(u32, Vec<Miss>)| {
            let by_part = || worst(&misses).compare(worst(known));
            let order = misses.len().cmp(&known.len()).then_with(by_part);
            order.then_with(|| by_price(facing, price(number), price(*at))).is_lt()
        };
        if !misses.is_empty() && closest.as_ref().is_none_or(is_closer) {
            closest = Some((number, misses));
        }
    }
    let closest = closest.map(|(class, misses)| {
        let order = &book.side(facing)[best[class as usize] as usize];
        Closest { order: order.head.id, owner: order.order().owner, price: order.order().price, misses }
    });
    (counts.into_values().collect(), closest)
}

/// The order of the best price in every class of a side; among equals the first.
fn best(book: &SealedBook, side: Side) -> Vec<u32> {
    let columns = book.columns(side);
    let classes = if side == Side::Ask { &book.classes.asks } else { &book.classes.bids };
    let mut best: Vec<u32> = classes.iter().map(|class| class.first).collect();
    for ((&class, &price), order) in columns.class.iter().zip(&columns.price).zip(0u32..) {
        if let Some(known) = best.get_mut(class as usize)
            && by_price(side, price, columns.price[*known as usize]).is_lt()
        {
            *known = order;
        }
    }
    best
}

/// The better price of a side first: a low one for asks, a high one for bids.
fn by_price(side: Side, a: u128, b: u128) -> Ordering {
    if side == Side::Ask { a.cmp(&b) } else { b.cmp(&a) }
}

fn worst(misses: &[Miss]) -> Part {
    misses.iter().map(Miss::part).max_by(|a, b| a.compare(*b)).unwrap_or(Part { of: 1, lacking: 0 })
}

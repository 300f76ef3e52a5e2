//! Clearing alone: who may meet whom as a table, what always holds as properties.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use protocol::{Address, Capacity, Flags, Hash, Identity, Metric, Order, Price, Side};

use super::clear;
use crate::book::Head;
use crate::history::{Cleared, Outcome};
use crate::sealed::{SealedBook, SealedOrder};
use crate::world::people::{capacity, market, order};

mod explain;
mod lies;

const EPOCH: u64 = 1_000;

/// Nothing is verified here, so a made-up owner and an empty signature do.
fn sealed(mut order: Order, owner: u8, slot: u16, open: Vec<(u32, u32)>) -> SealedOrder {
    (order.owner, order.slot) = (Address([owner; 20]), slot);
    let authority = protocol::Authority::own(protocol::Signature([0; 65]));
    let entry = protocol::Entry::Order(protocol::Signed { body: order, authority });
    let id = entry.id(&market().domain());
    SealedOrder { head: Arc::new(Head { entry, id }), open: open.into(), identity: Identity::Anonymous }
}

fn whole(order: Order, owner: u8, slot: u16) -> SealedOrder {
    let lots = order.lots;
    sealed(order, owner, slot, vec![(0, lots)])
}

fn cleared(orders: Vec<SealedOrder>) -> Cleared {
    Outcome::of(SealedBook::new(market().id(), EPOCH, orders).into()).cleared().clone()
}

fn ask(price: u128) -> Order {
    order(Side::Ask, price, EPOCH)
}

fn bid(price: u128) -> Order {
    order(Side::Bid, price, EPOCH)
}

/// Whether an ask at 100 of owner 1 and a bid at 100 of owner 2 meet, with changes to both.
#[track_caller]
fn check(change: impl FnOnce(&mut Order, &mut Order), expected: bool) {
    let (mut ask, mut bid) = (ask(100), bid(100));
    change(&mut ask, &mut bid);
    let owner = if bid.tag == Hash([1; 32]) { 1 } else { 2 };
    assert_eq!(cleared(vec![whole(ask, 1, 0), whole(bid, owner, 1)]).matches.len(), usize::from(expected));
}

#[test]
fn an_ask_and_a_bid_meet_if_each_allows_the_other() {
    let address = |number| Address([number; 20]);
    check(|_, _| {}, true);
    check(|ask, _| ask.price = Price(101), false);
    check(|ask, _| ask.price = Price(99), true);
    check(|ask, _| ask.capacity = capacity(9), false);
    check(|ask, _| ask.capacity = Capacity::new([(Metric::CpuHash, 10_000_000)]), false);
    check(|_, bid| bid.capacity = Capacity::new([(Metric::MemSize, 1)]), true);
    check(|ask, _| ask.duration_max_s = 9, false);
    check(|ask, _| (ask.duration_min_s, ask.duration_max_s) = (601, 700), false);
    check(|ask, _| (ask.duration_min_s, ask.duration_max_s) = (600, 700), true);
    check(|ask, _| ask.billed_min_s = 61, false);
    check(|ask, _| ask.excluded = vec![address(2)], false);
    check(|_, bid| bid.excluded = vec![address(1)], false);
    check(|_, bid| bid.excluded = vec![address(2), address(3)], true);
    check(|ask, _| ask.counterparty = address(3), false);
    check(|_, bid| bid.counterparty = address(3), false);
    check(|ask, bid| (ask.counterparty, bid.counterparty) = (address(2), address(1)), true);
    check(|_, bid| bid.flags = Flags::INBOUND, false);
    check(|ask, bid| (ask.flags, bid.flags) = (Flags(3), Flags::INBOUND), true);
    check(|ask, _| ask.identity_min = Identity::Registered, false);
    check(|_, bid| bid.tag = Hash([1; 32]), false);
}

#[test]
fn a_deal_runs_as_long_as_both_accept_and_bills_what_the_ask_says() {
    let (mut ask, mut bid) = (ask(70), bid(100));
    (ask.duration_max_s, bid.duration_max_s, ask.billed_min_s) = (300, 500, 20);
    let clearing = cleared(vec![whole(ask, 1, 0), whole(bid, 2, 0)]);
    let found = &clearing.matches[0];
    assert_eq!((found.duration_s, found.billed_min_s, found.price), (300, 20, Price(70)));
}

#[test]
fn the_highest_bid_takes_the_cheapest_ask() {
    let orders = vec![whole(ask(30), 1, 0), whole(ask(20), 2, 0), whole(bid(40), 3, 0), whole(bid(25), 4, 0)];
    let clearing = cleared(orders);
    let found: Vec<_> =
        clearing.matches.iter().map(|found| (found.ask.owner.0[0], found.bid.owner.0[0], found.price.0)).collect();
    // Who would have paid 25 for the same ask sets its price.
    assert_eq!(found, [(2, 3, 25)]);
}

#[test]
fn numbered_lots_are_matched_range_by_range() {
    let lots = |mut order: Order, lots| {
        order.lots = lots;
        order
    };
    let supplier = sealed(lots(ask(10), 10), 1, 0, vec![(0, 2), (5, 6), (8, 10)]);
    let clearing = cleared(vec![supplier, whole(lots(bid(20), 4), 2, 0)]);
    let found: Vec<_> = clearing
        .matches
        .iter()
        .map(|found| (found.ask.first_lot, found.bid.first_lot, found.ask.lots, found.bid.lots))
        .collect();
    assert_eq!(found, [(0, 0, 2, 2), (5, 2, 1, 1), (8, 3, 1, 1)]);
}

#[test]
fn equals_are_ranked_by_the_seed_and_not_by_a_chosen_id() {
    let winner = |epoch| {
        let orders = vec![whole(ask(10), 1, 0), whole(bid(20), 2, 0), whole(bid(20), 3, 0)];
        let book = SealedBook::new(market().id(), epoch, orders);
        let clearing = clear(&book, book.seed());
        book.bids[clearing.pairs[0].bid as usize].order().owner
    };
    let winners: alloc::collections::BTreeSet<Address> = (0..40).map(winner).collect();
    assert_eq!(winners.len(), 2, "each wins in some epoch");
}

prop_compose! {
    fn any_order()(
        is_ask in any::<bool>(), owner in 1u8..6, price in 1u128..40, lots in 1u32..6, size in 1u64..4,
        (low, high) in (1u32..30, 0u32..60), billed in 0u32..3, outbound in any::<bool>(),
        excluded in prop::collection::btree_set(1u8..6, 0..2), only in prop::option::weighted(0.1, 1u8..6),
        gap in 0u32..6,
    ) -> (Order, u8, u32) {
        let mut order = if is_ask { ask(price) } else { bid(price) };
        (order.lots, order.capacity) = (lots, capacity(size));
        (order.duration_min_s, order.duration_max_s, order.billed_min_s) = (low, low + high, billed);
        order.flags = if outbound { Flags::OUTBOUND } else { Flags::default() };
        order.excluded = excluded.into_iter().filter(|&other| other != owner).map(|other| Address([other; 20])).collect();
        if let Some(only) = only.filter(|&only| only != owner) {
            order.counterparty = Address([only; 20]);
        }
        (order, owner, gap)
    }
}

fn any_orders() -> impl Strategy<Value = Vec<SealedOrder>> {
    prop::collection::vec(any_order(), 0..40).prop_map(|orders| {
        let sealed_one = |(slot, (order, owner, gap)): (usize, (Order, u8, u32))| {
            // A gap in the middle stands for lots that are let.
            let (lots, gap) = (order.lots, gap.min(order.lots));
            let open: Vec<_> = [(0, gap), (gap + 1, lots)].into_iter().filter(|(first, end)| first < end).collect();
            (!open.is_empty()).then(|| sealed(order, owner, slot as u16, open))
        };
        orders.into_iter().enumerate().filter_map(sealed_one).collect()
    })
}

proptest! {
    #[test]
    fn every_match_is_allowed_and_no_lot_is_matched_twice(orders in any_orders()) {
        let by_id: BTreeMap<Hash, SealedOrder> = orders.iter().map(|order| (order.head.id, order.clone())).collect();
        let clearing = cleared(orders);
        let mut taken: Vec<(Hash, u32)> = Vec::new();
        for found in &clearing.matches {
            let (ask, bid) = (&by_id[&found.ask.id], &by_id[&found.bid.id]);
            let (offer, wish) = (ask.order(), bid.order());
            prop_assert!(offer.side == Side::Ask && wish.side == Side::Bid && offer.owner != wish.owner);
            prop_assert!(offer.price <= found.price && found.price <= wish.price, "the surplus is never negative");
            prop_assert!(offer.capacity.dominates(&wish.capacity) && offer.flags.covers(wish.flags));
            prop_assert!((offer.duration_min_s..=offer.duration_max_s).contains(&found.duration_s));
            prop_assert!((wish.duration_min_s..=wish.duration_max_s).contains(&found.duration_s));
            prop_assert!(found.billed_min_s == offer.billed_min_s && found.billed_min_s <= wish.billed_min_s);
            prop_assert!(offer.admits(&wish.owner) && wish.admits(&offer.owner));
            prop_assert!(found.ask.lots == found.bid.lots && found.ask.lots > 0);
            for (lots, order) in [(&found.ask, ask), (&found.bid, bid)] {
                let is_open = |lot| order.open.iter().any(|(first, end)| (*first..*end).contains(&lot));
                let range: Vec<u32> = (lots.first_lot..lots.end_lot()).collect();
                prop_assert!(range.iter().all(|&lot| is_open(lot)));
                taken.extend(range.into_iter().map(|lot| (lots.id, lot)));
            }
        }
        let count = taken.len();
        taken.sort_unstable();
        taken.dedup();
        prop_assert_eq!(taken.len(), count);
    }

    #[test]
    fn the_order_of_insertion_does_not_matter(
        (orders, shuffled) in any_orders().prop_flat_map(|orders| (Just(orders.clone()), Just(orders).prop_shuffle()))
    ) {
        prop_assert_eq!(cleared(orders), cleared(shuffled));
    }

    #[test]
    fn whoever_is_left_could_not_have_traded_with_anyone_left(orders in any_orders()) {
        let clearing = cleared(orders.clone());
        let left = |order: &&SealedOrder| {
            let sides = clearing.matches.iter().flat_map(|found| [found.ask, found.bid]);
            let matched: u32 = sides.filter(|side| side.id == order.head.id).map(|side| side.lots).sum();
            matched < order.open.iter().map(|(first, end)| end - first).sum()
        };
        let rest: Vec<&SealedOrder> = orders.iter().filter(left).collect();
        for ask in rest.iter().filter(|order| order.order().side == Side::Ask) {
            for bid in rest.iter().filter(|order| order.order().side == Side::Bid) {
                prop_assert!(ask.order().price > bid.order().price || !ask.may_serve(bid), "{ask:?} {bid:?}");
            }
        }
    }
}

//! An epoch as it is told, whole and with one thing changed: each change gets its own answer, and nothing panics.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Address, Entry, Flags, Hash, Identity, MarketId, Order, Price, Recovery, Scope, Side, Signed};

use super::{Claimed, ClaimedOrder, Flaw, examine, repeat};
use crate::clearing::{self, Clearing, clear};
use crate::sealed::SealedBook;
use crate::world::people::{Person, market, order};

const EPOCH: u64 = 1_000;

fn signed(entry: Entry) -> Signed<Order> {
    match entry {
        Entry::Order(order) => order,
        Entry::Cancel(_) => unreachable!("people sign orders here"),
    }
}

fn claimed(order: Signed<Order>) -> ClaimedOrder {
    let (id, lots) = (order.id(&market().domain()), order.body.lots);
    ClaimedOrder { id, order, open: vec![(0, lots)], identity: Identity::Anonymous }
}

fn of(orders: Vec<ClaimedOrder>) -> Claimed {
    let (mut asks, mut bids): (Vec<_>, Vec<_>) =
        orders.into_iter().partition(|order| order.order.body.side == Side::Ask);
    asks.sort_by_key(|order| order.id);
    bids.sort_by_key(|order| order.id);
    Claimed { market: market().id(), parameters: market(), epoch: EPOCH, asks, bids }
}

/// Three asks, two of them under one signature, and two bids.
fn people() -> Vec<ClaimedOrder> {
    let sold = |price, slot| Order { slot, lots: 10, ..order(Side::Ask, price, EPOCH - 5) };
    let bought = |price| Order { lots: 4, ..order(Side::Bid, price, EPOCH) };
    let mut entries = Person::new(1).bulk(vec![sold(100, 0), sold(120, 1)]);
    entries.push(Person::new(2).entry(sold(110, 0)));
    entries.push(Person::new(3).entry(bought(200)));
    entries.push(Person::new(4).entry(bought(150)));
    entries.into_iter().map(|entry| claimed(signed(entry))).collect()
}

/// Everything that a caller does with a claim, without the clearing.
fn book(claimed: Claimed) -> Result<SealedBook, Flaw> {
    let screened = claimed.screen()?;
    let failed = screened.work().position(|recovery: &Recovery| recovery.run().is_err());
    screened.sealed(failed)
}

#[track_caller]
fn code_with(change: impl FnOnce(&mut Claimed)) -> &'static str {
    let mut claimed = of(people());
    change(&mut claimed);
    book(claimed).map_or_else(|flaw| flaw.code(), |_| "fine")
}

fn proven() -> (SealedBook, Clearing) {
    let book = book(of(people())).unwrap();
    let clearing = clear(&book, book.seed());
    (book, clearing)
}

#[test]
fn an_honest_epoch_holds_and_leaves_of_one_tree_take_one_recovery() {
    let screened = of(people()).screen().unwrap();
    assert_eq!(screened.work().len(), 4);
    let (sealed, clearing) = proven();
    assert!(clearing.pairs.len() > 1);
    assert_eq!((examine(&sealed, &clearing), repeat(&sealed, &clearing)), (Ok(()), Ok(())));
    let nothing = of(Vec::new());
    assert!(nothing.is_empty());
    let empty = book(nothing).unwrap();
    assert_eq!(examine(&empty, &clear(&empty, empty.seed())), Ok(()));
}

#[test]
fn every_change_to_the_orders_gets_its_own_answer() {
    let first = |claimed: &mut Claimed, change: fn(&mut ClaimedOrder)| change(&mut claimed.asks[0]);
    let body = |claimed: &mut Claimed, change: fn(&mut Order)| {
        // As careful as a forger can be: the id is mended too.
        let mut order = claimed.bids.remove(0);
        change(&mut order.order.body);
        order.id = order.order.id(&market().domain());
        claimed.bids.push(order);
        claimed.bids.sort_by_key(|order| order.id);
    };
    assert_eq!(code_with(|_| {}), "fine");
    assert_eq!(code_with(|claimed| claimed.market = MarketId(Hash([1; 32]))), "market_id_mismatch");
    assert_eq!(code_with(|claimed| claimed.parameters.epoch_ms = 0), "market_id_mismatch");
    assert_eq!(code_with(|claimed| first(claimed, |ask| ask.order.body.price = Price(1))), "order_id_differs");
    assert_eq!(code_with(|claimed| body(claimed, |bid| bid.price = Price(1))), "wrong_signer");
    assert_eq!(code_with(|claimed| body(claimed, |bid| bid.owner = Address([9; 20]))), "wrong_signer");
    assert_eq!(code_with(|claimed| body(claimed, |bid| bid.price = Price(0))), "price_zero");
    assert_eq!(code_with(|claimed| body(claimed, |bid| bid.flags = Flags(8))), "bad_flags");
    assert_eq!(code_with(|claimed| body(claimed, |bid| bid.side = Side::Ask)), "wrong_side");
    assert_eq!(code_with(|claimed| first(claimed, |ask| ask.order.authority.signature.0[40] ^= 1)), "wrong_signer");
    assert_eq!(
        code_with(|claimed| first(claimed, |ask| ask.order.authority.signature.0[64] = 5)),
        "bad_signature_form"
    );
    assert_eq!(code_with(|claimed| claimed.asks.swap(0, 1)), "orders_unsorted");
    assert_eq!(code_with(|claimed| claimed.asks.push(claimed.asks[2].clone())), "orders_unsorted");
    assert_eq!(code_with(|claimed| claimed.epoch = EPOCH - 1), "not_in_epoch");
    assert_eq!(code_with(|claimed| claimed.epoch = EPOCH + 95), "not_in_epoch");
    assert_eq!(code_with(|claimed| claimed.epoch = u64::MAX), "not_in_epoch");
    assert_eq!(code_with(|claimed| first(claimed, |ask| ask.identity = Identity::Identified)), "bad_identity");
}

#[test]
fn open_lots_are_ranges_of_the_orders_lots() {
    for (open, expected) in [
        (vec![(0, 10)], "fine"),
        (vec![(0, 1), (2, 3), (9, 10)], "fine"),
        (vec![], "bad_open_lots"),
        (vec![(0, 11)], "bad_open_lots"),
        (vec![(3, 3)], "bad_open_lots"),
        (vec![(5, 4)], "bad_open_lots"),
        (vec![(0, 2), (2, 4)], "bad_open_lots"),
        (vec![(0, 3), (2, 4)], "bad_open_lots"),
        (vec![(4, 6), (0, 2)], "bad_open_lots"),
        (vec![(0, u32::MAX)], "bad_open_lots"),
    ] {
        assert_eq!(code_with(|claimed| claimed.asks[0].open.clone_from(&open)), expected, "{open:?}");
    }
}

#[test]
fn an_owner_has_one_order_in_a_slot() {
    let second = Person::new(3).entry(Order { version: 2, ..order(Side::Bid, 90, EPOCH) });
    let mut orders = people();
    orders.push(claimed(signed(second)));
    assert_eq!(book(of(orders)).unwrap_err().code(), "slot_taken_twice");
}

#[test]
fn there_are_never_more_orders_than_the_market_keeps() {
    let mut claimed = of(people());
    claimed.parameters.heads_max = 4;
    claimed.market = claimed.parameters.id();
    assert_eq!(claimed.screen().unwrap_err(), Flaw::TooMany { orders: 5, most: 4 });
}

#[test]
fn a_delegate_counts_if_it_was_one_by_the_end_of_the_epoch() {
    let over_s = market().epoch_start_ms(EPOCH + 1) / 1000;
    let expiry_s = market().epoch_start_ms(EPOCH + 100) / 1000;
    for (scope, times, expected) in [
        (Scope::ALL, (over_s - 10, expiry_s), "fine"),
        (Scope::ASK, (over_s, expiry_s), "fine"),
        (Scope::BID, (over_s, expiry_s), "bad_delegation"),
        (Scope::ASK, (over_s + 1, expiry_s), "bad_delegation"),
        // Its order would outlive it.
        (Scope::ASK, (over_s - 10, expiry_s - 1), "bad_delegation"),
    ] {
        let (owner, mut hot) = (Person::new(7), Person::new(8));
        hot.act_for(&owner, scope, times);
        let body = Order { owner: owner.address, ..order(Side::Ask, 100, EPOCH) };
        let signature = hot.sign(&market().domain().digest(&protocol::Typed::struct_hash(&body)));
        let ask = claimed(Signed { body, authority: hot.mandate.authority(signature) });
        let found = book(of(vec![ask])).map_or_else(|flaw| flaw.code(), |_| "fine");
        assert_eq!(found, expected, "{scope} {times:?}");
    }
}

/// The last epoch before a delegation ends is as good as any: the end itself is no longer covered.
#[test]
fn an_order_may_end_with_its_delegation_at_the_end_of_the_epoch() {
    let over_s = market().epoch_start_ms(EPOCH + 1) / 1000;
    let (owner, mut hot) = (Person::new(7), Person::new(8));
    hot.act_for(&owner, Scope::ALL, (0, over_s));
    let body = Order { owner: owner.address, expiry_epoch: EPOCH + 1, ..order(Side::Ask, 100, EPOCH) };
    let signature = hot.sign(&market().domain().digest(&protocol::Typed::struct_hash(&body)));
    assert!(book(of(vec![claimed(Signed { body, authority: hot.mandate.authority(signature) })])).is_ok());
}

#[test]
fn every_change_to_the_clearing_is_found() {
    let (book, honest) = proven();
    let code = |change: &dyn Fn(&mut Clearing)| {
        let mut clearing = honest.clone();
        change(&mut clearing);
        examine(&book, &clearing).and_then(|()| repeat(&book, &clearing)).map_or_else(|flaw| flaw.code(), |()| "fine")
    };
    assert_eq!(code(&|_| {}), "fine");
    assert_eq!(code(&|clearing| clearing.epoch += 1), "clearing_of_other_book");
    assert_eq!(code(&|clearing| clearing.orders += 1), "clearing_of_other_book");
    assert_eq!(code(&|clearing| clearing.sealed_root.0[0] ^= 1), "sealed_root_differs");
    assert_eq!(code(&|clearing| clearing.seed.0.0[0] ^= 1), "seed_differs");
    assert_eq!(code(&|clearing| clearing.root.0[0] ^= 1), "root_differs");
    assert_eq!(code(&|clearing| clearing.pairs[0].price.0 += 1), "root_differs");
    assert_eq!(code(&|clearing| clearing.pairs[0].ask = u32::MAX), "root_differs");
    // As careful as a forger can be: only the certificate, or clearing again, tells.
    let mended = |change: &dyn Fn(&mut Clearing)| {
        code(&|clearing| {
            change(clearing);
            clearing.root = clearing::root(&book, &clearing.seed, &clearing.pairs);
        })
    };
    let is_found = |code: &str| matches!(code, "certificate_refused" | "clearing_differs");
    assert!(is_found(mended(&|clearing| clearing.pairs[0].price.0 += 1)));
    assert!(is_found(mended(&|clearing| clearing.pairs[0].bid = u32::MAX)));
    assert!(is_found(mended(&|clearing| clearing.pairs.truncate(1))));
    assert!(is_found(mended(&|clearing| clearing.surplus.low += 1)));
}

/// Whoever wrote the file chose every number in it, also with a root that fits: all are found out, and none panics.
#[test]
fn no_number_of_a_clearing_is_taken_on_trust() {
    let (book, honest) = proven();
    let is_found = |change: &dyn Fn(&mut Clearing)| {
        let mut clearing = honest.clone();
        change(&mut clearing);
        clearing.root = clearing::root(&book, &clearing.seed, &clearing.pairs);
        clearing == honest || examine(&book, &clearing).and_then(|()| repeat(&book, &clearing)).is_err()
    };
    let fields: [fn(&mut Clearing, usize) -> &mut u32; 5] = [
        |clearing, at| &mut clearing.pairs[at].ask,
        |clearing, at| &mut clearing.pairs[at].bid,
        |clearing, at| &mut clearing.pairs[at].ask_lot,
        |clearing, at| &mut clearing.pairs[at].bid_lot,
        |clearing, at| &mut clearing.pairs[at].lots,
    ];
    for at in 0..honest.pairs.len() {
        for value in [0, 1, 2, 9, 10, 1 << 31, u32::MAX - 1, u32::MAX] {
            for field in &fields {
                assert!(is_found(&|clearing| *field(clearing, at) = value), "pair {at}, {value}");
            }
        }
        for price in [0, 1, 1 << 64, u128::MAX] {
            assert!(is_found(&|clearing| clearing.pairs[at].price = Price(price)), "pair {at}, {price}");
        }
        assert!(is_found(&|clearing| clearing.pairs.insert(at, honest.pairs[at])), "pair {at} twice");
        assert!(is_found(&|clearing| clearing.pairs.retain(|pair| *pair != honest.pairs[at])), "pair {at} left out");
    }
    assert!(is_found(&|clearing| clearing.pairs.reverse()));
    for (high, low) in [(0, 0), (0, u128::MAX), (u64::MAX, u128::MAX)] {
        assert!(is_found(&|clearing| (clearing.surplus.high, clearing.surplus.low) = (high, low)));
    }
}

//! What a deal bills in each state, and how long finished ones are kept.

use alloc::boxed::Box;

use expect_test::{Expect, expect};
use protocol::{Acknowledgement, Address, Authority, Hash, Side, Signature};

use super::{Deal, DealState, EndReason};
use crate::effect::{Effect, Refused};
use crate::input::Input;
use crate::market::Market;
use crate::world::people::{Person, capacity, draft, market, terms};
use crate::world::{START_MS, World};

/// A deal of 600 s with a minimum of 60 that started at second 1,000.
fn deal(change: impl FnOnce(&mut Deal)) -> Deal {
    let (ask, bid) = ((Hash([1; 32]), Address([1; 20])), (Hash([2; 32]), Address([2; 20])));
    let terms = terms(1, ask, bid);
    let mut deal = Deal {
        id: terms.id(&market().domain()),
        terms,
        side: Side::Bid,
        peer: Address([1; 20]),
        bought: capacity(10),
        set_aside: capacity(10),
        state: DealState::Running,
        reason: None,
        supplier: None,
        consumer: None,
        started_ms: 1_000_000,
        over_ms: 0,
        elapsed_s: 0,
        acknowledged: None,
        end: None,
        is_end_delivered: false,
        heard_ms: 1_000_000,
        beat_ms: 1_000_000,
        restored_ms: 0,
    };
    change(&mut deal);
    deal
}

fn over(deal: &mut Deal, state: DealState, reason: EndReason, elapsed_s: u64, acknowledged_s: u64) {
    (deal.state, deal.reason, deal.elapsed_s) = (state, Some(reason), elapsed_s);
    let word = Acknowledgement { deal: deal.id, elapsed_s: acknowledged_s };
    deal.acknowledged = Some((word, Box::new(Authority::own(Signature([0; 65])))));
}

#[track_caller]
fn check(at_s: u64, change: impl FnOnce(&mut Deal), expected: Expect) {
    let deal = deal(change);
    let now = at_s * 1_000;
    let cost = deal.cost_at(now).map_or(0, |amount| amount.0);
    expected.assert_eq(&alloc::format!("{} s, bills {} s, costs {cost}", deal.elapsed_at(now), deal.billed_at(now)));
}

#[test]
fn a_deal_bills_served_seconds_and_at_least_the_minimum_once_it_ran() {
    use DealState::{Cancelled, Ended, Failed, Proposed};
    use EndReason::{CancelledByConsumer, ConsumerSilent, FailedBySupplier, RanOut};
    check(1_005, |_| {}, expect!["5 s, bills 60 s, costs 6000"]);
    check(1_100, |_| {}, expect!["100 s, bills 100 s, costs 10000"]);
    check(9_999, |_| {}, expect!["600 s, bills 600 s, costs 60000"]);
    check(900, |_| {}, expect!["0 s, bills 60 s, costs 6000"]);
    check(1_005, |deal| (deal.state, deal.started_ms) = (Proposed, 0), expect!["0 s, bills 0 s, costs 0"]);
    check(5_000, |deal| over(deal, Cancelled, CancelledByConsumer, 7, 5), expect!["7 s, bills 60 s, costs 6000"]);
    check(5_000, |deal| over(deal, Ended, RanOut, 600, 599), expect!["600 s, bills 600 s, costs 60000"]);
    check(5_000, |deal| over(deal, Failed, FailedBySupplier, 300, 200), expect!["300 s, bills 200 s, costs 20000"]);
    check(5_000, |deal| over(deal, Failed, ConsumerSilent, 260, 200), expect!["260 s, bills 260 s, costs 26000"]);
    check(5_000, |deal| over(deal, Failed, ConsumerSilent, 260, u64::MAX), expect!["260 s, bills 600 s, costs 60000"]);
    check(
        5_000,
        |deal| {
            over(deal, Cancelled, CancelledByConsumer, 0, 0);
            deal.started_ms = 0;
        },
        expect!["0 s, bills 0 s, costs 0"],
    );
}

#[test]
fn a_task_is_served_to_the_consumer_alone_while_the_deal_runs() {
    let (consumer, stranger) = (Address([2; 20]), Address([3; 20]));
    let sold = deal(|deal| deal.side = Side::Ask);
    assert!(sold.serves(&consumer, 1_599_999));
    assert!(!sold.serves(&consumer, 1_600_000));
    assert!(!sold.serves(&stranger, 1_100_000));
    assert!(!deal(|_| {}).serves(&consumer, 1_100_000));
}

fn remembered(count: u32, age_ms: u64) -> usize {
    let mut machine = Market::new(market(), Person::new(0).address);
    let deals = (0..count).map(|number| {
        deal(|deal| {
            over(deal, DealState::Ended, EndReason::RanOut, 600, 600);
            deal.id.0[..4].copy_from_slice(&number.to_be_bytes());
            deal.over_ms = START_MS - age_ms + u64::from(number);
        })
    });
    machine.handle(Input::Restore { kept: alloc::vec![], standings: alloc::vec![], deals: deals.collect() }, START_MS);
    for offset in [0, 2_000] {
        machine.handle(Input::Tick, START_MS + offset);
    }
    machine.deals().count()
}

#[test]
fn finished_deals_are_forgotten_after_a_day_or_above_a_bound() {
    assert_eq!(remembered(10, 80_000_000), 10);
    assert_eq!(remembered(10, 86_500_000), 0);
    assert_eq!(remembered(10_050, 80_000_000), 10_000);
}

/// A user was left without an answer when the key was so slow that the deal was over and forgotten by then.
#[test]
fn who_ends_a_deal_is_answered_even_if_it_is_forgotten_before_the_end_is_signed() {
    let mut machine = Market::new(market(), Address([2; 20]));
    let running = deal(|deal| (deal.started_ms, deal.heard_ms) = (START_MS, START_MS));
    let id = running.id;
    machine.handle(
        Input::Restore { kept: alloc::vec![], standings: alloc::vec![], deals: alloc::vec![running] },
        START_MS,
    );
    machine.handle(Input::Tick, START_MS);
    let effects = machine.handle(Input::EndDeal { user: 7, deal: id }, START_MS);
    let Some(Effect::Sign { ticket, .. }) = effects.last() else { panic!("{effects:?}") };
    for later_ms in [700_000, 100_000_000] {
        machine.handle(Input::Tick, START_MS + later_ms);
    }
    assert!(machine.deal(&id).is_none());
    let signed = Input::Signed { ticket: *ticket, signature: Signature([1; 65]) };
    let effects = machine.handle(signed, START_MS + 100_000_000);
    assert!(matches!(effects[..], [Effect::Answer { user: 7, answer: Err(Refused::DealOver) }]), "{effects:?}");
}

#[test]
fn a_deal_that_a_standing_bid_counts_is_not_forgotten() {
    let mut world = World::new(2, 1);
    world.place(0, draft(Side::Ask, 100));
    let mut wish = draft(Side::Bid, 100);
    wish.lots = 2;
    world.place(1, wish);
    let deal = world.strike(1);
    world.end_deal(1, deal.id).unwrap();
    // The lots are offered in a new version, and the old one leaves the book.
    world.run(6_000);
    let later = world.now + 90_000_000;
    world.peers[1].market.forget_deals(later);
    assert!(world.peers[1].market.deal(&deal.id).is_some());
    world.peers[0].market.forget_deals(later);
    assert!(world.peers[0].market.deal(&deal.id).is_none());
}

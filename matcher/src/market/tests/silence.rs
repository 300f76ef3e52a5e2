//! Crashes and partitions in the middle of deals.

use alloc::vec;
use alloc::vec::Vec;

use protocol::Side;
use protocol::talk::Request;

use crate::deals::{DealState, EndReason};
use crate::world::World;
use crate::world::people::{draft, market};

#[test]
fn a_silent_supplier_is_noticed_in_time_and_the_bid_trades_with_another() {
    let mut world = World::new(3, 1);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 150));
    let deal = world.strike(1);
    world.place(2, draft(Side::Ask, 120));
    world.run(5_000);
    world.crash(0);
    let crashed = world.now;
    assert!(world.run_until(10_000, |world| world.running(1) == 0));
    let noticed = world.now - crashed;
    assert!(noticed <= market().silence_ms() + 50, "noticed after {noticed} ms");
    let failed = world.peers[1].market.deal(&deal.id).unwrap();
    assert_eq!((failed.state, failed.reason), (DealState::Failed, Some(EndReason::SupplierSilent)));
    assert!(failed.billed_at(world.now) <= failed.elapsed_s && failed.elapsed_s >= 4);
    let next = world.strike(1);
    assert_eq!(next.terms.supplier(), world.peers[2].person.address);
}

#[test]
fn a_supplier_that_comes_back_has_its_order_and_its_deal_and_hears_that_it_is_over() {
    let mut world = World::new(2, 2);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 100));
    let deal = world.strike(1);
    world.run(2_000);
    world.crash(0);
    world.run(10_000);
    assert_eq!(world.states(1), vec![(DealState::Failed, Some(EndReason::SupplierSilent))]);
    world.restart(0);
    assert_eq!(world.deal(0, DealState::Running).id, deal.id);
    assert_eq!(world.peers[0].market.standings().count(), 1);
    world.run(200);
    assert_eq!(world.states(0), vec![(DealState::Cancelled, Some(EndReason::CancelledByConsumer))]);
    assert!(world.peers[1].market.deal(&deal.id).unwrap().is_end_delivered);
    assert!(
        world.run_until(6_000, |world| world.running(0) == 1 && world.running(1) == 1),
        "its lots are on offer again"
    );
}

#[test]
fn a_short_crash_of_the_supplier_ends_nothing() {
    let mut world = World::new(2, 3);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 100));
    world.strike(1);
    for _ in 0..4 {
        world.run(30_000);
        world.crash(0);
        world.run(1_000);
        world.restart(0);
    }
    world.run(5_000);
    assert_eq!((world.running(0), world.running(1)), (1, 1));
}

#[test]
fn a_supplier_fails_the_deal_of_a_consumer_that_is_silent_for_a_billing_period() {
    let mut world = World::new(2, 4);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 100));
    world.strike(0);
    world.run(10_500);
    world.crash(1);
    world.run(58_000);
    assert_eq!(world.running(0), 1);
    world.run(4_000);
    assert_eq!(world.states(0), vec![(DealState::Failed, Some(EndReason::ConsumerSilent))]);
    let failed = world.deal(0, DealState::Failed);
    assert!((69..=71).contains(&failed.billed_at(world.now)), "the last word and one period");
    world.restart(1);
    world.run(1_000);
    assert_eq!(world.states(1), vec![(DealState::Failed, Some(EndReason::FailedBySupplier))]);
}

/// A consumer that sends heartbeats but acknowledges nothing kept its supplier working for nothing.
#[test]
fn a_consumer_that_beats_but_acknowledges_nothing_is_silent() {
    let mut world = World::new(2, 5);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 100));
    let deal = world.strike(0);
    world.crash(1);
    let consumer = world.peers[1].person.clone();
    for _ in 0..70 {
        let word = protocol::Acknowledgement { deal: deal.id, elapsed_s: 0 };
        let digest = market().domain().digest(&protocol::Typed::struct_hash(&word));
        let request = Request::Heartbeat { deal: deal.id, acknowledgement: Some((word, consumer.authority(&digest))) };
        let (from, token) = (consumer.address, 0);
        let effects =
            world.peers[0].market.handle(crate::Input::Asked { from, token, request: request.into() }, world.now);
        for effect in effects {
            if let crate::Effect::Recover { ticket, .. } = effect {
                world.input(0, crate::Input::Recovered { ticket, verdicts: vec![true] });
            }
        }
        world.run(1_000);
    }
    assert_eq!(world.states(0), vec![(DealState::Failed, Some(EndReason::ConsumerSilent))]);
}

#[test]
fn the_end_of_a_deal_is_told_again_until_it_is_heard() {
    let mut world = World::new(2, 6);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 100));
    let deal = world.strike(1);
    world.cut(0, 1);
    world.end_deal(1, deal.id).unwrap();
    world.run(1_000);
    assert_eq!(world.running(0), 1);
    // The network comes back without anyone being told.
    world.uncut(0, 1);
    assert!(world.run_until(15_000, |world| world.running(0) == 0));
    world.run(100);
    assert!(world.peers[1].market.deal(&deal.id).unwrap().is_end_delivered);
}

#[test]
fn a_supplier_that_ends_a_moment_earlier_has_not_failed() {
    for seed in 0..20 {
        let mut world = World::new(2, 100 + seed);
        world.faults.delay_ms = 400;
        let mut wish = draft(Side::Ask, 100);
        wish.duration_max_s = 13;
        world.place(0, wish);
        world.place(1, draft(Side::Bid, 100));
        if world.run_until(10_000, |world| world.running(1) > 0) {
            world.run(15_000);
            assert_eq!(world.states(1), vec![(DealState::Ended, Some(EndReason::RanOut))], "seed {seed}");
        }
    }
}

#[test]
fn a_consumer_that_restarts_does_not_offer_proposed_lots_again_before_they_are_free() {
    let mut world = World::new(3, 7);
    world.place(0, draft(Side::Ask, 100));
    let mut wish = draft(Side::Bid, 150);
    wish.lots = 1;
    world.place(1, wish);
    world.cut(0, 1);
    assert!(world.run_until(10_000, |world| world.peers[1].market.deals().any(|deal| deal.consumer.is_some())));
    let proposed = world.deal(1, DealState::Proposed);
    world.crash(1);
    world.restart(1);
    world.place(2, draft(Side::Ask, 100));
    let free_ms = proposed.terms.open_before * 1000;
    world.run(free_ms - world.now - 100);
    assert_eq!(world.states(1), vec![(DealState::Proposed, None)], "bound until `open_before`");
    world.run(200);
    assert_eq!(world.states(1), vec![(DealState::Failed, Some(EndReason::NotCountersigned))]);
    let next = world.strike(1);
    assert_eq!(next.terms.supplier(), world.peers[2].person.address, "the silent supplier is left out");
}

/// The consumer gave up waiting, the supplier had signed all the same: it worked unpaid for a billing period.
#[test]
fn a_deal_that_is_struck_after_it_was_given_up_is_cancelled_at_once() {
    let mut world = World::new(3, 8);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 100));
    // The supplier signs; its answer and its gossip are lost.
    world.run_to_epoch(0);
    world.mute.insert(0);
    world.run(1_000);
    assert_eq!((world.running(0), world.running(1)), (1, 0));
    let id = world.deal(0, DealState::Running).id;
    world.run(31_000);
    assert_eq!(world.peers[1].market.deal(&id).unwrap().state, DealState::Failed);
    world.mute.clear();
    world.heal();
    world.run(300);
    let states: Vec<_> = world.states(0).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [DealState::Cancelled]);
}

#[test]
fn a_supplier_that_failed_a_bid_is_left_out_for_a_while_and_then_asked_again() {
    let mut world = World::new(3, 11);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 150));
    world.strike(1);
    world.place(2, draft(Side::Ask, 120));
    world.crash(0);
    world.run(10_000);
    world.restart(0);
    let next = world.strike(1);
    assert_eq!(next.terms.supplier(), world.peers[2].person.address, "the cheaper one failed");
    world.run(650_000);
    world.place(1, draft(Side::Bid, 150));
    let last = world.strike(1);
    assert_eq!(last.terms.supplier(), world.peers[0].person.address, "it is asked again");
}

/// In small markets that were parted for some seconds nobody dealt with anybody for ten minutes.
#[test]
fn a_supplier_that_failed_is_asked_again_at_once_where_there_is_no_other() {
    let mut world = World::new(2, 12);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 150));
    world.strike(1);
    world.crash(0);
    world.run(10_000);
    world.restart(0);
    assert!(world.run_until(10_000, |world| world.running(1) == 1));
}

/// Two nodes once held different books for minutes because a link of the gossip mesh was never grafted: nobody saw it.
#[test]
fn what_gossip_dropped_silently_is_caught_up_without_a_new_connection() {
    let mut world = World::new(3, 12);
    world.heal();
    world.run_to_epoch(100);
    for other in [1, 2] {
        world.sever(0, other);
    }
    world.place(0, draft(Side::Ask, 100));
    world.run(500);
    for other in [1, 2] {
        world.uncut(0, other);
        assert_eq!(world.book(other).len(), 0);
    }
    let is_equal = |world: &World| (1..3).all(|other| world.book(other) == world.book(0) && !world.book(0).is_empty());
    assert!(world.run_until(45_000, is_equal));
}

/// Epochs with four consumers and four suppliers, and perhaps one more that is cheaper than all, offers enough for
/// everyone, and of whom nothing is ever heard: deals that the consumers have in the end, and epochs that these ran.
fn bought_beside(is_silent_there: bool) -> (usize, usize) {
    let mut world = World::new(9, 21);
    if is_silent_there {
        let mut lure = draft(Side::Ask, 1);
        lure.lots = 10;
        world.place(0, lure);
    }
    for supplier in 1..5 {
        world.place(supplier, draft(Side::Ask, 100));
    }
    world.run(500);
    world.mute.insert(0);
    for consumer in 5..9 {
        world.place(consumer, draft(Side::Bid, 150));
    }
    let mut ran = 0;
    for _ in 0..50 {
        world.run_to_epoch(0);
        ran += (5..9).map(|consumer| world.running(consumer)).sum::<usize>();
    }
    ((5..9).map(|consumer| world.running(consumer)).sum(), ran)
}

#[test]
fn a_cheap_silent_supplier_costs_every_bid_the_time_of_one_proposal_and_no_deal() {
    let ((deals, ran), (without, ran_without)) = (bought_beside(true), bought_beside(false));
    assert_eq!((deals, without), (4, 4));
    // Fifteen epochs are the window in which a deal must be opened; two more, the new version and its clearing.
    assert!((4 * 14..=4 * 18).contains(&(ran_without - ran)), "{ran} epochs of deals instead of {ran_without}");
}

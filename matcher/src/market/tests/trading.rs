//! From a placed order to a running deal, and what every peer sees of it.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Price, Side};

use crate::deals::{DealState, EndReason};
use crate::effect::{Answer, Event};
use crate::world::World;
use crate::world::people::draft;

#[test]
fn a_bid_and_an_ask_become_a_deal_that_both_sign_and_run() {
    let mut world = World::new(3, 1);
    let ask = world.place(0, draft(Side::Ask, 100));
    let bid = world.place(1, draft(Side::Bid, 150));
    let bought = world.strike(1);
    let sold = world.strike(0);
    assert_eq!((bought.id, &bought.terms), (sold.id, &sold.terms));
    assert_eq!((sold.terms.ask.id, sold.terms.bid.id, sold.terms.price), (ask, bid, Price(100)));
    let (here, there) = (bought.struck().unwrap(), sold.struck().unwrap());
    assert_eq!(here, there);
    world.run(100);
    for peer in 0..3 {
        assert!(world.peers[peer].market.book().fills().deal(&sold.id).is_some());
        assert_eq!(world.offer(peer, 0, Side::Ask), Some((0, 100)), "the lots are off every book");
        let is_struck = |event: &&Event| matches!(event, Event::Struck { .. });
        assert_eq!(world.peers[peer].told.iter().filter(is_struck).count(), 1);
    }
}

#[test]
fn five_peers_clear_equal_roots() {
    let mut world = World::new(5, 2);
    for peer in 0..5 {
        let side = if peer % 2 == 0 { Side::Ask } else { Side::Bid };
        let mut wish = draft(side, if side == Side::Ask { 100 + peer as u128 } else { 200 });
        wish.lots = 3;
        world.place(peer, wish);
        world.run(300);
    }
    for _ in 0..5 {
        world.run_to_epoch(100);
        let roots: Vec<_> = (0..5).map(|peer| world.root(peer)).collect();
        assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
    }
    let deals: Vec<_> = (0..5).map(|peer| world.running(peer)).collect();
    assert_eq!(deals, [1, 1, 1, 1, 0], "the two bids take the two cheapest asks");
}

#[test]
fn the_consumer_pays_the_elapsed_seconds_and_at_least_the_minimum() {
    for (wait_ms, billed) in [(5_000, 60), (90_000, 90)] {
        let mut world = World::new(2, 3);
        world.place(0, draft(Side::Ask, 100));
        world.place(1, draft(Side::Bid, 100));
        let deal = world.strike(1);
        world.run(wait_ms);
        let Ok(Answer::DealOver(over)) = world.end_deal(1, deal.id) else { panic!("not over") };
        assert_eq!(over.state, DealState::Cancelled);
        assert!(over.billed_at(world.now).abs_diff(billed) <= 1, "{}", over.billed_at(world.now));
        world.run(200);
        let sold = world.deal(0, DealState::Cancelled);
        assert_eq!(sold.reason, Some(EndReason::CancelledByConsumer));
        assert_eq!(sold.billed_at(world.now), over.billed_at(world.now));
        assert!(world.peers[1].market.deal(&deal.id).unwrap().is_end_delivered);
    }
}

#[test]
fn a_cancelled_deal_gives_the_lots_back_to_the_ask_and_none_to_the_bid() {
    let mut world = World::new(3, 4);
    let mut wish = draft(Side::Ask, 100);
    wish.lots = 4;
    world.place(0, wish);
    world.place(1, draft(Side::Bid, 100));
    let deal = world.strike(1);
    world.run(2_000);
    assert_eq!(world.offer(2, 0, Side::Ask), Some((3, 100)));
    world.end_deal(1, deal.id).unwrap();
    world.run(2_000);
    assert_eq!(world.offer(2, 0, Side::Ask), Some((4, 100)), "the ask offers all lots again, as a new version");
    world.run(10_000);
    assert_eq!(world.states(1), vec![(DealState::Cancelled, Some(EndReason::CancelledByConsumer))]);
}

#[test]
fn a_deal_runs_out_on_both_sides_without_a_word() {
    let mut world = World::new(2, 5);
    let mut wish = draft(Side::Ask, 100);
    wish.duration_max_s = 20;
    world.place(0, wish);
    world.place(1, draft(Side::Bid, 100));
    let deal = world.strike(1);
    assert_eq!(deal.terms.duration_s, 20);
    world.run(21_000);
    for peer in 0..2 {
        assert_eq!(world.states(peer), vec![(DealState::Ended, Some(EndReason::RanOut))]);
        assert_eq!(world.deal(peer, DealState::Ended).elapsed_s, 20);
    }
    world.run(5_000);
    assert_eq!(world.states(1).len(), 1, "a served bid does not trade again");
    assert_eq!(world.offer(1, 0, Side::Ask), Some((1, 100)));
}

#[test]
fn a_cancel_empties_the_slot_on_every_peer_and_one_for_the_next_epoch_leaves_the_running_one() {
    let mut world = World::new(3, 6);
    world.run_to_epoch(100);
    let ask = world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 90));
    // In the guard, what is signed counts for the next epoch.
    world.run(1_400);
    world.withdraw(0, ask).unwrap();
    world.run(100);
    let running = world.peers[0].market.parameters().epoch_at(world.now);
    for peer in 0..3 {
        let book = world.peers[peer].market.book();
        assert_eq!(book.seal(running).asks.len(), 1);
        assert_eq!(book.seal(running + 1).asks.len(), 0);
    }
    world.run_to_epoch(100);
    assert!((0..3).all(|peer| world.peers[peer].market.clearing(running).unwrap().orders == 2));
    world.run_to_epoch(100);
    assert!((0..3).all(|peer| world.peers[peer].market.clearing(running + 1).unwrap().orders == 1));
}

#[test]
fn an_order_of_the_guard_takes_part_from_the_next_epoch_on() {
    let mut world = World::new(2, 7);
    world.run_to_epoch(1_500);
    let guarded = world.try_place(0, draft(Side::Ask, 100)).unwrap();
    let running = world.peers[0].market.parameters().epoch_at(world.now);
    assert!(matches!(guarded, Answer::Placed { from_epoch, .. } if from_epoch == running + 1));
    world.run_to_epoch(100);
    let prompt = world.try_place(1, draft(Side::Bid, 100)).unwrap();
    assert!(matches!(prompt, Answer::Placed { from_epoch, .. } if from_epoch == running + 1));
    assert_eq!(world.peers[0].market.clearing(running).unwrap().orders, 0);
    world.run_to_epoch(100);
    assert_eq!(world.peers[0].market.clearing(running + 1).unwrap().matches.len(), 1);
}

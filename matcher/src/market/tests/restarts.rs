//! A killed machine and its disk: the replicated set comes back as it was, without a signature recovered, and what is
//! of no use any more leaves the disk.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use protocol::talk::Item;
use protocol::{Address, Hash, Rejected, Side};

use crate::book::{Change, Kept};
use crate::effect::{Effect, Topic};
use crate::input::Input;
use crate::market::Market;
use crate::world::disk::Disk;
use crate::world::people::{Person, deal_message, draft, market, order, orders_message, struck, terms};
use crate::world::{START_MS, World};

fn ids(world: &World, peer: usize) -> BTreeSet<Hash> {
    world.peers[peer].market.book().kept_ids().copied().collect()
}

/// Everything that can be kept, heard by the peer 2: orders, a cancel, the deal of two peers, and a proof.
fn everything(seed: u64) -> World {
    let mut world = World::new(3, seed);
    let mut wish = draft(Side::Ask, 100);
    wish.lots = 3;
    world.place(0, wish);
    let gone = world.place(0, draft(Side::Bid, 50));
    let mut wish = draft(Side::Bid, 150);
    wish.lots = 2;
    world.place(1, wish);
    world.withdraw(0, gone).unwrap();
    world.strike(1);
    let [thief, one, other] = [100, 101, 102].map(Person::new);
    let epoch = market().epoch_at(world.now);
    for (number, consumer) in [(2, &one), (3, &other)] {
        let mut terms = terms(epoch, (Hash([1; 32]), thief.address), (Hash([number; 32]), consumer.address));
        terms.open_before = world.now / 1000 + 30;
        world.gossip(1, 2, Topic::Deals, deal_message(struck(&terms, &thief, consumer)));
    }
    world.run(500);
    let book = world.peers[2].market.book();
    let cancels = book.heads_after(None).filter(|head| head.order().is_none()).count();
    assert!(cancels > 0 && book.len() > cancels);
    assert_eq!((book.fills().len(), book.proofs().all().count()), (3, 1));
    world
}

/// A machine that was given what is on a disk, and what it wants.
fn restored(disk: &Disk, now: u64) -> (Market, Vec<Effect>) {
    let mut machine = Market::new(market(), Person::new(2).address);
    let effects = machine.handle(disk.read(), now);
    (machine, effects)
}

#[test]
fn a_killed_peer_comes_back_with_the_same_set_and_seals_the_same() {
    for seed in 0..5 {
        let mut world = everything(seed);
        world.run_to_epoch(500);
        let before = ids(&world, 2);
        world.crash(2);
        // Nobody is there to ask.
        (0..2).for_each(|other| world.cut(2, other));
        world.restart(2);
        assert_eq!(ids(&world, 2), before, "seed {seed}");
        let (machine, effects) = restored(&world.peers[2].disk, world.now);
        assert!(effects.is_empty(), "nothing to recover, to write or to tell: {effects:?}");
        assert_eq!(machine.book().kept_ids().copied().collect::<BTreeSet<_>>(), before);
        world.run_to_epoch(100);
        assert_eq!(world.root(2), world.root(0), "seed {seed}");
        assert_eq!(world.peers[2].disk.kept_ids(), ids(&world, 2).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_peer_that_lost_its_disk_begins_with_nothing() {
    let mut world = everything(7);
    world.crash(2);
    (0..2).for_each(|other| world.cut(2, other));
    world.peers[2].disk = Disk::default();
    world.restart(2);
    assert_eq!(ids(&world, 2), BTreeSet::new());
}

#[test]
fn the_last_changes_that_a_crash_loses_come_back_from_peers() {
    for lag in [1, 2, 3, 5, 8, 1_000] {
        let mut world = World::new(3, 40 + lag as u64);
        world.peers[2].disk.lag = lag;
        world.place(0, draft(Side::Ask, 100));
        world.place(1, draft(Side::Bid, 150));
        let gone = world.place(0, draft(Side::Bid, 50));
        world.strike(1);
        world.withdraw(0, gone).unwrap();
        world.run(500);
        let before = ids(&world, 2);
        world.crash(2);
        world.restart(2);
        assert_ne!(ids(&world, 2), before, "a lag of {lag} lost something");
        world.run(500);
        assert_eq!(ids(&world, 2), before, "lag {lag}");
        world.run_to_epoch(100);
        world.run_to_epoch(100);
        assert_eq!(world.root(2), world.root(0), "lag {lag}");
    }
}

#[test]
fn what_expired_while_the_node_was_down_leaves_the_disk_and_takes_no_room() {
    let mut world = everything(9);
    let before: Vec<Hash> = world.peers[2].disk.kept_ids();
    world.crash(2);
    // Orders live an hour here, deals 60 epochs longer, proofs for two weeks.
    let later = world.now + 4_000_000;
    let (machine, effects) = restored(&world.peers[2].disk, later);
    let proofs: Vec<Hash> = machine.book().proofs().ids().copied().collect();
    assert_eq!((machine.book().len(), machine.book().fills().len(), proofs.len()), (0, 0, 1));
    let gone = before.into_iter().filter(|id| !proofs.contains(id)).map(Change::Out).collect::<Vec<_>>();
    let [Effect::Keep(changes)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*changes, gone);
    let (machine, _) = restored(&world.peers[2].disk, world.now + 2_000_000_000);
    assert_eq!(machine.book().kept_ids().count(), 0);
}

#[test]
fn of_two_heads_of_a_slot_and_above_the_bound_the_same_ones_win_as_on_arrival() {
    let owner = Person::new(50);
    let epoch = market().epoch_at(START_MS);
    let entry = |slot: u16, version: u64| {
        let mut ask = order(Side::Ask, 100, epoch);
        (ask.slot, ask.version) = (slot, version);
        ask.expiry_epoch += u64::from(slot);
        owner.entry(ask)
    };
    let mut parameters = market();
    parameters.heads_max = 3;
    // A crash between two changes left version 1 beside version 2; slot 3 is one too many, slot 4 is long over.
    let [older, newer, second, third, surplus] =
        [(0, 1), (0, 2), (1, 1), (2, 1), (3, 1)].map(|(slot, version)| entry(slot, version));
    let mut over = order(Side::Ask, 100, epoch - 200);
    over.slot = 4;
    let entries = [older, newer, second, third, surplus, owner.entry(over)];
    let kept = |entry: &protocol::Entry| (entry.id(&parameters.domain()), Item::Entry(entry.clone()));
    let mut machine = Market::new(parameters.clone(), Person::new(0).address);
    let mut all: Vec<_> = entries.iter().map(kept).collect();
    all.sort_by_key(|(id, _)| *id);
    let effects = machine.handle(Input::Restore { kept: all, standings: vec![], deals: vec![] }, START_MS);
    let slots: Vec<_> = machine.book().heads_after(None).map(|head| head.entry.place()).collect();
    assert_eq!(slots, [(owner.address, 0, 2), (owner.address, 1, 1), (owner.address, 2, 1)]);
    let mut gone = [&entries[0], &entries[4], &entries[5]].map(|entry| kept(entry).0);
    gone.sort_unstable();
    let [Effect::Keep(changes)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*changes, gone.map(Change::Out));
}

#[test]
fn own_offers_are_spread_again_though_the_book_has_them_already() {
    let mut world = World::new(2, 3);
    let id = world.place(0, draft(Side::Ask, 100));
    world.crash(0);
    world.crash(1);
    world.peers[1].disk = Disk::default();
    let effects = Market::new(market(), Person::new(0).address).handle(world.peers[0].disk.read(), world.now);
    let is_published = |effect: &Effect| matches!(effect, Effect::Publish { topic: Topic::Orders, .. });
    assert!(effects.iter().any(is_published), "{effects:?}");
    world.restart(1);
    world.restart(0);
    world.run(200);
    assert_eq!(world.book(1), [id]);
    assert!(world.withdraw(0, id).is_ok());
}

#[test]
fn what_was_stored_by_the_books_rules_alone_is_told_once_it_changes() {
    let mut world = World::new(2, 5);
    let stranger = Person::new(60);
    let epoch = market().epoch_at(world.now);
    let entry = stranger.entry(order(Side::Bid, 80, epoch));
    world.gossip(0, 1, Topic::Orders, orders_message(core::slice::from_ref(&entry)));
    world.crash(1);
    let (mut machine, effects) = restored(&world.peers[1].disk, world.now);
    assert!(effects.is_empty());
    let cancel = stranger.cancel(0, 2, (epoch, epoch + 200));
    machine.admit(cancel.clone()).unwrap();
    let effects = machine.handle(Input::Tick, world.now);
    let [Effect::Tell(_), Effect::Keep(changes)] = &effects[..] else { panic!("{effects:?}") };
    let domain = market().domain();
    let ids = [cancel.id(&domain), entry.id(&domain)];
    assert!(matches!(&changes[..], [Change::In(new, Kept::Head(_)), Change::Out(old)] if [*new, *old] == ids));
    assert_eq!(machine.admit(entry).unwrap_err(), Rejected::Stale);
    assert_eq!(machine.book().top_version(stranger.address, 0), 2);
    assert_eq!(machine.book().top_version(Address::ZERO, 0), 0);
}

//! Own offers: what may be placed, how they are renewed, mended, withdrawn and brought back.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use expect_test::{Expect, expect};
use protocol::{Address, Capacity, Entry, Identity, Price, Side};

use crate::effect::{Answer, Refused};
use crate::input::{Draft, Input};
use crate::market::Market;
use crate::world::World;
use crate::world::disk::Disk;
use crate::world::people::{Person, draft, market};

/// What a user is told who places the default ask with a change.
#[track_caller]
fn check(change: impl FnOnce(&mut Draft), expected: Expect) {
    let mut world = World::new(1, 1);
    let mut wish = draft(Side::Ask, 100);
    wish.lots = 10;
    change(&mut wish);
    let answer = match world.try_place(0, wish) {
        Ok(_) => "placed".to_string(),
        Err(refused) => [refused.code(), ": ", &refused.to_string()].concat(),
    };
    expected.assert_eq(&answer);
}

#[test]
fn what_cannot_be_placed_is_refused_with_a_reason() {
    check(|_| {}, expect!["placed"]);
    check(|wish| wish.price = Price(0), expect!["price_zero: the price is zero"]);
    check(|wish| wish.lots = 0, expect!["bad_lots: the number of lots is zero or too large"]);
    check(|wish| wish.lots = u32::MAX, expect!["bad_lots: the number of lots is zero or too large"]);
    check(
        |wish| wish.lots = 11,
        expect!["beyond_measured: cpu.hash=110Mhash/s is more than was measured (cpu.hash=100Mhash/s)"],
    );
    check(|wish| wish.price = Price(u128::MAX), expect!["too_large: larger than the market allows"]);
    check(|wish| wish.life_s = 0, expect!["bad_life: the life of the order is empty or longer than the market allows"]);
    check(|wish| wish.life_s = u32::MAX, expect!["placed"]);
    check(|wish| wish.duration_min_s = 601, expect!["bad_duration: the durations do not fit"]);
    check(
        |wish| wish.excluded = vec![Person::new(0).address],
        expect!["bad_exclusions: the exclusions are too many, unsorted, or name the owner"],
    );
    check(
        |wish| wish.counterparty = Person::new(0).address,
        expect!["bad_parties: owner or counterparty does not make sense"],
    );
    check(|wish| wish.identity_min = Identity::Registered, expect!["bad_flags: unknown flags"]);
    check(
        |wish| wish.capacity = Capacity::default(),
        expect!["bad_capacity: the capacity is empty, unsorted, unrounded or names an unknown metric"],
    );
}

#[test]
fn nothing_is_sold_before_it_is_measured() {
    let mut machine = Market::new(market(), Person::new(0).address);
    let effects = machine.handle(Input::Place { user: 7, draft: draft(Side::Ask, 1).into() }, 1_000_000);
    assert!(matches!(effects[..], [crate::Effect::Answer { user: 7, answer: Err(Refused::NotMeasured) }]));
}

#[test]
fn an_owner_has_64_slots_and_a_withdrawn_one_is_used_again_for_an_order_that_outlives_it() {
    let mut world = World::new(1, 2);
    let ids: Vec<_> = (0..64).map(|_| world.place(0, draft(Side::Bid, 100))).collect();
    assert_eq!(world.try_place(0, draft(Side::Bid, 100)), Err(Refused::NoFreeSlot(64)));
    assert_eq!(world.withdraw(0, ids[9]), Ok(Answer::Withdrawn { slot: 9 }));
    assert_eq!(world.withdraw(0, ids[9]), Err(Refused::UnknownOrder));
    let mut short = draft(Side::Bid, 100);
    short.life_s = 60;
    assert_eq!(world.try_place(0, short), Err(Refused::NoFreeSlot(64)), "the empty head would outlive it");
    world.run(4_000);
    assert!(matches!(world.try_place(0, draft(Side::Bid, 100)), Ok(Answer::Placed { slot: 9, .. })));
}

#[test]
fn an_offer_is_renewed_before_it_expires_and_not_after_it_is_withdrawn() {
    for life_s in [2, 5, 60] {
        let mut world = World::new(2, 3);
        let mut wish = draft(Side::Ask, 100);
        wish.life_s = life_s;
        world.place(0, wish.clone());
        world.run_to_epoch(100);
        for _ in 0..75 {
            world.run_to_epoch(100);
            let orders = world.peers[1].market.clearings().next_back().unwrap().orders;
            assert_eq!(orders, 1, "life of {life_s} s");
        }
        let versions = world.peers[0].market.standings().next().unwrap().version_and_expiry().0;
        assert!(versions > world.now - 60_000);
        let id = world.peers[0].market.standings().next().unwrap().id;
        world.withdraw(0, id).unwrap();
        world.run(130_000);
        assert_eq!(world.offer(1, 0, Side::Ask), None);
        assert!(world.book(0).is_empty() && world.book(1).is_empty());
        assert_eq!(world.peers[0].market.standings().count(), 0);
    }
}

#[test]
fn an_offer_that_is_not_renewed_ends_when_it_said_also_after_a_deal() {
    let mut world = World::new(2, 4);
    let mut wish = draft(Side::Ask, 100);
    (wish.is_renewed, wish.life_s) = (false, 60);
    world.place(0, wish);
    world.place(1, draft(Side::Bid, 100));
    let deal = world.strike(1);
    world.end_deal(1, deal.id).unwrap();
    world.run(3_000);
    assert_eq!(world.offer(1, 0, Side::Ask), Some((1, 100)));
    world.run(62_000);
    assert_eq!(world.offer(1, 0, Side::Ask), None);
    assert_eq!(world.peers[0].market.standings().count(), 0);
}

#[test]
fn old_deals_do_not_count_against_a_new_wish_in_the_same_slot() {
    let mut world = World::new(2, 5);
    let mut wish = draft(Side::Bid, 100);
    wish.life_s = 60;
    let bid = world.place(1, wish);
    world.place(0, draft(Side::Ask, 100));
    let deal = world.strike(1);
    world.withdraw(1, bid).unwrap();
    world.end_deal(1, deal.id).unwrap();
    world.run(70_000);
    assert!(matches!(world.try_place(1, draft(Side::Bid, 100)), Ok(Answer::Placed { slot: 0, .. })));
    let standing = world.peers[1].market.standings().next().unwrap();
    assert_eq!(world.peers[1].market.open_lots(standing), 1);
    assert_ne!(world.strike(1).id, deal.id);
}

#[test]
fn a_restart_brings_own_offers_back_and_versions_never_go_down() {
    let mut world = World::new(3, 6);
    world.place(0, draft(Side::Ask, 100));
    world.run(100);
    let before = world.peers[0].market.standings().next().unwrap().clone();
    world.crash(0);
    // Nobody else has it either: only its disk does.
    for peer in 1..3 {
        world.crash(peer);
        world.peers[peer].disk = Disk::default();
        world.restart(peer);
    }
    world.run(500);
    assert!(world.book(1).is_empty());
    world.restart(0);
    world.run(500);
    assert_eq!(world.book(1), [before.id]);
    let id = world.peers[0].market.standings().next().unwrap().id;
    world.withdraw(0, id).unwrap();
    let after = world.peers[0].market.standings().next().unwrap();
    assert!(after.version_and_expiry().0 > before.version_and_expiry().0 && after.is_withdrawn);
}

#[test]
fn a_node_that_lost_its_disk_signs_above_what_others_remember() {
    let mut world = World::new(1, 7);
    let owner = world.peers[0].person.clone();
    let epoch = market().epoch_at(world.now);
    let slots = market().slots_per_owner;
    let old_version = world.now + 1_000_000;
    let old = |slot: u16| {
        let mut old = crate::world::people::order(Side::Bid, 100, epoch);
        (old.slot, old.version) = (slot, old_version);
        owner.entry(old)
    };
    let old: Vec<Entry> = (0..slots).map(old).collect();
    world.teach(0, &old);
    world.place(0, draft(Side::Bid, 100));
    let standing = world.peers[0].market.standings().next().unwrap();
    assert_eq!(standing.version_and_expiry().0, old_version + 1);
}

#[test]
fn of_too_many_suppliers_that_failed_it_a_bid_leaves_out_the_cheapest_and_always_those_that_the_user_excludes() {
    let mut world = World::new(1, 8);
    let mut wish = draft(Side::Bid, 100);
    wish.excluded = vec![Address([1; 20]), Address([2; 20])];
    world.place(0, wish.clone());
    let people: Vec<Person> = (10..40).map(Person::new).collect();
    for (person, price) in people.iter().zip((100..130).rev()) {
        let ask = crate::world::people::order(Side::Ask, price, market().epoch_at(world.now));
        world.teach(0, &[person.entry(ask)]);
        let now = world.now;
        world.peers[0].market.avoid(0, person.address, now);
    }
    // Somebody else has to be there, or nobody is left out.
    let ask = crate::world::people::order(Side::Ask, 100, market().epoch_at(world.now));
    world.teach(0, &[Person::new(50).entry(ask)]);
    world.run(200);
    let standing = world.peers[0].market.standings().next().unwrap();
    let Entry::Order(order) = &standing.entry else { panic!("empty") };
    let mut cheapest: Vec<Address> = people[16..].iter().map(|person| person.address).collect();
    cheapest.sort_unstable();
    assert_eq!(standing.left_out().copied().collect::<Vec<_>>(), cheapest);
    assert!(wish.excluded.iter().all(|excluded| order.body.excluded.contains(excluded)));
}

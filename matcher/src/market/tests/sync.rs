//! Two or more machines that come to hold the same, by as few words as the difference needs.

use alloc::vec::Vec;

use protocol::reconcile::Sketch;
use protocol::talk::Request;
use protocol::{Entry, Side};

use crate::effect::{Effect, Event};
use crate::input::{Input, Unanswered};
use crate::world::World;
use crate::world::people::{Person, draft, market, order};

/// So many orders of as many strangers, for the running epoch and a while after.
fn orders(world: &World, from: u64, count: u64) -> Vec<Entry> {
    let epoch = market().epoch_at(world.now);
    (from..from + count).map(|number| Person::new(10_000 + number).entry(order(Side::Ask, 100, epoch))).collect()
}

/// Two peers past their first comparison, with `common` orders on both and others on one of them each.
fn two(seed: u64, (common, first, second): (u64, u64, u64)) -> World {
    let mut world = World::new(2, seed);
    world.cut(0, 1);
    let all = orders(&world, 0, common + first + second);
    let (both, apart) = all.split_at(common as usize);
    let (ours, theirs) = apart.split_at(first as usize);
    world.teach(0, both);
    world.teach(1, both);
    world.teach(0, ours);
    world.teach(1, theirs);
    world.sent.clear();
    world.heal();
    world
}

fn is_equal(world: &World) -> bool {
    (1..world.peers.len()).all(|peer| world.book(peer) == world.book(0))
}

fn sent(world: &World, kind: &str) -> usize {
    world.sent.get(kind).copied().unwrap_or_default()
}

#[test]
fn up_to_four_differences_are_mended_by_the_heartbeats_alone() {
    for (seed, apart) in [(1, (300, 1, 0)), (2, (300, 0, 3)), (3, (300, 2, 2)), (4, (0, 1, 1)), (5, (300, 4, 0))] {
        let mut world = two(seed, apart);
        assert!(world.run_until(500, is_equal), "{apart:?}");
        let others = sent(&world, "symbols") + sent(&world, "exchange") + sent(&world, "book");
        assert_eq!(others, 0, "{:?}", world.sent);
    }
}

#[test]
fn hundreds_of_differences_are_mended_by_symbols_and_an_exchange_without_the_book() {
    let mut world = two(6, (2_000, 150, 250));
    assert!(world.run_until(1_000, is_equal), "{:?}", world.sent);
    assert_eq!(world.book(0).len(), 2_400);
    assert_eq!(sent(&world, "book"), 0);
    assert!((1..=2).contains(&sent(&world, "exchange")), "{:?}", world.sent);
    assert!(sent(&world, "symbols") <= 12, "{:?}", world.sent);
}

#[test]
fn a_cold_start_gets_the_book_by_ranges_and_gives_none() {
    let mut world = two(7, (0, 0, 3_000));
    assert!(world.run_until(5_000, is_equal), "{:?}", world.sent);
    let pages = 3_000_usize.div_ceil(protocol::talk::PAGE_MAX);
    assert!((pages..=pages + 3).contains(&sent(&world, "book")), "{:?}", world.sent);
}

#[test]
fn what_was_mended_at_one_neighbour_is_passed_on_along_a_line() {
    let mut world = World::new(5, 8);
    for (a, b) in [(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 4)] {
        world.cut(a, b);
    }
    world.meet_all();
    let entries = orders(&world, 0, 30);
    world.teach(0, &entries);
    assert!(world.run_until(2_500, is_equal), "{:?}", world.sent);
}

#[test]
fn deals_and_proofs_are_compared_like_orders() {
    use crate::world::people::{deal_message, struck, terms};
    let mut world = World::new(2, 9);
    world.cut(0, 1);
    let epoch = market().epoch_at(world.now);
    let (supplier, consumer) = (Person::new(50), Person::new(51));
    let ask = supplier.entry(order(Side::Ask, 100, epoch));
    let bid = consumer.entry(order(Side::Bid, 100, epoch));
    let ids = [&ask, &bid].map(|entry| entry.id(&market().domain()));
    world.teach(0, &[ask.clone(), bid.clone()]);
    world.teach(1, &[ask, bid]);
    for price in [100, 101] {
        let mut terms = terms(epoch, (ids[0], supplier.address), (ids[1], consumer.address));
        (terms.open_before, terms.price.0) = (world.now / 1000 + 30, price);
        world.gossip(1, 0, crate::effect::Topic::Deals, deal_message(struck(&terms, &supplier, &consumer)));
    }
    let kept = |world: &World, peer: usize| world.peers[peer].market.book().kept_len();
    assert_eq!((kept(&world, 0), kept(&world, 1)), (5, 2), "two orders, two deals and a proof");
    world.heal();
    assert!(world.run_until(1_000, |world| kept(world, 1) == 5));
    assert!(world.peers[1].market.book().proofs().has(&supplier.address));
}

#[test]
fn neighbours_say_which_root_they_sealed_and_when_all_agree() {
    let mut world = World::new(3, 10);
    world.heal();
    let entries = orders(&world, 0, 5);
    world.teach(0, &entries);
    world.run_to_epoch(300);
    let (epoch, sealed_root, _) = world.root(0);
    for peer in 0..3 {
        let agreement = world.peers[peer].market.agreement(epoch).unwrap();
        assert_eq!(agreement.sealed_root, sealed_root);
        assert_eq!((agreement.agree().count(), agreement.differ().count(), agreement.silent().count()), (2, 0, 0));
        assert!(agreement.took_ms.is_some_and(|took| took < 300), "{agreement:?}");
        let is_told = |event: &Event| matches!(event, Event::Agreed { epoch: at, neighbours: 2, .. } if *at == epoch);
        assert_eq!(world.peers[peer].told.iter().filter(|event| is_told(event)).count(), 1);
    }
}

#[test]
fn a_neighbour_that_sealed_another_book_is_named() {
    let mut world = World::new(2, 11);
    world.heal();
    world.run_to_epoch(500);
    world.sever(0, 1);
    let entries = orders(&world, 0, 1);
    world.teach(0, &entries);
    world.run_to_epoch(10);
    let (epoch, ours, _) = world.root(0);
    world.uncut(0, 1);
    // What is asked meanwhile times out first.
    world.run_until(4_000, |world| world.peers[0].told.iter().any(|event| matches!(event, Event::Differed { .. })));
    let told = world.peers[0].told.iter().find_map(|event| match event {
        Event::Differed { epoch, neighbour, ours, theirs } => Some((*epoch, *neighbour, *ours, *theirs)),
        _ => None,
    });
    let (at, neighbour, here, theirs) = told.unwrap_or_else(|| panic!("{epoch} {ours}"));
    assert!(at >= epoch && here != theirs && neighbour == world.peers[1].person.address);
    let agreement = world.peers[0].market.agreement(at).unwrap();
    assert_eq!((agreement.took_ms, agreement.differ().count()), (None, 1));
    world.run_to_epoch(500);
    assert_eq!(world.root(0), world.root(1), "the next epoch is right again");
}

/// Eight neighbours of its own half kept a peer busy: the one that came from the other half was never asked.
#[test]
fn a_peer_with_neighbours_enough_asks_the_one_that_comes_from_another_half_too() {
    let mut world = World::new(20, 12);
    let halves = |a: usize, b: usize| (a < 10) != (b < 10);
    for (a, b) in (0..20).flat_map(|a| (0..a).map(move |b| (a, b))).filter(|(a, b)| halves(*a, *b)) {
        world.cut(a, b);
    }
    world.meet_all();
    let entries = orders(&world, 0, 40);
    (0..10).for_each(|peer| world.teach(peer, &entries[..20]));
    (10..20).for_each(|peer| world.teach(peer, &entries[20..]));
    world.run(500);
    world.uncut(0, 10);
    world.meet_pair(0, 10);
    assert!(world.run_until(2_000, is_equal), "{:?}", world.sent);
}

#[test]
fn what_leaves_the_book_leaves_the_sketches() {
    let mut world = World::new(2, 13);
    world.meet_all();
    let epoch = market().epoch_at(world.now);
    let short = |number: u64| {
        let mut ask = order(Side::Ask, 100, epoch);
        ask.expiry_epoch = epoch + 1 + number % 2;
        Person::new(20_000 + number).entry(ask)
    };
    let entries: Vec<Entry> = (0..20).map(short).collect();
    world.teach(0, &entries);
    world.teach(0, &orders(&world, 0, 10));
    world.place(0, draft(Side::Bid, 50));
    world.renew(0, 0);
    world.run_to_epoch(500);
    world.run_to_epoch(500);
    world.run_to_epoch(500);
    let salt = world.salt(0, 1);
    let said = world.said[&0].clone();
    let mut fresh = Sketch::new(salt, 16);
    world.peers[0].market.book().kept_ids().for_each(|id| fresh.insert(id));
    assert_eq!(world.book(0).len(), 11, "the short lives are over");
    assert_eq!((said.count, said.hash, said.symbols), (fresh.len(), fresh.hash(), fresh.encode(0, 16)));
}

#[test]
fn the_heartbeat_at_an_epochs_end_tells_the_set_without_what_went_with_it() {
    let mut world = two(11, (50, 0, 0));
    assert!(world.run_until(500, is_equal));
    world.run_to_epoch(1_900);
    let now = world.now;
    let machine = &mut world.peers[0].market;
    let mut told = Vec::new();
    for epoch in 0..110 {
        for effect in machine.handle(Input::Tick, now + epoch * u64::from(market().epoch_ms)) {
            let Effect::Send { ticket, request, .. } = effect else { continue };
            if let Request::Sync(summary) = *request {
                assert_eq!(summary.count, machine.book().kept_len(), "{told:?}");
                told.push(summary.count);
            }
            machine.handle(Input::Answered { ticket, result: Err(Unanswered::Timeout) }, now);
        }
    }
    assert_eq!((told.first(), told.last()), (Some(&50), Some(&0)), "{told:?}");
}

/// Halves of a small market that each lacked 300 things were too far apart for symbols, and neither lacked enough for the
/// book: nothing was mended at any heartbeat.
#[test]
fn there_is_no_difference_that_nothing_mends() {
    for (seed, apart) in
        [(20, (0, 300, 300)), (21, (150, 300, 300)), (22, (0, 450, 0)), (23, (0, 0, 520)), (24, (60, 700, 200))]
    {
        let mut world = two(seed, apart);
        assert!(world.run_until(3_000, is_equal), "{apart:?} {:?}", world.sent);
    }
}

/// A page carries so many deals of an order and no more; whoever came new asked for the same page for ever.
#[test]
fn an_order_with_more_deals_than_a_page_holds_is_known_with_all_of_them() {
    use crate::world::people::{struck, terms};
    let mut world = World::new(2, 25);
    world.cut(0, 1);
    let epoch = market().epoch_at(world.now);
    let (supplier, consumer) = (Person::new(50), Person::new(51));
    let mut ask = order(Side::Ask, 100, epoch);
    ask.lots = 700;
    let ask = supplier.entry(ask);
    let id = ask.id(&market().domain());
    world.teach(0, &[ask]);
    for lot in 0..600u32 {
        let mut bid = [7; 32];
        bid[..4].copy_from_slice(&lot.to_be_bytes());
        let mut terms = terms(epoch, (id, supplier.address), (protocol::Hash(bid), consumer.address));
        (terms.ask.first_lot, terms.open_before) = (lot, world.now / 1000 + 30);
        world.peers[0].market.book.fill(struck(&terms, &supplier, &consumer)).unwrap();
    }
    world.teach(0, &[]);
    world.peers[0].market.settle(&alloc::collections::BTreeSet::new());
    world.peers[0].market.effects.clear();
    world.heal();
    assert!(world.run_until(4_000, |world| world.peers[1].market.book().kept_len() == 601), "{:?}", world.sent);
    assert!(sent(&world, "book") <= 2, "{:?}", world.sent);
}

#[test]
fn a_peer_that_this_node_dialed_gets_the_place_of_one_that_came_by_itself() {
    let mut world = World::new(1, 26);
    let mut asked = alloc::collections::BTreeSet::new();
    let dialed = protocol::Address([1; 20]);
    for number in 2..40u8 {
        let (peer, salt) = (protocol::Address([number; 20]), world.salt(0, 0));
        world.input(0, Input::PeerUp { peer, salt, is_outbound: false });
    }
    let salt = world.salt(0, 0);
    world.input(0, Input::PeerUp { peer: dialed, salt, is_outbound: true });
    world.now += 50;
    let now = world.now;
    for effect in world.peers[0].market.handle(Input::Tick, now) {
        if let Effect::Send { to, request, .. } = effect {
            assert!(matches!(*request, Request::Sync(_)));
            asked.insert(to);
        }
    }
    assert!(asked.contains(&dialed), "{asked:?}");
}

//! What a peer can send, what becomes of it, and what it must never do to the machine that hears it.

use alloc::vec;
use alloc::vec::Vec;

use protocol::talk::{PAGE_MAX, Request, Response};
use protocol::{Address, Delegation, Entry, Hash, Order, Scope, Side, Typed};

use crate::book::STEPS_MAX;
use crate::effect::{Effect, Topic, Verdict};
use crate::input::Input;
use crate::market::Market;
use crate::world::World;
use crate::world::people::{Person, deal_message, draft, market, order, orders_message, struck, terms};

/// An ask of a stranger, valid in the running epoch of `world`.
fn stranger(world: &World, number: u64, change: impl FnOnce(&mut Order)) -> Entry {
    let mut ask = order(Side::Ask, 100, market().epoch_at(world.now));
    change(&mut ask);
    Person::new(1_000 + number).entry(ask)
}

fn tell(world: &mut World, entries: &[Entry]) -> Verdict {
    world.gossip(1, 0, Topic::Orders, orders_message(entries))
}

#[test]
fn what_is_wrong_for_everyone_is_rejected_and_what_depends_on_the_hearer_is_ignored() {
    type Change = fn(&mut Order);
    let cases: [(Change, Verdict); 12] = [
        (|_| {}, Verdict::Accept),
        (|ask| (ask.from_epoch, ask.expiry_epoch) = (ask.from_epoch - 9, ask.from_epoch - 1), Verdict::Ignore),
        (|ask| ask.from_epoch += 2, Verdict::Ignore),
        (|ask| (ask.from_epoch, ask.expiry_epoch) = (u64::MAX - 1, u64::MAX), Verdict::Ignore),
        (|ask| ask.slot = 64, Verdict::Ignore),
        (|ask| ask.slot = u16::MAX, Verdict::Reject),
        (|ask| ask.expiry_epoch = u64::MAX, Verdict::Reject),
        (|ask| ask.from_epoch = u64::MAX, Verdict::Reject),
        (|ask| ask.lots = u32::MAX, Verdict::Reject),
        (|ask| ask.price.0 = u128::MAX, Verdict::Reject),
        (|ask| ask.duration_max_s = u32::MAX, Verdict::Reject),
        (|ask| ask.excluded = vec![Address([1; 20]); 2], Verdict::Reject),
    ];
    for (number, (change, verdict)) in cases.into_iter().enumerate() {
        let mut world = World::new(2, 1);
        let entry = stranger(&world, 0, change);
        assert_eq!(tell(&mut world, &[entry]), verdict, "case {number}");
        assert_eq!(world.book(0).len(), usize::from(verdict == Verdict::Accept), "case {number}");
    }
}

fn resigned(entry: &Entry, change: impl FnOnce(&mut [u8; 65])) -> Entry {
    let mut entry = entry.clone();
    if let Entry::Order(order) = &mut entry {
        change(&mut order.authority.signature.0);
    }
    entry
}

#[test]
fn forged_and_malformed_signatures_are_rejected_and_the_machine_goes_on() {
    let mut world = World::new(2, 2);
    let good = stranger(&world, 0, |_| {});
    for forged in [
        resigned(&good, |bytes| bytes[32..64].fill(0xff)),
        resigned(&good, |bytes| bytes[64] = 29),
        resigned(&good, |bytes| bytes[64] = 0),
        resigned(&good, |bytes| bytes[64] = 55 - bytes[64]),
        resigned(&good, |bytes| bytes[..64].fill(0)),
        resigned(&good, |bytes| bytes[..32].fill(0xff)),
        resigned(&good, |bytes| bytes[3] ^= 1),
    ] {
        assert_eq!(tell(&mut world, &[forged]), Verdict::Reject);
    }
    for bytes in [vec![], vec![0], vec![0xff; 100], vec![253, 0, 0, 0, 0, 0, 1, 0, 0], vec![1; 70_000]] {
        for topic in [Topic::Orders, Topic::Deals] {
            assert_eq!(world.gossip(1, 0, topic, bytes.clone()), Verdict::Reject);
        }
    }
    let good = [good];
    assert_eq!(tell(&mut world, &good), Verdict::Accept);
    assert_eq!(tell(&mut world, &good), Verdict::Ignore, "known already");
}

#[test]
fn a_message_of_65_entries_or_with_one_twice_is_rejected() {
    let mut world = World::new(2, 3);
    let entry = |slot| stranger(&world, 0, |ask| ask.slot = slot);
    let many: Vec<Entry> = (0..64).map(entry).collect();
    let too_many = [&many[..], &[stranger(&world, 1, |_| {})]].concat();
    assert_eq!(tell(&mut world, &too_many), Verdict::Reject);
    assert!(world.book(0).is_empty());
    let effects = world.peers[0].market.handle(
        Input::Heard {
            from: Address::ZERO,
            token: 1,
            topic: Topic::Orders,
            bytes: orders_message(&vec![many[0].clone(); 64]),
        },
        world.now,
    );
    let [Effect::Recover { ticket, work }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(work.len(), 1, "the same entry is verified once");
    let verdicts = vec![true];
    world.peers[0].market.handle(Input::Recovered { ticket: *ticket, verdicts }, world.now);
    assert_eq!(tell(&mut world, &many), Verdict::Accept);
    assert_eq!(world.book(0).len(), 64);
}

#[test]
fn of_a_message_with_a_forged_entry_the_good_ones_enter_and_travel_on_in_a_fresh_one() {
    let mut world = World::new(3, 4);
    world.cut(1, 2);
    let good = stranger(&world, 0, |_| {});
    let forged = resigned(&stranger(&world, 1, |_| {}), |bytes| bytes[9] ^= 1);
    assert_eq!(tell(&mut world, &[good.clone(), forged]), Verdict::Reject);
    world.run(100);
    for peer in [0, 2] {
        assert_eq!(world.book(peer), [good.id(&market().domain())]);
    }
}

#[test]
fn a_delegate_signs_within_its_time_and_scope_and_a_late_clock_is_nobodys_fault() {
    let mut world = World::new(2, 5);
    let (owner, delegate) = (Person::new(50), Person::new(51));
    let now_s = world.now / 1000;
    let ends_ms = market().epoch_start_ms(stranger(&world, 0, |_| {}).epochs().1);
    let end_s = ends_ms.div_ceil(1000);
    for (number, (scope, (not_before, not_after), verdict)) in [
        (Scope::ASK, (now_s - 10, end_s), Verdict::Accept),
        (Scope::BID, (now_s - 10, end_s), Verdict::Reject),
        // A head outlives no delegation: the signer knows both, so nobody's clock matters.
        (Scope::ASK, (now_s - 10, end_s - 1), Verdict::Reject),
        (Scope::ASK, (now_s - 10, now_s), Verdict::Reject),
        (Scope::ASK, (now_s + 9, end_s), Verdict::Ignore),
        (Scope::ASK, (end_s + 1, end_s), Verdict::Reject),
        (Scope::ASK, (0, u64::MAX), Verdict::Accept),
    ]
    .into_iter()
    .enumerate()
    {
        let market_id = market().id();
        let (of, by) = (owner.address, delegate.address);
        let delegation = Delegation { owner: of, delegate: by, scope, not_before, not_after, market: market_id };
        let signature = owner.sign(&market().domain().digest(&delegation.struct_hash()));
        let mut entry = stranger(&world, 0, |_| {});
        if let Entry::Order(order) = &mut entry {
            order.body.owner = owner.address;
            order.body.version = number as u64;
            let digest = market().domain().digest(&order.body.struct_hash());
            order.authority = delegate.authority(&digest);
            order.authority.delegation = Some((delegation, signature).into());
        }
        assert_eq!(tell(&mut world, &[entry]), verdict, "{scope:?} {not_before}..{not_after}");
    }
}

/// A deal's terms name an order by id and a signer by address. Nothing tied the two together, so that anyone could
/// take anyone's lots off every book with two keys of its own.
#[test]
fn nobody_takes_the_lots_of_an_order_that_is_not_its_own() {
    let mut world = World::new(2, 6);
    let ask = world.place(0, draft(Side::Ask, 100));
    let bid = world.place(1, draft(Side::Bid, 90));
    world.run(100);
    let (thief, other) = (Person::new(60), Person::new(61));
    let mut terms = terms(market().epoch_at(world.now), (ask, thief.address), (bid, other.address));
    terms.duration_s = 100;
    let verdict = world.gossip(1, 0, Topic::Deals, deal_message(struck(&terms, &thief, &other)));
    assert_eq!(verdict, Verdict::Accept, "two keys may say of themselves what they like");
    world.run(3_000);
    assert_eq!(world.offer(0, 0, Side::Ask), Some((1, 100)));
    assert_eq!(world.offer(0, 1, Side::Bid), Some((1, 90)));
}

/// Deals over lots that an order does not have made ranges that end before they begin, and the clearing panicked.
#[test]
fn deals_over_lots_that_an_order_does_not_have_harm_nobody() {
    let mut world = World::new(2, 7);
    let (supplier, consumer) = (Person::new(70), Person::new(71));
    let epoch = market().epoch_at(world.now);
    let mut ask = order(Side::Ask, 100, epoch);
    ask.lots = 3;
    let entry = supplier.entry(ask);
    let id = entry.id(&market().domain());
    assert_eq!(tell(&mut world, &[entry]), Verdict::Accept);
    world.place(1, draft(Side::Bid, 200));
    for (first_lot, lots, verdict) in [
        (0, 5, Verdict::Accept),
        (7, 1, Verdict::Accept),
        (u32::MAX - 1, 1, Verdict::Accept),
        (u32::MAX, 1, Verdict::Reject),
        (1, u32::MAX, Verdict::Reject),
        (0, 0, Verdict::Reject),
    ] {
        let mut terms = terms(epoch, (id, supplier.address), (Hash::ZERO, consumer.address));
        for side in [&mut terms.ask, &mut terms.bid] {
            (side.first_lot, side.lots) = (first_lot, lots);
        }
        let message = deal_message(struck(&terms, &supplier, &consumer));
        assert_eq!(world.gossip(1, 0, Topic::Deals, message), verdict, "{first_lot} {lots}");
    }
    world.run(5_000);
    assert_eq!(world.peers[0].market.clearings().next_back().unwrap().orders, 1, "only the bid is left");
}

#[test]
fn a_deal_from_the_future_is_ignored_and_one_of_the_distant_past_is_soon_forgotten() {
    let mut world = World::new(2, 8);
    let (a, b) = (Person::new(80), Person::new(81));
    for (epoch, verdict) in [(u64::MAX, Verdict::Ignore), (0, Verdict::Ignore)] {
        let mut terms = terms(epoch, (Hash([1; 32]), a.address), (Hash([2; 32]), b.address));
        terms.open_before = u64::MAX;
        assert_eq!(world.gossip(1, 0, Topic::Deals, deal_message(struck(&terms, &a, &b))), verdict);
    }
    world.run(4_000);
    assert_eq!(world.peers[0].market.book().fills().len(), 0);
}

#[test]
fn of_too_many_strange_deals_the_same_are_kept_whatever_came_first() {
    let (a, b) = (Person::new(90), Person::new(91));
    let mut terms = terms(1, (Hash([1; 32]), a.address), (Hash([2; 32]), b.address));
    let mut deals: Vec<_> = (0..4_300u32)
        .map(|number| {
            let mut id = [3; 32];
            id[..4].copy_from_slice(&number.to_be_bytes());
            (terms.ask.id, terms.bid.id) = (Hash(id), Hash(id));
            struck(&terms, &a, &b)
        })
        .collect();
    let kept = |deals: &[protocol::StruckDeal]| {
        let mut book = crate::Book::new(market().domain(), 10);
        for deal in deals {
            let _ = book.fill(deal.clone());
        }
        book.fills().deals().map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let first = kept(&deals);
    deals.reverse();
    assert_eq!(first.len(), 4_096);
    assert!(first == kept(&deals), "another order of arrival keeps others");
}

#[test]
fn one_slot_holds_few_heads_whatever_its_owner_signs() {
    let mut world = World::new(2, 10);
    let epoch = market().epoch_at(world.now);
    for step in 0..200 {
        let entry = stranger(&world, 0, |ask| {
            (ask.version, ask.from_epoch, ask.expiry_epoch) = (step, epoch + 1 - 200 + step, epoch + 50);
        });
        tell(&mut world, &[entry]);
        assert!(world.book(0).len() <= STEPS_MAX);
    }
    let Some(Response::Book { entries, .. }) = world.request(1, 0, Request::Book { after: None }) else { panic!() };
    assert!(entries.len() <= STEPS_MAX);
}

#[test]
fn a_flood_of_one_peer_is_ignored_and_leaves_room_for_others_and_for_the_end_of_a_deal() {
    let mut world = World::new(2, 11);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 100));
    let deal = world.strike(1);
    let flooder = Address([9; 20]);
    let mut open = 0;
    for number in 0..300 {
        let bytes = orders_message(&[stranger(&world, number, |_| {})]);
        let input = Input::Heard { from: flooder, token: 1_000_000 + number, topic: Topic::Orders, bytes };
        let effects = world.peers[0].market.handle(input, world.now);
        open += usize::from(matches!(effects[..], [Effect::Recover { .. }]));
    }
    assert_eq!(open, 128);
    let entry = stranger(&world, 500, |_| {});
    assert_eq!(tell(&mut world, &[entry]), Verdict::Accept);
    world.end_deal(1, deal.id).unwrap();
    world.run(100);
    assert_eq!(world.running(0), 0);
}

#[test]
fn a_peer_that_gives_pages_without_end_is_not_asked_without_end() {
    let mut world = World::new(2, 12);
    let from = world.peers[1].person.address;
    let entry = stranger(&world, 0, |_| {});
    let ticket_of = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Send { ticket, .. } => Some(ticket),
            _ => None,
        })
    };
    let machine = &mut world.peers[0].market;
    let now = world.now;
    let ask = |machine: &mut Market| {
        machine.ask_for_book(from);
        ticket_of(core::mem::take(&mut machine.effects))
    };
    let first = ask(machine);
    assert_eq!(ask(machine), None, "one page of a peer at a time");
    let page = |entries: Vec<Entry>| Ok(Response::Book { entries, is_more: true, deals: vec![] }.into());
    let result = page(vec![entry.clone(); PAGE_MAX + 1]);
    assert_eq!(ticket_of(machine.handle(Input::Answered { ticket: first.unwrap(), result }, now)), None);
    let again = ask(machine).unwrap();
    let effects = machine.handle(Input::Answered { ticket: again, result: page(vec![entry.clone()]) }, now);
    let [Effect::Recover { ticket, .. }] = effects[..] else { panic!("{effects:?}") };
    assert_eq!(ask(machine), None, "the page that is being verified is not over yet");
    let next = ticket_of(machine.handle(Input::Recovered { ticket, verdicts: vec![true] }, now)).unwrap();
    let same = machine.handle(Input::Answered { ticket: next, result: page(vec![entry]) }, now);
    assert!(same.is_empty(), "a page that does not go on is the last: {same:?}");
    let empty = ask(machine).unwrap();
    assert!(machine.handle(Input::Answered { ticket: empty, result: page(vec![]) }, now).is_empty());
    // A connection that broke owes its page no longer.
    assert!(ask(machine).is_some());
    machine.handle(Input::PeerDown(from), now);
    assert!(ask(machine).is_some());
}

#[test]
fn a_ticket_works_once_and_only_for_what_was_asked() {
    let mut world = World::new(1, 13);
    let effects = world.peers[0].market.handle(Input::Place { user: 1, draft: draft(Side::Ask, 5).into() }, world.now);
    let [Effect::Sign { ticket, digest }] = effects[..] else { panic!("{effects:?}") };
    let signature = world.peers[0].person.sign(&digest);
    let machine = &mut world.peers[0].market;
    let now = world.now;
    let nothing = |effects: Vec<Effect>| assert!(effects.is_empty(), "{effects:?}");
    nothing(machine.handle(Input::Recovered { ticket, verdicts: vec![true] }, now));
    nothing(machine.handle(Input::Recovered { ticket, verdicts: vec![] }, now));
    nothing(machine.handle(Input::Answered { ticket, result: Ok(Response::Done.into()) }, now));
    nothing(machine.handle(Input::Recovered { ticket: ticket + 1, verdicts: vec![true] }, now));
    let effects = machine.handle(Input::Signed { ticket, signature }, now);
    let [Effect::Recover { ticket: verify, .. }] = effects[..] else { panic!("{effects:?}") };
    nothing(machine.handle(Input::Signed { ticket, signature }, now));
    nothing(machine.handle(Input::Recovered { ticket: verify, verdicts: vec![true; 2] }, now));
    assert!(!machine.handle(Input::Recovered { ticket: verify, verdicts: vec![true] }, now).is_empty());
    assert_eq!(machine.book().len(), 1);
}

//! What somebody else signed and a user hands in.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Entry, Hash, Rejected, Side};

use crate::effect::{Answer, Refused};
use crate::input::Input;
use crate::world::World;
use crate::world::people::{Person, draft, market, order};

const WALLET: u64 = 77;

/// An ask of the wallet for the next hundred epochs.
fn ask(world: &World, slot: u16, version: u64) -> Entry {
    let mut ask = order(Side::Ask, 100, market().epoch_at(world.now));
    (ask.slot, ask.version) = (slot, version);
    Person::new(WALLET).entry(ask)
}

fn submit(world: &mut World, peer: usize, entries: Vec<Entry>) -> Result<Vec<Result<Hash, Rejected>>, Refused> {
    match world.ask_user(peer, |user| Input::Submit { user, entries })? {
        Answer::Submitted(answers) => Ok(answers),
        other => panic!("not a submission's answer: {other:?}"),
    }
}

#[test]
fn what_a_wallet_signed_enters_every_book_and_is_nobodys_standing() {
    let mut world = World::new(3, 1);
    let entries: Vec<Entry> = (0..64).map(|slot| ask(&world, slot, 1)).collect();
    let ids: Vec<_> = entries.iter().map(|entry| Ok(entry.id(&market().domain()))).collect();
    assert_eq!(submit(&mut world, 0, entries), Ok(ids));
    world.run(1_000);
    assert_eq!(world.book(2).len(), 64);
    assert_eq!(world.peers[0].market.standings().count(), 0);
}

#[test]
fn each_entry_has_its_own_answer() {
    let mut world = World::new(2, 2);
    let good = ask(&world, 0, 5);
    let stale = ask(&world, 0, 4);
    let Entry::Order(mut forged) = ask(&world, 1, 1) else { unreachable!() };
    forged.body.lots = 2;
    let Entry::Order(mut malformed) = ask(&world, 2, 1) else { unreachable!() };
    malformed.authority.signature.0[64] = 29;
    let mut late = order(Side::Ask, 100, 1);
    late.expiry_epoch = 2;
    let late = Person::new(WALLET).entry(late);
    let entries = vec![good.clone(), good.clone(), Entry::Order(forged), Entry::Order(malformed), late];
    let id = good.id(&market().domain());
    let rejected = [Rejected::Duplicate, Rejected::Signer, Rejected::SignatureForm, Rejected::Expired];
    let expected: Vec<_> = [Ok(id)].into_iter().chain(rejected.map(Err)).collect();
    assert_eq!(submit(&mut world, 0, entries), Ok(expected));
    assert_eq!(submit(&mut world, 0, vec![good, stale]), Ok(vec![Err(Rejected::Duplicate), Err(Rejected::Stale)]));
    world.run(1_000);
    assert_eq!(world.book(1), vec![id]);
}

#[test]
fn nothing_and_too_much_are_refused_at_once() {
    let mut world = World::new(1, 3);
    assert_eq!(submit(&mut world, 0, vec![]), Err(Refused::Rejected(Rejected::Encoding)));
    let many = vec![ask(&world, 0, 1); 65];
    assert_eq!(submit(&mut world, 0, many), Err(Refused::Rejected(Rejected::TooLarge)));
}

#[test]
fn a_bid_of_the_node_trades_with_nobody_for_an_ask_whose_owner_runs_no_node() {
    let mut world = World::new(2, 4);
    let ask = ask(&world, 0, 1);
    submit(&mut world, 0, vec![ask]).unwrap();
    world.place(1, draft(Side::Bid, 200));
    world.run(10_000);
    assert_eq!(world.running(1), 0);
    assert!(world.peers.iter().all(|peer| peer.market.standings().all(|standing| standing.draft.side == Side::Bid)));
}

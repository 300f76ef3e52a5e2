//! Forged copies that race genuine orders, and copies of what was heard: whoever comes first, the genuine head enters,
//! its sender is not punished, the forger is, and nothing is verified twice.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Address, Entry, Order, Parameters, Recovery, Side};

use crate::effect::{Effect, Topic, Verdict};
use crate::input::Input;
use crate::market::Market;
use crate::world::START_MS;
use crate::world::people::{Person, market, order, orders_message};

/// One machine, whose recoveries wait until the test has them done.
struct Lone {
    machine: Market,
    /// By token of the message that asked for them.
    asked: Vec<(u64, u64, Vec<Recovery>)>,
    judged: Vec<(u64, Verdict)>,
    published: usize,
}

impl Lone {
    fn new() -> Lone {
        let machine = Market::new(market(), Person::new(1).address);
        Lone { machine, asked: vec![], judged: vec![], published: 0 }
    }

    fn input(&mut self, token: u64, input: Input) {
        for effect in self.machine.handle(input, START_MS) {
            match effect {
                Effect::Recover { ticket, work } => self.asked.push((token, ticket, work)),
                Effect::Judge { token, verdict } => self.judged.push((token, verdict)),
                Effect::Publish { .. } => self.published += 1,
                _ => {}
            }
        }
    }

    fn hear(&mut self, token: u64, entries: &[Entry]) {
        let from = Address([token as u8 + 1; 20]);
        self.input(token, Input::Heard { from, token, topic: Topic::Orders, bytes: orders_message(entries) });
    }

    /// Does the recoveries of one message; gives how many there were.
    fn recover(&mut self, token: u64) -> usize {
        let Some(at) = self.asked.iter().position(|(of, ..)| *of == token) else { return 0 };
        let (_, ticket, work) = self.asked.remove(at);
        let verdicts = work.iter().map(|recovery| recovery.run().is_ok()).collect();
        self.input(token, Input::Recovered { ticket, verdicts });
        work.len()
    }

    /// Hears and verifies; gives the verdict and the recoveries it took.
    fn tell(&mut self, token: u64, entries: &[Entry]) -> (Verdict, usize) {
        self.hear(token, entries);
        let recovered = self.recover(token);
        (self.verdict(token), recovered)
    }

    fn verdict(&self, token: u64) -> Verdict {
        let verdicts: Vec<Verdict> = self.judged.iter().filter(|(of, _)| *of == token).map(|(_, to)| *to).collect();
        assert_eq!(verdicts.len(), 1, "each message is judged once");
        verdicts[0]
    }

    fn has(&self, entry: &Entry) -> bool {
        self.machine.book().head(&entry.id(self.machine.domain())).is_some()
    }
}

fn ask(slot: u16) -> Order {
    let mut ask = order(Side::Ask, 100 + u128::from(slot), market().epoch_at(START_MS));
    ask.slot = slot;
    ask
}

fn tree(count: u16) -> Vec<Entry> {
    Person::new(50).bulk((0..count).map(ask).collect())
}

/// The same body under another signature or proof.
fn forged(entry: &Entry, kind: usize) -> Entry {
    let Entry::Order(mut order) = entry.clone() else { panic!("an order") };
    match (kind, &mut order.authority.bulk) {
        (0, _) => order.authority.signature.0[3] ^= 1,
        (1, Some(proof)) => proof.siblings[0].0[0] ^= 1,
        (2, Some(proof)) => proof.index ^= 1,
        (3, bulk) => *bulk = None,
        _ => order.authority.signature = Person::new(51).sign(&entry.id(&market().domain())),
    }
    Entry::Order(order)
}

#[test]
fn a_forged_copy_that_races_a_genuine_order_never_keeps_it_out_and_costs_only_the_forger() {
    let single = Person::new(50).entry(ask(0));
    let mut cases: Vec<(Entry, Entry)> = [0, 9].map(|kind| (single.clone(), forged(&single, kind))).into();
    let leaf = &tree(3)[1];
    cases.extend([0, 1, 2, 3, 9].map(|kind| (leaf.clone(), forged(leaf, kind))));
    // Token 1 is the honest message, 2 the forged one; each is heard, then verified.
    let orders = [[1, 1, 2, 2], [1, 2, 1, 2], [1, 2, 2, 1], [2, 2, 1, 1], [2, 1, 2, 1], [2, 1, 1, 2]];
    for (number, (good, bad)) in cases.iter().enumerate() {
        for steps in orders {
            let mut lone = Lone::new();
            let mut is_heard = [false; 3];
            for token in steps {
                match core::mem::replace(&mut is_heard[token as usize], true) {
                    false => lone.hear(token, core::slice::from_ref(if token == 1 { good } else { bad })),
                    true => drop(lone.recover(token)),
                }
            }
            assert!(lone.has(good), "case {number}, {steps:?}");
            assert_eq!(lone.verdict(1), Verdict::Accept, "case {number}, {steps:?}");
            assert_eq!(lone.verdict(2), Verdict::Reject, "case {number}, {steps:?}");
            assert_eq!(lone.machine.book().len(), 1);
        }
    }
}

#[test]
fn beside_a_forged_copy_in_one_message_the_genuine_order_enters_and_travels_on() {
    for good in [Person::new(50).entry(ask(0)), tree(3)[1].clone()] {
        let bad = forged(&good, 0);
        for message in [[bad.clone(), good.clone()], [good.clone(), bad]] {
            let mut lone = Lone::new();
            assert_eq!(lone.tell(1, &message), (Verdict::Reject, 2));
            assert!(lone.has(&good));
            assert_eq!(lone.published, 1);
        }
    }
}

#[test]
fn a_tree_is_recovered_once_and_a_forged_leaf_neither_spoils_nor_borrows_from_it() {
    let leaves = tree(64);
    let mut lone = Lone::new();
    assert_eq!(lone.tell(1, &leaves), (Verdict::Accept, 1));
    assert_eq!(lone.machine.book().len(), 64);
    for at in [0, 31, 63] {
        let mut message = leaves.clone();
        // Another order in the place of a leaf, with its proof and signature, first and last in the message.
        let Entry::Order(foreign) = &mut message[at] else { panic!("an order") };
        foreign.body.price.0 += 1;
        message.rotate_left(at);
        let mut lone = Lone::new();
        assert_eq!(lone.tell(1, &message), (Verdict::Reject, 2));
        assert_eq!(lone.machine.book().len(), 63);
        assert!(!lone.has(&message[0]));
    }
}

#[test]
fn leaves_of_a_known_tree_need_no_recovery_and_forged_ones_still_do() {
    let leaves = tree(8);
    let mut lone = Lone::new();
    assert_eq!(lone.tell(1, &leaves[..3]), (Verdict::Accept, 1));
    assert_eq!(lone.tell(2, &leaves[3..6]), (Verdict::Accept, 0));
    let Entry::Order(mut foreign) = leaves[6].clone() else { panic!("an order") };
    foreign.body.price.0 += 1;
    assert_eq!(lone.tell(3, &[Entry::Order(foreign)]), (Verdict::Reject, 1));
    assert_eq!(lone.tell(4, &[forged(&leaves[6], 0)]), (Verdict::Reject, 1));
    assert_eq!(lone.machine.book().len(), 6);
}

#[test]
fn another_signature_of_the_owner_over_a_known_order_is_nobodys_fault() {
    let owner = Person::new(50);
    let leaf = tree(2)[0].clone();
    let single = owner.entry(ask(0));
    for (first, second) in [(&leaf, &single), (&single, &leaf)] {
        let mut lone = Lone::new();
        assert_eq!(lone.tell(1, core::slice::from_ref(first)), (Verdict::Accept, 1));
        assert_eq!(lone.tell(2, core::slice::from_ref(second)), (Verdict::Ignore, 1));
        assert_eq!(lone.machine.book().len(), 1);
    }
}

#[test]
fn copies_are_verified_once_also_in_other_batches_and_while_the_first_is_verified() {
    let all: Vec<Entry> = (0..6).map(|slot| Person::new(50).entry(ask(slot))).collect();
    let mut lone = Lone::new();
    lone.hear(1, &all[..4]);
    for (token, copy) in [(2, &all[..4]), (3, &all[1..3])] {
        assert_eq!(lone.tell(token, copy), (Verdict::Ignore, 0));
    }
    // Half of it is new.
    assert_eq!(lone.tell(4, &all[2..]), (Verdict::Accept, 2));
    assert_eq!(lone.recover(1), 4);
    assert_eq!(lone.verdict(1), Verdict::Accept);
    for (token, copy) in [(5, &all[..4]), (6, &all[..4]), (7, &all[..]), (8, &all[1..5])] {
        assert_eq!(lone.tell(token, copy), (Verdict::Ignore, 0));
    }
    assert_eq!(lone.machine.book().len(), 6);
}

#[test]
fn a_rejected_message_is_rejected_again_without_work() {
    let bad = [forged(&Person::new(50).entry(ask(0)), 0)];
    let mut lone = Lone::new();
    assert_eq!(lone.tell(1, &bad), (Verdict::Reject, 1));
    assert_eq!(lone.tell(2, &bad), (Verdict::Reject, 0));
    let from = Address([9; 20]);
    for token in [3, 4] {
        lone.input(token, Input::Heard { from, token, topic: Topic::Orders, bytes: vec![1, 0, 7] });
        assert_eq!(lone.verdict(token), Verdict::Reject);
    }
}

/// A machine of a market that `change` makes, and a maker of orders of one owner: slot, version and epochs of life.
fn small_market(change: impl FnOnce(&mut Parameters)) -> (Lone, impl Fn(u16, u64, u64) -> [Entry; 1]) {
    let mut parameters = market();
    change(&mut parameters);
    let mut lone = Lone::new();
    lone.machine = Market::new(parameters.clone(), Person::new(1).address);
    let entry = move |slot: u16, version: u64, life: u64| {
        let owner = Person::new(50);
        let mut body = ask(slot);
        (body.owner, body.version, body.expiry_epoch) = (owner.address, version, body.from_epoch + life);
        let digest = parameters.domain().digest(&protocol::Typed::struct_hash(&body));
        [Entry::Order(protocol::Signed { body, authority: owner.authority(&digest) })]
    };
    (lone, entry)
}

#[test]
fn what_the_book_had_no_room_for_is_heard_again_under_the_same_bytes() {
    let (mut lone, entry) = small_market(|parameters| parameters.heads_max = 2);
    let late = entry(0, 1, 90);
    assert_eq!(lone.tell(1, &[entry(1, 1, 10), entry(2, 1, 10)].concat()).0, Verdict::Accept);
    assert_eq!(lone.tell(2, &late), (Verdict::Ignore, 0), "there is no room for what expires last");
    // Nothing leaves: one of the two is replaced by what expires even later.
    assert_eq!(lone.tell(3, &entry(1, 2, 95)).0, Verdict::Accept);
    assert_eq!(lone.tell(4, &late).0, Verdict::Accept, "now there is");
    assert_eq!(lone.machine.book().len(), 2);
}

/// The first copy of a message and a copy of its entry in another batch are both remembered; the entry had to leave for
/// others, and comes in again once one of those is replaced by what has to leave before it.
#[test]
fn what_had_to_leave_a_full_book_is_heard_again_under_the_same_bytes() {
    for is_in_other_batch in [false, true] {
        let (mut lone, entry) = small_market(|parameters| parameters.heads_max = 2);
        let (late, last) = (entry(0, 1, 90), entry(1, 2, 95));
        assert_eq!(lone.tell(1, &late).0, Verdict::Accept);
        assert_eq!(lone.tell(2, &[entry(1, 1, 10), entry(2, 1, 10)].concat()).0, Verdict::Accept);
        assert!(!lone.has(&late[0]));
        assert_eq!(lone.tell(3, &last).0, Verdict::Accept);
        let again = if is_in_other_batch { [late.clone(), entry(2, 1, 10)].concat() } else { late.to_vec() };
        assert_eq!(lone.tell(4, &again).0, Verdict::Accept);
        assert!(lone.has(&late[0]) && !lone.has(&last[0]));
    }
}

/// The higher version is over before the lower one, which was replaced or stale, and so remembered.
#[test]
fn what_was_stale_is_heard_again_under_the_same_bytes_once_what_replaced_it_is_over() {
    for is_first in [false, true] {
        for is_in_other_batch in [false, true] {
            let (mut lone, entry) = small_market(|_| {});
            let (low, high, other) = (entry(0, 1, 90), entry(0, 2, 3), entry(1, 1, 90));
            assert_eq!(lone.tell(1, &other).0, Verdict::Accept);
            let verdicts = [(&low, Verdict::Accept), (&high, Verdict::Accept), (&low, Verdict::Ignore)];
            for (number, (entry, verdict)) in verdicts.into_iter().skip(usize::from(!is_first)).enumerate() {
                assert_eq!(lone.tell(2 + number as u64, entry).0, verdict);
            }
            let epoch_ms = u64::from(market().epoch_ms);
            for epoch in [0, 1, 6, 7] {
                lone.machine.handle(Input::Tick, START_MS + epoch * epoch_ms);
            }
            assert_eq!(lone.machine.book().len(), 1, "the higher version is over");
            let again = if is_in_other_batch { [low.clone(), other].concat() } else { low.to_vec() };
            assert_eq!(lone.tell(9, &again).0, Verdict::Accept);
            assert!(lone.has(&low[0]));
        }
    }
}

#[test]
fn what_left_with_its_owners_stake_is_heard_again_under_the_same_bytes_once_the_stake_is_back() {
    let (mut lone, entry) = small_market(|parameters| {
        (parameters.slots_per_owner, parameters.slots_per_owner_max, parameters.stake_per_slot) = (1, 4, 10);
    });
    let stakes = |stake| Input::Checkpoint { stakes: [(Person::new(50).address, stake)].into() };
    let beyond = entry(1, 1, 90);
    lone.input(0, stakes(10));
    assert_eq!(lone.tell(1, &beyond).0, Verdict::Accept);
    lone.input(0, stakes(9));
    assert_eq!(lone.machine.book().len(), 0);
    assert_eq!(lone.tell(2, &beyond), (Verdict::Ignore, 0), "beyond the quota");
    lone.input(0, stakes(10));
    assert_eq!(lone.tell(3, &beyond).0, Verdict::Accept);
    assert_eq!(lone.machine.book().len(), 1);
}

/// A copy that came while the first was being verified says nothing of what will come of it.
#[test]
fn a_copy_of_what_is_being_verified_is_not_remembered_as_harmless() {
    let (bad, good) = (forged(&Person::new(50).entry(ask(0)), 0), Person::new(51).entry(ask(0)));
    let mut lone = Lone::new();
    lone.hear(1, &[bad.clone(), good]);
    assert_eq!(lone.tell(2, core::slice::from_ref(&bad)), (Verdict::Ignore, 0));
    lone.recover(1);
    assert_eq!(lone.verdict(1), Verdict::Reject);
    assert_eq!(lone.tell(3, core::slice::from_ref(&bad)), (Verdict::Reject, 1));
}

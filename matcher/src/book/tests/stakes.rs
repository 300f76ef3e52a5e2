//! Stakes at a checkpoint: more slots, and who stays in a full book, whatever the order of arrival.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::prelude::*;
use protocol::{Address, Entry, Hash, Parameters, Rejected};

use super::{EPOCH, entry, id, ids};
use crate::book::{Book, Quota};
use crate::world::people::{Person, market};

/// Two slots for anyone, at most four, one more for each 10 wei.
fn staked_book(heads_max: u32) -> Book {
    let mut parameters: Parameters = market();
    (parameters.slots_per_owner, parameters.slots_per_owner_max, parameters.stake_per_slot) = (2, 4, 10);
    let mut book = Book::with_quota(market().domain(), heads_max, Quota::of(&parameters));
    book.look_from(EPOCH - 1);
    book
}

fn stakes(of: &[(u64, u128)]) -> BTreeMap<Address, u128> {
    of.iter().map(|(number, stake)| (Person::new(*number).address, *stake)).collect()
}

/// Ten heads of each of five owners in slots 0 to 4, two versions each.
fn heads() -> Vec<Entry> {
    let owners: Vec<Person> = (0..5).map(Person::new).collect();
    let head = |owner: usize, slot: u16, version: u64| {
        entry(&owners[owner], slot, version, (EPOCH, EPOCH + 10 + u64::from(slot) * 7 % 3 + owner as u64 % 2))
    };
    (0..50).map(|n| head(n / 10, (n % 5) as u16, 1 + (n % 10 / 5) as u64)).collect()
}

/// What must stand: of each slot within quota the second version, ranked by stake, expiry and id.
fn expected(of: &[(u64, u128)], heads_max: usize) -> Vec<Hash> {
    let stake_of = |owner: &Address| stakes(of).get(owner).copied().unwrap_or(0);
    let is_within = |head: &&Entry| {
        let (owner, slot, version) = head.place();
        version == 2 && u128::from(slot) < (2 + stake_of(&owner) / 10).min(4)
    };
    let heads = heads();
    let mut ranked: Vec<_> = heads
        .iter()
        .filter(is_within)
        .map(|head| (core::cmp::Reverse(stake_of(&head.place().0)), head.epochs().1, id(head)))
        .collect();
    ranked.sort_unstable();
    ranked.truncate(heads_max);
    let mut ids: Vec<Hash> = ranked.into_iter().map(|(_, _, id)| id).collect();
    ids.sort_unstable();
    ids
}

fn sorted(book: &Book) -> Vec<Hash> {
    let mut ids = ids(book);
    ids.sort_unstable();
    ids
}

const STAKES: [(u64, u128); 3] = [(0, 5), (1, 10), (2, 1_000)];

proptest! {
    // Every case signs its heads.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What a book refused before it knew the stakes comes again, as reconciliation brings it.
    #[test]
    fn any_arrival_of_the_same_heads_and_checkpoint_ends_in_the_same_book(
        before in Just((0..50usize).collect::<Vec<_>>()).prop_shuffle(), at in 0usize..50,
        again in Just((0..50usize).collect::<Vec<_>>()).prop_shuffle(),
        heads_max in prop::sample::select(alloc::vec![1u32, 5, 9, 100]),
    ) {
        let heads = heads();
        let mut book = staked_book(heads_max);
        for (number, head) in before.iter().enumerate() {
            if number == at {
                // A checkpoint before this one, with other stakes.
                book.restake(stakes(&[(3, 99), (1, 30)]));
            }
            let _ = book.admit(heads[*head].clone());
        }
        book.restake(stakes(&STAKES));
        for head in again {
            let _ = book.admit(heads[head].clone());
        }
        prop_assert_eq!(sorted(&book), expected(&STAKES, heads_max as usize));
    }

    /// With the checkpoint known from the start, one arrival of each is enough.
    #[test]
    fn under_one_checkpoint_any_order_of_arrival_ends_in_the_same_book(
        arrivals in Just((0..50usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let heads: Vec<Entry> = heads().into_iter().filter(|head| head.place().2 == 2).collect();
        let mut book = staked_book(7);
        book.restake(stakes(&STAKES));
        for at in arrivals.into_iter().filter(|at| *at < heads.len()) {
            let _ = book.admit(heads[at].clone());
        }
        prop_assert_eq!(sorted(&book), expected(&STAKES, 7));
    }
}

#[test]
fn heads_beyond_a_quota_that_shrank_leave_and_are_told_to_be_out() {
    let mut book = staked_book(100);
    book.restake(stakes(&[(0, 20)]));
    let owner = Person::new(0);
    let heads: Vec<Entry> = (0..5).map(|slot| entry(&owner, slot, 1, (EPOCH, EPOCH + 9))).collect();
    let refused: Vec<_> = heads.iter().map(|head| book.admit(head.clone()).err()).collect();
    assert_eq!(refused, [None, None, None, None, Some(Rejected::Quota)], "four is the most");
    book.take_changes();
    book.restake(stakes(&[(0, 19)]));
    assert_eq!(ids(&book), [0, 1, 2].map(|slot| id(&heads[slot])));
    assert_eq!(book.take_changes(), [crate::book::Change::Out(id(&heads[3]))]);
    assert_eq!(book.slots_of(&owner.address), 3);
}

#[test]
fn a_flood_of_heads_without_stake_evicts_no_staked_head() {
    let mut book = staked_book(8);
    book.restake(stakes(&[(0, 1), (1, 2)]));
    // The staked ones expire last, which alone would make them leave first.
    let staked: Vec<Entry> =
        (0..4).map(|n| entry(&Person::new(n / 2), (n % 2) as u16, 1, (EPOCH, EPOCH + 500))).collect();
    for head in &staked {
        book.admit(head.clone()).unwrap();
    }
    for number in 100..300 {
        let _ = book.admit(entry(&Person::new(number), 0, 1, (EPOCH, EPOCH + 1 + number % 9)));
    }
    assert_eq!(book.len(), 8);
    assert!(staked.iter().all(|head| book.head(&id(head)).is_some()));
    // And they come in where others stand already.
    let mut book = staked_book(8);
    book.restake(stakes(&[(0, 1), (1, 2)]));
    for number in 100..300 {
        let _ = book.admit(entry(&Person::new(number), 0, 1, (EPOCH, EPOCH + 1 + number % 9)));
    }
    assert!(staked.iter().all(|head| book.admit(head.clone()).is_ok()));
    assert_eq!(book.len(), 8);
}

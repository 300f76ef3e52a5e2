//! A book that shares what it holds with another: nobody can tell it from one that does not.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::prelude::*;
use protocol::{Entry, Equivocation, Hash, Rejected, Side, StruckDeal};

use super::{EPOCH, book, entry, everything, id};
use crate::book::{Book, Change, Kept};
use crate::world::people::{Person, market, struck};

#[derive(Debug, Clone)]
enum Step {
    /// One of all entries; under another signature of its owner if so.
    Admit(usize, bool),
    Fill(usize),
    Remember(usize),
    /// So many epochs from the first on are over.
    End(u64),
    /// The first owners have so much stake.
    Restake(u128),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0usize..21, prop::bool::weighted(0.1)).prop_map(|(at, other)| Step::Admit(at, other)),
        3 => (0usize..4).prop_map(Step::Fill),
        1 => (0usize..2).prop_map(Step::Remember),
        1 => (0u64..3).prop_map(Step::End),
        1 => (0u128..3).prop_map(Step::Restake),
    ]
}

struct All {
    entries: Vec<Entry>,
    /// The same under other signatures.
    resigned: Vec<Entry>,
    deals: Vec<StruckDeal>,
    proofs: Vec<Equivocation>,
}

impl All {
    fn new() -> All {
        let (entries, deals) = everything();
        let owners: Vec<Person> = (0..3).map(Person::new).collect();
        let resigned = entries.iter().map(|entry| match entry {
            Entry::Order(order) => {
                let owner = owners.iter().find(|owner| owner.address == order.body.owner).unwrap();
                owner.bulk(alloc::vec![order.body.clone()]).remove(0)
            }
            Entry::Cancel(_) => entry.clone(),
        });
        let resigned = resigned.collect();
        // Deals that live long enough to prove something; the later proof takes the place of the other.
        let proof = |epoch| {
            let word = |deal: usize, consumer: usize| {
                let mut terms = deals[deal].terms.clone();
                (terms.epoch, terms.open_before) = (epoch, 1 << 40);
                struck(&terms, &owners[0], &owners[consumer])
            };
            Equivocation::of(Side::Ask, (&word(0, 1), &word(3, 2)), &market()).unwrap()
        };
        let proofs = [EPOCH, EPOCH + 1].map(proof).to_vec();
        All { entries, resigned, deals, proofs }
    }

    fn take(&self, book: &mut Book, step: &Step) -> Result<(), Rejected> {
        match *step {
            Step::Admit(at, false) => book.admit(self.entries[at].clone()).map(drop),
            Step::Admit(at, true) => book.admit(self.resigned[at].clone()).map(drop),
            Step::Fill(at) => book.fill(self.deals[at].clone()),
            Step::Remember(at) => book.remember(self.proofs[at % self.proofs.len()].clone()).map(drop),
            Step::End(epochs) => {
                book.look_from(book.horizon.max(EPOCH + epochs));
                book.prune(EPOCH + epochs);
                Ok(())
            }
            Step::Restake(stake) => {
                let owners = (0..2).map(|owner| (Person::new(owner).address, stake * u128::from(owner + 1)));
                book.restake(owners.collect());
                Ok(())
            }
        }
    }

    /// Everything that can be seen of a book.
    fn look(&self, book: &Book) -> impl PartialEq + core::fmt::Debug + use<> {
        let judged: Vec<_> = self.entries.iter().map(|entry| book.judge(entry, &id(entry))).collect();
        let deals: Vec<_> = self.deals.iter().map(|deal| book.judge_deal(deal)).collect();
        let proofs: Vec<_> = self.proofs.iter().map(|proof| book.proofs().judge(proof)).collect();
        let open = |epoch| book.heads_after(None).map(|head| book.open_lots(head, epoch)).collect::<Vec<_>>();
        let seals: Vec<_> = (0..4).map(|epoch| (book.seal(EPOCH + epoch).root, open(EPOCH + epoch))).collect();
        let keys: Vec<_> = (0..4).map(|epoch| book.seal_key(EPOCH + epoch)).collect();
        let kept: Vec<Option<Kept>> = book.kept_ids().map(|id| book.kept(id)).collect();
        let counts = (book.losses(), book.kept_len(), book.fingerprint());
        (judged, (deals, proofs), (seals, keys), (kept, counts))
    }
}

fn contents(book: &Book) -> BTreeMap<Hash, Option<Kept>> {
    book.kept_ids().map(|id| (*id, book.kept(id))).collect()
}

proptest! {
    #[test]
    fn a_book_that_shares_now_and_then_is_like_one_that_never_does(
        steps in prop::collection::vec((step(), prop::bool::weighted(0.2), prop::option::of(any::<bool>())), 1..50),
    ) {
        let all = All::new();
        let [mut sharing, mut alone, mut other] = [book(7), book(7), book(7)];
        let mut late = Vec::new();
        for (step, is_late, share) in steps {
            prop_assert_eq!(all.take(&mut sharing, &step), all.take(&mut alone, &step));
            let changes: [Vec<Change>; 2] = [sharing.take_changes(), alone.take_changes()];
            prop_assert_eq!(&changes[0], &changes[1]);
            match is_late {
                true => late.push(step),
                false => all.take(&mut other, &step).unwrap_or_default(),
            }
            if let Some(is_folded) = share {
                late.drain(..).for_each(|step| all.take(&mut other, &step).unwrap_or_default());
                if is_folded {
                    other.fold();
                }
                let is_same = contents(&sharing) == contents(&other) && sharing.standing.has_stakes_of(&other.standing);
                prop_assert_eq!(sharing.share(&other), is_same);
            }
            prop_assert_eq!(all.look(&sharing), all.look(&alone));
        }
    }

    #[test]
    fn books_with_one_key_seal_the_same(
        steps in prop::collection::vec((step(), 0u8..3), 1..40),
    ) {
        let all = All::new();
        let (mut one, mut other) = (book(100), book(100));
        for (step, where_to) in steps {
            for (book, left_out) in [(&mut one, 1), (&mut other, 2)] {
                if where_to != left_out {
                    let _ = all.take(book, &step);
                }
            }
            for epoch in EPOCH - 1..EPOCH + 4 {
                if let (Some(here), Some(there)) = (one.seal_key(epoch), other.seal_key(epoch)) && here == there {
                    prop_assert_eq!(one.seal(epoch).root, other.seal(epoch).root);
                }
            }
        }
    }
}

#[test]
fn equal_books_share_and_part_again() {
    let owner = Person::new(1);
    let entries: Vec<Entry> = (0..20).map(|slot| entry(&owner, slot, 1, (EPOCH, EPOCH + 9))).collect();
    let (mut one, mut other) = (book(100), book(100));
    entries.iter().for_each(|entry| drop(one.admit(entry.clone()).unwrap()));
    entries.iter().rev().for_each(|entry| drop(other.admit(entry.clone())));
    one.fold();
    assert!(other.share(&one));
    let here = one.head(&id(&entries[3])).unwrap();
    assert!(alloc::sync::Arc::ptr_eq(here, other.head(&id(&entries[3])).unwrap()));
    one.admit(owner.cancel(3, 2, (EPOCH, EPOCH + 9))).unwrap();
    assert!(!other.share(&one));
    assert!(other.head(&id(&entries[3])).is_some() && one.head(&id(&entries[3])).is_none());
}

#[test]
fn what_counts_later_changes_no_key_of_the_running_epoch() {
    let owner = Person::new(1);
    let mut book = book(10);
    book.admit(entry(&owner, 0, 1, (EPOCH, EPOCH + 9))).unwrap();
    let key = book.seal_key(EPOCH);
    book.admit(entry(&owner, 1, 1, (EPOCH + 1, EPOCH + 9))).unwrap();
    assert_eq!(book.seal_key(EPOCH), key);
    assert_ne!(book.seal_key(EPOCH + 1).map(|key| key.counting), key.map(|key| key.counting));
    book.admit(entry(&owner, 2, 1, (EPOCH, EPOCH + 9))).unwrap();
    assert_ne!(book.seal_key(EPOCH), key);
    book.prune(EPOCH + 1);
    assert_eq!(book.seal_key(EPOCH), None, "an epoch that is over is not told apart");
}

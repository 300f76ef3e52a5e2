//! Own heads are signed together: all that one input gave rise to by one signature over one tree, each with its proof.

use alloc::boxed::Box;
use alloc::vec::Vec;

use protocol::bulk::{self, BulkProof, LEAVES_MAX};
use protocol::{Cancel, Entry, Hash, Order, Recovery, Rejected, Signable, Signature};

use super::{Asker, OwnHead, RETRY_MS, Standing};
use crate::effect::{Answer, Effect, Placed, Record, Refused};
use crate::market::Market;
use crate::waiting::Next;

/// Own heads that are being verified, each with the places of its recoveries: all of one tree share theirs.
pub(crate) type Recovered = Vec<(OwnHead, Vec<usize>)>;

impl Market {
    /// Has the standing's newest head signed, with all others that are due.
    pub(super) fn issue(&mut self, asker: Option<Asker>, standing: Standing) {
        self.maker.issuing.insert(standing.slot);
        self.maker.due.push(OwnHead { asker, standing });
    }

    /// Asks for the signatures on all heads that are due: one for up to 64 orders, one for up to 64 empty slots.
    pub(crate) fn sign_heads(&mut self) {
        if self.maker.due.is_empty() {
            return;
        }
        let due = core::mem::take(&mut self.maker.due);
        let is_order = |head: &OwnHead| matches!(head.standing.entry, Entry::Order(_));
        let (orders, cancels): (Vec<_>, Vec<_>) = due.into_iter().partition(is_order);
        for mut heads in [orders, cancels] {
            while !heads.is_empty() {
                let later = heads.split_off(heads.len().min(LEAVES_MAX));
                self.sign_tree(heads);
                heads = later;
            }
        }
    }

    /// A single head is signed by itself.
    fn sign_tree(&mut self, heads: Vec<OwnHead>) {
        let leaves: Vec<Hash> = heads.iter().map(|head| head.standing.entry.struct_hash()).collect();
        let proofs = match leaves.len() {
            1 => Vec::new(),
            _ => bulk::proofs(&leaves).expect("a tree has 2 to 64 leaves"),
        };
        let digest = match proofs.first() {
            None => self.domain.digest(&leaves[0]),
            Some(proof) => self.domain.digest(&tree(&heads[0].standing.entry, proof, &leaves[0])),
        };
        self.sign(Next::SignHeads { heads, proofs }, digest);
    }

    pub(crate) fn on_heads_signed(
        &mut self,
        mut heads: Vec<OwnHead>,
        proofs: Vec<BulkProof>,
        signature: Signature,
        now: u64,
    ) {
        let mut proofs = proofs.into_iter();
        for head in &mut heads {
            let mut authority = self.mandate.authority(signature);
            authority.bulk = proofs.next().map(Box::new);
            match &mut head.standing.entry {
                Entry::Order(order) => order.authority = authority,
                Entry::Cancel(cancel) => cancel.authority = authority,
            }
        }
        self.verify_heads(heads, now);
    }

    /// Own heads pass the door that everyone's do.
    fn verify_heads(&mut self, heads: Vec<OwnHead>, now: u64) {
        let mut work: Vec<Recovery> = Vec::new();
        let mut screened = Recovered::new();
        for head in heads {
            match self.screen(&head.standing.entry, now) {
                Ok((_, recoveries)) => {
                    let places = recoveries.into_iter().map(|recovery| place_in(&mut work, recovery)).collect();
                    screened.push((head, places));
                }
                Err(rejected) => self.refuse_head(&head, Refused::Rejected(rejected), now),
            }
        }
        if !screened.is_empty() {
            self.recover(None, Next::OwnHeads { heads: screened }, work);
        }
    }

    pub(crate) fn on_own_heads_verified(&mut self, heads: Recovered, verdicts: &[bool], now: u64) {
        let mut published = Vec::new();
        for (head, places) in heads {
            let is_valid = places.iter().all(|&place| verdicts.get(place).is_some_and(|&good| good));
            let admitted = match is_valid {
                true => self.enter(head.standing.entry.clone()).map_err(Refused::Rejected),
                false => Err(Refused::Rejected(protocol::Rejected::Signer)),
            };
            match admitted {
                Ok(_) => published.push(self.keep_head(head)),
                Err(refused) => self.refuse_head(&head, refused, now),
            }
        }
        self.publish_in_batches(published);
    }

    /// The head stands: stored before anybody is told. Gives it, to be published.
    fn keep_head(&mut self, OwnHead { asker, mut standing }: OwnHead) -> Entry {
        let (slot, id, entry) = (standing.slot, standing.id, standing.entry.clone());
        // What was learned while this version was being signed counts for the next.
        let known = self.maker.standings.get(&slot).filter(|known| known.first_version == standing.first_version);
        if let Some(known) = known {
            standing.avoided.clone_from(&known.avoided);
        }
        self.maker.issuing.remove(&slot);
        self.maker.retry_ms.remove(&slot);
        self.maker.stale.insert(slot);
        self.effects.push(Effect::Store(Record::Standing(Box::new(standing.clone()))));
        let (version, from_epoch, is_withdrawn) = (entry.place().2, entry.epochs().0, standing.is_withdrawn);
        self.maker.standings.insert(slot, standing);
        match asker {
            Some(Asker::One(user)) => {
                let answer = match is_withdrawn {
                    true => Answer::Withdrawn { slot },
                    false => Answer::Placed { id, slot, version, from_epoch },
                };
                self.effects.push(Effect::Answer { user, answer: Ok(answer) });
            }
            Some(Asker::List(user, place)) => {
                self.answer_in_list(user, place, Ok(Placed { id, slot, version, from_epoch }));
            }
            None => {}
        }
        entry
    }

    fn refuse_head(&mut self, head: &OwnHead, refused: Refused, now: u64) {
        let slot = head.standing.slot;
        self.maker.issuing.remove(&slot);
        match head.asker {
            Some(Asker::One(user)) => self.effects.push(Effect::Answer { user, answer: Err(refused) }),
            Some(Asker::List(user, place)) => self.answer_in_list(user, place, Err(refused)),
            None => {
                self.maker.retry_ms.insert(slot, now.saturating_add(RETRY_MS));
                self.maker.stale.insert(slot);
            }
        }
    }

    fn answer_in_list(&mut self, user: u64, place: usize, answer: Result<Placed, Refused>) {
        if let Some(open) = self.maker.lists.get_mut(&user).and_then(|answers| answers.get_mut(place)) {
            *open = Some(answer);
        }
        self.answer_list(user);
    }

    /// Puts own offers of an earlier life back into the book and on their way, or renews them.
    pub(crate) fn restore_standings(&mut self, standings: Vec<Standing>, now: u64) {
        let (mut heads, mut known) = (Vec::new(), Vec::new());
        for standing in standings {
            let slot = standing.slot;
            self.shun_again(&standing);
            self.maker.standings.insert(slot, standing.clone());
            self.maker.stale.insert(slot);
            match self.screen(&standing.entry, now) {
                Ok(_) => {
                    self.maker.issuing.insert(slot);
                    heads.push(OwnHead { asker: None, standing });
                }
                // It is in the restored book already; peers may lack it.
                Err(Rejected::Duplicate) => known.push(standing.entry),
                Err(_) => {}
            }
        }
        self.verify_heads(heads, now);
        self.publish_in_batches(known);
    }
}

/// Where `recovery` stands in `work`, put there if it is not yet.
fn place_in(work: &mut Vec<Recovery>, recovery: Recovery) -> usize {
    work.iter().position(|known| *known == recovery).unwrap_or_else(|| {
        work.push(recovery);
        work.len() - 1
    })
}

/// The struct hash of the tree over entries of the kind of `entry`.
fn tree(entry: &Entry, proof: &BulkProof, leaf: &Hash) -> Hash {
    fn of<T: Signable>(proof: &BulkProof, leaf: &Hash) -> Hash {
        proof.tree_struct_hash(leaf, T::BULK_NAME.expect("heads may be signed in bulk"), T::TYPE)
    }
    match entry {
        Entry::Order(_) => of::<Order>(proof, leaf),
        Entry::Cancel(_) => of::<Cancel>(proof, leaf),
    }
}

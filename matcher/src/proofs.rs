//! Proofs of equivocation: at most one an owner, the same on every peer whatever came first. Judges nobody.

use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::{Address, Domain, Equivocation, Hash, Rejected};

use crate::book::fingerprint::Fingerprint;
use crate::layered::Layered;

/// Owners that are remembered; the proofs with the earliest epochs go.
const PROOFS_MAX: usize = 4_096;
/// Epochs for which a proof is remembered: two weeks at two seconds.
pub const PROOF_EPOCHS: u64 = 604_800;

/// Later wins: the later epoch, then the lower id.
type Rank = (u64, core::cmp::Reverse<Hash>);

/// The proofs by owner.
#[derive(Debug)]
pub struct Proofs {
    domain: Domain,
    by_owner: Layered<Address, (Hash, Arc<Equivocation>)>,
    by_rank: Layered<Rank, Address>,
    by_id: Layered<Hash, Address>,
    print: Fingerprint,
}

impl Proofs {
    /// No proofs yet.
    pub fn new(domain: Domain) -> Proofs {
        Proofs {
            domain,
            by_owner: Layered::default(),
            by_rank: Layered::default(),
            by_id: Layered::default(),
            print: Fingerprint::default(),
        }
    }

    /// Whether `proof` would be remembered; costs no signature.
    ///
    /// # Errors
    /// [`Rejected::Duplicate`] if it or a later one of the same owner is, [`Rejected::BookFull`].
    pub fn judge(&self, proof: &Equivocation) -> Result<(), Rejected> {
        self.judge_known(proof.id(&self.domain), proof)
    }

    fn judge_known(&self, id: Hash, proof: &Equivocation) -> Result<(), Rejected> {
        let rank = rank(id, proof);
        match self.by_owner.get(&proof.owner()) {
            Some((known_id, known)) if self::rank(*known_id, known) >= rank => Err(Rejected::Duplicate),
            Some(_) => Ok(()),
            None if self.by_rank.len() >= PROOFS_MAX && self.by_rank.keys().next() > Some(&rank) => {
                Err(Rejected::BookFull)
            }
            None => Ok(()),
        }
    }

    /// Remembers a verified proof under its id; gives the ids of those that went for it.
    ///
    /// # Errors
    /// As [`Proofs::judge`].
    pub fn remember(&mut self, (id, proof): (Hash, Arc<Equivocation>)) -> Result<Vec<Hash>, Rejected> {
        self.judge_known(id, &proof)?;
        let mut gone = Vec::new();
        let (owner, rank) = (proof.owner(), rank(id, &proof));
        gone.extend(self.forget(&owner));
        self.print.add(print(&id, &proof));
        self.by_owner.insert(owner, (id, proof));
        self.by_rank.insert(rank, owner);
        self.by_id.insert(id, owner);
        let first = self.by_rank.values().next().copied().filter(|_| self.by_rank.len() > PROOFS_MAX);
        gone.extend(first.and_then(|first| self.forget(&first)));
        Ok(gone)
    }

    fn forget(&mut self, owner: &Address) -> Option<Hash> {
        let (id, proof) = self.by_owner.remove(owner)?;
        self.by_rank.remove(&rank(id, &proof));
        self.by_id.remove(&id);
        self.print.take(print(&id, &proof));
        Some(id)
    }

    /// Forgets what was proven long before `epoch`; gives the ids.
    pub fn prune(&mut self, epoch: u64) -> Vec<Hash> {
        let is_old = |rank: &Rank| Proofs::is_over(rank.0, epoch);
        let old: Vec<Address> =
            self.by_rank.iter().take_while(|(rank, _)| is_old(rank)).map(|(_, owner)| *owner).collect();
        old.iter().filter_map(|owner| self.forget(owner)).collect()
    }

    /// What tells these proofs from others.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.print
    }

    /// Makes all of it a base that others may share.
    pub(crate) fn fold(&mut self) {
        self.by_owner.fold();
        self.by_rank.fold();
        self.by_id.fold();
    }

    /// Shares what `other` holds, which must be the same proofs.
    pub(crate) fn share(&mut self, other: &Proofs) {
        self.by_owner.adopt(&other.by_owner);
        self.by_rank.adopt(&other.by_rank);
        self.by_id.adopt(&other.by_id);
    }

    /// How many owners are remembered.
    pub fn len(&self) -> usize {
        self.by_owner.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_owner.is_empty()
    }

    /// Whether a proof of epoch `proven` is no longer remembered in `epoch`.
    pub fn is_over(proven: u64, epoch: u64) -> bool {
        proven.saturating_add(PROOF_EPOCHS) <= epoch
    }

    /// Whether this owner is proven to have equivocated.
    pub fn has(&self, owner: &Address) -> bool {
        self.by_owner.contains_key(owner)
    }

    /// The proof with this id.
    pub fn find(&self, id: &Hash) -> Option<&Arc<Equivocation>> {
        let owner = self.by_id.get(id)?;
        self.by_owner.get(owner).map(|(_, proof)| proof)
    }

    /// The ids of all proofs.
    pub fn ids(&self) -> impl Iterator<Item = &Hash> {
        self.by_owner.values().map(|(id, _)| id)
    }

    /// All proofs, by owner.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Equivocation>> {
        self.by_owner.values().map(|(_, proof)| proof)
    }
}

fn rank(id: Hash, proof: &Equivocation) -> Rank {
    (proof.epoch(), core::cmp::Reverse(id))
}

fn print(id: &Hash, proof: &Equivocation) -> Fingerprint {
    Fingerprint::of(id, [&proof.first.authority, &proof.second.authority])
}

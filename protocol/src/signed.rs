//! Signed and verified objects: `Order -> Signed<Order> -> Verified<Order>`. Only this file makes a `Verified`.

use alloc::boxed::Box;
use core::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::bulk::BulkProof;
use crate::delegation::{Delegation, Scope};
use crate::hash::Hash;
use crate::market::Parameters;
use crate::memo::Memo;
use crate::order::{Cancel, Order};
use crate::rejected::Rejected;
use crate::signature::Signature;
use crate::typed::{Domain, Typed};
use crate::wire::{self, ENTRY_MAX};

/// What an owner, or a delegate in scope, can sign.
pub trait Signable: Typed {
    /// The primary type's name if leaves of this type may be signed in bulk.
    const BULK_NAME: Option<&'static str>;
    /// The full type string.
    const TYPE: &'static str;
    /// In whose name it is signed.
    fn owner(&self) -> Address;
    /// What a delegate must be allowed.
    fn scope(&self) -> Scope;

    /// The claim to have signed this, its struct hash being known.
    fn claim(&self, struct_hash: Hash) -> Claim {
        let bulk = Self::BULK_NAME.map(|name| (name, Self::TYPE));
        Claim { struct_hash, bulk, owner: self.owner(), scope: self.scope() }
    }
}

/// A signature and all that is needed to trace it to the owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Over the object's digest, or over its tree's.
    pub signature: Signature,
    /// Where the object stands in a bulk-signed tree.
    pub bulk: Option<Box<BulkProof>>,
    /// Present when a delegate signed: the delegation and the owner's signature over it.
    pub delegation: Option<Box<(Delegation, Signature)>>,
}

impl Authority {
    /// The owner's own signature over one object.
    pub fn own(signature: Signature) -> Authority {
        Authority { signature, bulk: None, delegation: None }
    }

    /// Everything about this authority over `claim` but the costly recoveries, which come back as work: one, or two
    /// with a delegation.
    ///
    /// # Errors
    /// [`Rejected`] if a form, the proof or the delegation does not fit.
    pub fn recoveries(&self, claim: &Claim, domain: &Domain, unix_s: u64) -> Result<Recoveries, Rejected> {
        // Only a single signature is over the id itself.
        let id = self.bulk.as_ref().map_or_else(|| domain.digest(&claim.struct_hash), |_| Hash::ZERO);
        self.recoveries_of(claim, &id, &mut Memo::new(domain), unix_s)
    }

    /// As [`Authority::recoveries`] for an object whose id is known, in a message that taught `memo` already.
    ///
    /// # Errors
    /// [`Rejected`] if a form, the proof or the delegation does not fit.
    pub fn recoveries_of(
        &self,
        claim: &Claim,
        id: &Hash,
        memo: &mut Memo,
        unix_s: u64,
    ) -> Result<Recoveries, Rejected> {
        self.signature.check_form()?;
        let digest = match (&self.bulk, claim.bulk) {
            (None, _) => *id,
            (Some(_), None) => return Err(Rejected::BulkProof),
            (Some(proof), Some(of)) => {
                proof.check()?;
                memo.tree_digest(&self.signature, (proof, &claim.struct_hash), of)
            }
        };
        let domain = *memo.domain();
        let Some(delegation) = &self.delegation else {
            return Ok((Recovery { digest, signature: self.signature, expected: claim.owner }, None));
        };
        let (delegation, owners) = &**delegation;
        delegation.check(&claim.owner, claim.scope, domain.market(), unix_s)?;
        owners.check_form()?;
        let delegates = Recovery { digest, signature: self.signature, expected: delegation.delegate };
        let digest = domain.digest(&delegation.struct_hash());
        Ok((delegates, Some(Recovery { digest, signature: *owners, expected: claim.owner })))
    }

    /// Recovers and judges here and now.
    ///
    /// # Errors
    /// [`Rejected`] if anything about the authority is wrong.
    pub fn verify(&self, claim: &Claim, domain: &Domain, unix_s: u64) -> Result<(), Rejected> {
        let (first, second) = self.recoveries(claim, domain, unix_s)?;
        first.run()?;
        second.map_or(Ok(()), |second| second.run())
    }
}

/// What is claimed to be signed, by whom, and what a delegate needs to sign it.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Hash of the struct.
    pub struct_hash: Hash,
    /// Primary type and full type string, if leaves of this type may be signed in bulk.
    pub bulk: Option<(&'static str, &'static str)>,
    /// In whose name.
    pub owner: Address,
    /// What a delegate must be allowed.
    pub scope: Scope,
}

impl Claim {
    /// `object` is claimed to be signed by `owner`, or by a delegate that has `scope`; never in bulk.
    pub fn single(object: &impl Typed, owner: Address, scope: Scope) -> Claim {
        Claim { struct_hash: object.struct_hash(), bulk: None, owner, scope }
    }
}

/// The recoveries that one authority takes: the signer's, and the owner's where a delegate signed.
pub type Recoveries = (Recovery, Option<Recovery>);

/// A signature recovery that the caller has to do: whoever signed `digest` must be `expected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recovery {
    /// What was signed.
    pub digest: Hash,
    /// By whom, allegedly.
    pub signature: Signature,
    /// Who it must have been.
    pub expected: Address,
}

impl Recovery {
    /// Does the recovery here and now.
    ///
    /// # Errors
    /// [`Rejected::Signer`] if someone else signed, [`Rejected::SignatureForm`] if the form is wrong.
    pub fn run(&self) -> Result<(), Rejected> {
        match self.signature.recover(&self.digest)? == self.expected {
            true => Ok(()),
            false => Err(Rejected::Signer),
        }
    }
}

/// An object and the authority it claims; nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    /// The object.
    pub body: T,
    /// The claim.
    pub authority: Authority,
}

impl<T: Signable> Signed<T> {
    /// The object's id: its own EIP-712 digest, also when it was signed in bulk.
    pub fn id(&self, domain: &Domain) -> Hash {
        domain.digest(&self.body.struct_hash())
    }

    /// See [`Authority::recoveries`].
    ///
    /// # Errors
    /// [`Rejected`] if a form, the proof or the delegation does not fit.
    pub fn recoveries(&self, domain: &Domain, unix_s: u64) -> Result<Recoveries, Rejected> {
        self.authority.recoveries(&self.claim(), domain, unix_s)
    }

    fn claim(&self) -> Claim {
        self.body.claim(self.body.struct_hash())
    }

    /// Recovers and verifies here and now.
    ///
    /// # Errors
    /// [`Rejected`] if anything about the authority is wrong.
    pub fn verify(self, domain: &Domain, unix_s: u64) -> Result<Verified<T>, Rejected> {
        self.authority.verify(&self.claim(), domain, unix_s)?;
        Ok(self.believe(domain))
    }

    /// For a caller that ran [`Signed::recoveries`] and got every verdict: the object is verified.
    pub fn believe(self, domain: &Domain) -> Verified<T> {
        Verified { id: self.id(domain), signed: self }
    }
}

/// An object whose authority was traced to its owner, with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    id: Hash,
    signed: Signed<T>,
}

impl<T> Verified<T> {
    /// The object's id.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// The signed form, for sending on.
    pub fn signed(&self) -> &Signed<T> {
        &self.signed
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.signed.body
    }
}

/// More bytes than an entry takes without the elements of its lists, whatever its numbers: an order that a delegate signed
/// takes 410 at most.
const REST_LEN_MAX: usize = 512;

/// What travels on the orders topic and stands in the book: a head of one owner's slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// An ask or a bid.
    Order(Signed<Order>),
    /// An empty slot.
    Cancel(Signed<Cancel>),
}

impl Entry {
    /// Owner, slot and version: where the head belongs and what it replaces.
    pub fn place(&self) -> (Address, u16, u64) {
        match self {
            Entry::Order(order) => (order.body.owner, order.body.slot, order.body.version),
            Entry::Cancel(cancel) => (cancel.body.owner, cancel.body.slot, cancel.body.version),
        }
    }

    /// The first epoch it counts for and the first it no longer does.
    pub fn epochs(&self) -> (u64, u64) {
        match self {
            Entry::Order(order) => (order.body.from_epoch, order.body.expiry_epoch),
            Entry::Cancel(cancel) => (cancel.body.from_epoch, cancel.body.expiry_epoch),
        }
    }

    /// The head's id.
    pub fn id(&self, domain: &Domain) -> Hash {
        match self {
            Entry::Order(order) => order.id(domain),
            Entry::Cancel(cancel) => cancel.id(domain),
        }
    }

    /// Hash of the order or the cancel, as a leaf of a bulk-signed tree.
    pub fn struct_hash(&self) -> Hash {
        match self {
            Entry::Order(order) => order.body.struct_hash(),
            Entry::Cancel(cancel) => cancel.body.struct_hash(),
        }
    }

    /// The claim that the entry makes, in a message that taught `memo` already.
    pub fn claim(&self, memo: &mut Memo) -> Claim {
        match self {
            Entry::Order(order) => {
                let capacity = memo.capacity_hash(&order.body.capacity);
                order.body.claim(order.body.struct_hash_over(&capacity))
            }
            Entry::Cancel(cancel) => cancel.body.claim(cancel.body.struct_hash()),
        }
    }

    /// What it claims to be signed by.
    pub fn authority(&self) -> &Authority {
        match self {
            Entry::Order(order) => &order.authority,
            Entry::Cancel(cancel) => &cancel.authority,
        }
    }

    /// The checks that need no clock and no book. A head that a delegate signed ends with its delegation at the latest.
    ///
    /// # Errors
    /// The first [`Rejected`] that applies.
    pub fn check(&self, market: &Parameters) -> Result<(), Rejected> {
        if self.len_max() > ENTRY_MAX && wire::encode(self).len() > ENTRY_MAX {
            return Err(Rejected::TooLarge);
        }
        match self {
            Entry::Order(order) => order.body.check(market),
            Entry::Cancel(cancel) => cancel.body.check(market),
        }?;
        let delegation = self.authority().delegation.as_ref();
        let is_within = |not_after: u64| market.epoch_start_ms(self.epochs().1) <= not_after.saturating_mul(1000);
        match delegation.is_none_or(|delegation| is_within(delegation.0.not_after)) {
            true => Ok(()),
            false => Err(Rejected::Delegation),
        }
    }

    /// No fewer bytes than its encoding takes; found without encoding.
    fn len_max(&self) -> usize {
        let lists = match self {
            // A score is two numbers, of 3 and 9 bytes at most.
            Entry::Order(order) => 12 * order.body.capacity.scores().len() + 20 * order.body.excluded.len(),
            Entry::Cancel(_) => 0,
        };
        let siblings = self.authority().bulk.as_ref().map_or(0, |proof| proof.siblings.len());
        REST_LEN_MAX + lists + 32 * siblings
    }

    /// See [`Signed::recoveries`].
    ///
    /// # Errors
    /// [`Rejected`] if a form, the proof or the delegation does not fit.
    pub fn recoveries(&self, domain: &Domain, unix_s: u64) -> Result<Recoveries, Rejected> {
        match self {
            Entry::Order(order) => order.recoveries(domain, unix_s),
            Entry::Cancel(cancel) => cancel.recoveries(domain, unix_s),
        }
    }
}

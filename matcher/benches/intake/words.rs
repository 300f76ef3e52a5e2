//! Signed orders with test keys, one signature each or one for a tree of 64. Knows no machine.

use protocol::bulk;
use protocol::signature::address_of;
use protocol::talk::OrdersMessage;
use protocol::{Address, Authority, Capacity, Domain, Entry, Flags, Hash, Identity, Metric, Order, Parameters, Price};
use protocol::{Side, Signature, Signed, Typed, keccak256, wire};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, PublicKey, SecretKey};

/// The first millisecond of an epoch.
pub const NOW_MS: u64 = 1_700_000_000_000;

/// The market of all figures: the default one.
pub fn market() -> Parameters {
    Parameters::new("bench", Hash::ZERO)
}

/// A key made from a number.
pub struct Owner {
    secret: SecretKey,
    pub address: Address,
}

impl Owner {
    pub fn new(number: u64) -> Owner {
        let seed = keccak256(&[b"owner", &number.to_be_bytes()]);
        let secret = SecretKey::from_secret_bytes(seed.0).unwrap();
        Owner { address: address_of(&PublicKey::from_secret_key(&secret)), secret }
    }

    fn sign(&self, digest: &Hash) -> Signature {
        let signed = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.secret);
        let (id, rs) = signed.serialize_compact();
        Signature::from_compact(&rs, id.to_u8())
    }

    /// An ask with three metrics in `slot`.
    pub fn order(&self, slot: u16, number: u64) -> Order {
        let epoch = market().epoch_at(NOW_MS);
        // An owner sells eight kinds of machine.
        let (kind, hashes) = (u64::from(slot / 8), 10_000_000 * (1 + number / 64 % 90));
        Order {
            side: if number.is_multiple_of(2) { Side::Ask } else { Side::Bid },
            owner: self.address,
            slot,
            version: 1,
            capacity: Capacity::new([
                (Metric::CpuThreads, 8),
                (Metric::CpuHash, hashes),
                (Metric::MemSize, 1024 * (1 + kind)),
            ]),
            lots: 4,
            price: Price(1_000_000_000_000 + u128::from(number)),
            duration_min_s: 60,
            duration_max_s: 3600,
            billed_min_s: 60,
            from_epoch: epoch,
            expiry_epoch: epoch + 600 + number % 1000,
            counterparty: Address::ZERO,
            excluded: Vec::new(),
            identity_min: Identity::Anonymous,
            flags: Flags::default(),
            tag: Hash::ZERO,
        }
    }
}

/// How a batch of 64 orders is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// Each order by itself.
    Single,
    /// All in one tree.
    Bulk,
}

/// So many orders, 64 of each owner, really signed.
pub fn signed(count: usize, signing: Signing) -> Vec<Entry> {
    let domain = market().domain();
    batches(count, |owner, orders| match signing {
        Signing::Single => {
            let sign = |order: &Order| Authority::own(owner.sign(&domain.digest(&order.struct_hash())));
            orders.iter().map(sign).collect()
        }
        Signing::Bulk => bulk_authorities(orders, |digest| owner.sign(digest), &domain),
    })
}

/// The same with signatures that nobody made, for what only counts bytes.
pub fn unsigned(count: usize, signing: Signing) -> Vec<Entry> {
    let domain = market().domain();
    let made_up = |digest: &Hash| {
        let mut bytes = [7; 65];
        bytes[..32].copy_from_slice(&digest.0);
        (bytes[0], bytes[64]) = (1, 27);
        Signature(bytes)
    };
    batches(count, |_, orders| match signing {
        Signing::Single => orders.iter().map(|order| Authority::own(made_up(&order.struct_hash()))).collect(),
        Signing::Bulk => bulk_authorities(orders, made_up, &domain),
    })
}

fn batches(count: usize, authorities: impl Fn(&Owner, &[Order]) -> Vec<Authority>) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(count);
    for first in (0..count).step_by(64) {
        let owner = Owner::new(first as u64);
        let slots = 0..(count - first).min(64) as u16;
        let orders: Vec<Order> = slots.map(|slot| owner.order(slot, first as u64 + u64::from(slot))).collect();
        let signed = authorities(&owner, &orders);
        entries
            .extend(orders.into_iter().zip(signed).map(|(body, authority)| Entry::Order(Signed { body, authority })));
    }
    entries
}

fn bulk_authorities(orders: &[Order], sign: impl Fn(&Hash) -> Signature, domain: &Domain) -> Vec<Authority> {
    let leaves: Vec<Hash> = orders.iter().map(Typed::struct_hash).collect();
    let proofs = bulk::proofs(&leaves).unwrap();
    let tree = proofs[0].tree_struct_hash(&leaves[0], "Order", protocol::typed::types::ORDER);
    let signature = sign(&domain.digest(&tree));
    proofs.into_iter().map(|proof| Authority { signature, bulk: Some(Box::new(proof)), delegation: None }).collect()
}

/// Messages of `size` orders each.
pub fn messages(entries: &[Entry], size: usize) -> Vec<Vec<u8>> {
    entries.chunks(size).map(|chunk| wire::encode(&OrdersMessage(chunk.to_vec()))).collect()
}

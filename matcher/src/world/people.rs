//! People with test keys who sign orders and deals; what they are worth is in the tests.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use protocol::bulk;
use protocol::deal::TermsBy;
use protocol::signature::address_of;
use protocol::talk::{DealMessage, OrdersMessage};
use protocol::typed::types;
use protocol::{
    Address, Authority, Cancel, Capacity, DealTerms, Delegation, Domain, Entry, Flags, Hash, Identity, Mandate, Metric,
    Order, OrderRef,
};
use protocol::{Parameters, Price, Scope, Side, Signable, Signature, Signed, StruckDeal, Typed, keccak256, wire};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, PublicKey, SecretKey};

use crate::input::Draft;
use crate::market::Market;

/// The market of all tests.
pub fn market() -> Parameters {
    Parameters::new("test", Hash::ZERO)
}

/// A test key, made from a number.
#[derive(Clone)]
pub struct Person {
    secret: SecretKey,
    pub address: Address,
    /// In whose name the node of this person trades.
    pub mandate: Mandate,
}

impl Person {
    pub fn new(number: u64) -> Person {
        let seed = keccak256(&[b"person", number.to_string().as_bytes()]);
        let secret = SecretKey::from_secret_bytes(seed.0).unwrap();
        let address = address_of(&PublicKey::from_secret_key(&secret));
        Person { address, secret, mandate: Mandate::own(address) }
    }

    /// This person's node from now on trades in the name of `owner`, who lets it.
    pub fn act_for(&mut self, owner: &Person, scope: Scope, (not_before, not_after): (u64, u64)) {
        let (id, delegate) = (market().id(), self.address);
        let delegation = Delegation { owner: owner.address, delegate, scope, not_before, not_after, market: id };
        let owners = owner.sign(&market().domain().digest(&delegation.struct_hash()));
        self.mandate = Mandate::delegated(delegation, owners);
    }

    /// A machine in this person's hands.
    pub fn market(&self) -> Market {
        Market::acting(market(), self.mandate.clone())
    }

    pub fn sign(&self, digest: &Hash) -> Signature {
        let signed = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.secret);
        let (id, rs) = signed.serialize_compact();
        Signature::from_compact(&rs, id.to_u8())
    }

    pub fn authority(&self, digest: &Hash) -> Authority {
        Authority::own(self.sign(digest))
    }

    fn signed<T: Signable>(&self, body: T, domain: &Domain) -> Signed<T> {
        let authority = self.authority(&domain.digest(&body.struct_hash()));
        Signed { body, authority }
    }

    /// The order in this person's name.
    pub fn entry(&self, mut order: Order) -> Entry {
        order.owner = self.address;
        Entry::Order(self.signed(order, &market().domain()))
    }

    /// The orders in this person's name, all under one signature.
    pub fn bulk(&self, mut orders: Vec<Order>) -> Vec<Entry> {
        orders.iter_mut().for_each(|order| order.owner = self.address);
        let leaves: Vec<Hash> = orders.iter().map(Typed::struct_hash).collect();
        let proofs = bulk::proofs(&leaves).unwrap();
        let tree = proofs[0].tree_struct_hash(&leaves[0], "Order", types::ORDER);
        let signature = self.sign(&market().domain().digest(&tree));
        let authority = |proof: bulk::BulkProof| Authority { signature, bulk: Some(proof.into()), delegation: None };
        let signed = orders.into_iter().zip(proofs).map(|(body, proof)| Signed { body, authority: authority(proof) });
        signed.map(Entry::Order).collect()
    }

    pub fn cancel(&self, slot: u16, version: u64, epochs: (u64, u64)) -> Entry {
        let (from_epoch, expiry_epoch) = epochs;
        let cancel = Cancel { owner: self.address, slot, version, from_epoch, expiry_epoch };
        Entry::Cancel(self.signed(cancel, &market().domain()))
    }
}

/// Terms that only their two signers vouch for.
pub fn terms(epoch: u64, ask: (Hash, Address), bid: (Hash, Address)) -> DealTerms {
    let side = |(id, owner)| OrderRef { id, owner, slot: 0, version: 1, first_lot: 0, lots: 1 };
    let (price, sealed_root) = (Price(100), Hash::ZERO);
    let (ask, bid) = (side(ask), side(bid));
    DealTerms { ask, bid, price, duration_s: 600, billed_min_s: 60, epoch, sealed_root, open_before: 1 }
}

/// Terms with both signatures, whatever they say.
pub fn struck(terms: &DealTerms, supplier: &Person, consumer: &Person) -> StruckDeal {
    let id = terms.id(&market().domain());
    StruckDeal { terms: terms.clone(), supplier: supplier.authority(&id), consumer: consumer.authority(&id) }
}

/// The terms as the consumer signs them.
pub fn claim(terms: &DealTerms, consumer: &Person) -> Authority {
    let by = TermsBy { side: Side::Bid, terms };
    consumer.signed(by, &market().domain()).authority
}

pub fn orders_message(entries: &[Entry]) -> Vec<u8> {
    wire::encode(&OrdersMessage(entries.to_vec()))
}

pub fn deal_message(deal: StruckDeal) -> Vec<u8> {
    wire::encode(&DealMessage::Struck(alloc::boxed::Box::new(deal)))
}

/// So many hashes a second and 1 GiB.
pub fn capacity(mega_hashes: u64) -> Capacity {
    Capacity::new([(Metric::CpuHash, mega_hashes * 1_000_000), (Metric::MemSize, 1024)])
}

/// One lot of 10 Mhash/s for up to ten minutes, renewed.
pub fn draft(side: Side, price: u128) -> Draft {
    Draft {
        side,
        capacity: capacity(10),
        lots: 1,
        price: Price(price),
        duration_min_s: 10,
        duration_max_s: 600,
        billed_min_s: 60,
        counterparty: Address::ZERO,
        excluded: vec![],
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
        life_s: 3600,
        is_renewed: true,
    }
}

/// The same as an unsigned order of nobody, for epochs `from..from + 100`.
pub fn order(side: Side, price: u128, from: u64) -> Order {
    Order {
        side,
        owner: Address::ZERO,
        slot: 0,
        version: 1,
        capacity: capacity(10),
        lots: 1,
        price: Price(price),
        duration_min_s: 10,
        duration_max_s: 600,
        billed_min_s: 60,
        from_epoch: from,
        expiry_epoch: from.saturating_add(100),
        counterparty: Address::ZERO,
        excluded: vec![],
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
    }
}

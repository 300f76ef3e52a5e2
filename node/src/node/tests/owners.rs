//! People who run no node: they sign orders, singly or as one tree, and hand them to somebody else's. Know no network.

use protocol::talk::OrdersMessage;
use protocol::typed::types;
use protocol::{Address, Authority, Capacity, Domain, Entry, Flags, Hash, Identity, Metric, Order, Parameters, Price};
use protocol::{Side, Signed, Typed, bulk, wire};

use crate::keys::Key;

/// Epochs that an order lives.
const LIFE: u64 = 600;

/// One of them.
pub struct Owner {
    key: Key,
    is_bulk: bool,
}

impl Owner {
    /// A number's owner; every other one signs in bulk.
    pub fn new(number: u16) -> Owner {
        let seed = protocol::keccak256(&[b"owner", &number.to_be_bytes()]);
        Owner { key: Key::from_bytes(&seed.0).unwrap(), is_bulk: number.is_multiple_of(2) }
    }

    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// A message of one order for each of `slots`, from `epoch` on, and the orders' ids.
    pub fn message(&self, slots: std::ops::Range<u16>, epoch: u64, market: &Parameters) -> (Vec<Hash>, Vec<u8>) {
        let domain = market.domain();
        let orders: Vec<Order> = slots.map(|slot| self.order(slot, epoch)).collect();
        let authorities =
            if self.is_bulk { self.sign_tree(&orders, &domain) } else { self.sign_each(&orders, &domain) };
        let signed = orders.into_iter().zip(authorities).map(|(body, authority)| Signed { body, authority });
        let entries: Vec<Entry> = signed.map(Entry::Order).collect();
        let ids = entries.iter().map(|entry| entry.id(&domain)).collect();
        (ids, wire::encode(&OrdersMessage(entries)))
    }

    /// Asks and bids that never meet, so that all of them stay.
    fn order(&self, slot: u16, epoch: u64) -> Order {
        let is_ask = slot.is_multiple_of(2);
        Order {
            side: if is_ask { Side::Ask } else { Side::Bid },
            owner: self.address(),
            slot,
            version: 1,
            capacity: Capacity::new([(Metric::CpuHash, 10_000_000), (Metric::MemSize, 1024)]),
            lots: 1,
            price: Price(if is_ask { 2_000 } else { 1_000 } + u128::from(slot)),
            duration_min_s: 10,
            duration_max_s: 600,
            billed_min_s: 60,
            from_epoch: epoch,
            expiry_epoch: epoch + LIFE,
            counterparty: Address::ZERO,
            excluded: Vec::new(),
            identity_min: Identity::Anonymous,
            flags: Flags::default(),
            tag: Hash::ZERO,
        }
    }

    fn sign_each(&self, orders: &[Order], domain: &Domain) -> Vec<Authority> {
        let sign = |order: &Order| Authority::own(self.key.sign(&domain.digest(&order.struct_hash())));
        orders.iter().map(sign).collect()
    }

    fn sign_tree(&self, orders: &[Order], domain: &Domain) -> Vec<Authority> {
        let leaves: Vec<Hash> = orders.iter().map(Order::struct_hash).collect();
        let proofs = bulk::proofs(&leaves).unwrap();
        let root = proofs[0].tree_struct_hash(&leaves[0], "Order", types::ORDER);
        let signature = self.key.sign(&domain.digest(&root));
        let authority = |proof| Authority { signature, bulk: Some(Box::new(proof)), delegation: None };
        proofs.into_iter().map(authority).collect()
    }
}

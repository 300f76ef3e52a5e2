//! One case of the file: a sealed book in the words of the signed orders, and what it clears to.

use std::sync::Arc;

use matcher::book::Head;
use matcher::seed::mark;
use matcher::{Clearing, SealedBook, SealedOrder, Seed, Surplus, clear, verify};
use protocol::{Address, Authority, Capacity, Entry, Flags, Hash, Identity, MarketId, Metric, Order, Price, Side};
use protocol::{Signature, Signed, keccak256};
use serde::{Deserialize, Serialize};

use crate::people::person;

/// A case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub market: Hash,
    pub epoch: String,
    pub beacon: Option<Hash>,
    pub orders: Vec<Row>,
    pub expected: Expected,
}

/// What clearing reads of one order, under the names of its type string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    pub id: Hash,
    pub side: u8,
    pub owner: Address,
    pub slot: u16,
    pub capacity: Vec<Score>,
    pub lots: u32,
    pub price_per_lot_second: String,
    pub min_duration: u32,
    pub max_duration: u32,
    pub min_billed: u32,
    pub counterparty: Address,
    pub excluded: Vec<Address>,
    pub min_identity: u8,
    pub flags: u32,
    pub identity: u8,
    pub open: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    pub metric: u16,
    pub value: String,
}

/// The result: ranks in the order of the case's orders; matches of ask, bid, first lots, lots and price.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    pub sealed_root: Hash,
    pub seed: Hash,
    pub ranks: Vec<String>,
    pub matches: Vec<(u32, u32, u32, u32, u32, String)>,
    pub surplus: String,
    pub root: Hash,
}

const LEVELS: [Identity; 4] = [Identity::Anonymous, Identity::Registered, Identity::Identified, Identity::Professional];

impl Row {
    fn order(&self) -> Order {
        let score = |score: &Score| (Metric::from_id(score.metric).unwrap(), score.value.parse().unwrap());
        Order {
            side: if self.side == 0 { Side::Ask } else { Side::Bid },
            owner: self.owner,
            slot: self.slot,
            version: 1,
            capacity: Capacity::new(self.capacity.iter().map(score)),
            lots: self.lots,
            price: Price(self.price_per_lot_second.parse().unwrap()),
            duration_min_s: self.min_duration,
            duration_max_s: self.max_duration,
            billed_min_s: self.min_billed,
            from_epoch: 0,
            expiry_epoch: u64::MAX,
            counterparty: self.counterparty,
            excluded: self.excluded.clone(),
            identity_min: LEVELS[usize::from(self.min_identity)],
            flags: Flags(self.flags),
            tag: Hash::ZERO,
        }
    }

    fn sealed(&self) -> SealedOrder {
        let authority = Authority::own(Signature([0; 65]));
        let entry = Entry::Order(Signed { body: self.order(), authority });
        let identity = LEVELS[usize::from(self.identity)];
        SealedOrder { head: Arc::new(Head { entry, id: self.id }), open: self.open.clone().into(), identity }
    }
}

impl Case {
    /// Clears the orders. Who has no owner gets one of its own, each gets a slot and an id, and is open as a whole unless it
    /// says otherwise.
    pub fn new(name: &str, beacon: Option<Hash>, mut orders: Vec<Row>) -> Case {
        for (at, row) in orders.iter_mut().enumerate() {
            let number = at as u16;
            row.id = keccak256(&[name.as_bytes(), &number.to_be_bytes()]);
            row.slot += number;
            if row.owner.is_zero() {
                row.owner = person(100 + at as u8);
            }
            match row.open.is_empty() {
                true => row.open = vec![(0, row.lots)],
                false => row.open.retain(|(first, end)| first < end),
            }
        }
        let market = keccak256(&[b"a market of examples"]);
        let epoch = u64::from(keccak256(&[name.as_bytes()]).0[0]) + 875_000_000;
        let expected = Expected::default();
        let mut case = Case { name: name.into(), market, epoch: epoch.to_string(), beacon, orders, expected };
        case.expected = case.cleared().2;
        case
    }

    fn cleared(&self) -> (SealedBook, Clearing, Expected) {
        let (market, epoch) = (MarketId(self.market), self.epoch.parse().unwrap());
        let book = SealedBook::new(market, epoch, self.orders.iter().map(Row::sealed).collect());
        let seed = Seed::new(&market, epoch, self.beacon.as_ref());
        let clearing = clear(&book, seed);
        let row = |pair: &matcher::Pair| {
            (pair.ask, pair.bid, pair.ask_lot, pair.bid_lot, pair.lots, pair.price.0.to_string())
        };
        let found = Expected {
            sealed_root: book.root,
            seed: seed.0,
            ranks: self.orders.iter().map(|row| seed.rank(mark(&row.owner, row.slot)).to_string()).collect(),
            matches: clearing.pairs.iter().map(row).collect(),
            surplus: decimal(clearing.surplus),
            root: clearing.root,
        };
        (book, clearing, found)
    }

    /// Whether the orders clear to what the case says, and that is verified.
    pub fn judge(&self) -> Result<(), String> {
        let (book, clearing, found) = self.cleared();
        if found != self.expected {
            return Err(format!("{}: {found:?}, not {:?}", self.name, self.expected));
        }
        verify(&book, &clearing).map_err(|violation| format!("{}: {violation:?}", self.name))
    }
}

/// One number, by long division from the highest 32 bits on.
fn decimal(surplus: Surplus) -> String {
    let mut limbs: Vec<u64> = vec![surplus.high >> 32, surplus.high & 0xffff_ffff];
    limbs.extend((0..4).rev().map(|at| (surplus.low >> (32 * at)) as u64 & 0xffff_ffff));
    let mut digits = Vec::new();
    while digits.is_empty() || limbs.iter().any(|limb| *limb > 0) {
        let mut rest = 0;
        for limb in &mut limbs {
            let whole = rest << 32 | *limb;
            (*limb, rest) = (whole / 10, whole % 10);
        }
        digits.push(char::from(b'0' + rest as u8));
    }
    digits.into_iter().rev().collect()
}

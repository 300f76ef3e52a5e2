//! Random books from a number, the same on every machine.

use protocol::Hash;

use crate::case::{Case, Row};
use crate::people::{ask, bid, person, scores};

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(number: u64) -> Dice {
        Dice(number)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ word >> 31) % sides
    }

    fn is_one_in(&mut self, count: u64) -> bool {
        self.roll(count) == 0
    }
}

/// How a random book looks.
pub struct Shape {
    /// Orders on each side.
    pub sides: (u64, u64),
    /// Metrics that differ, and how many values each may have.
    pub metrics: u64,
    pub values: u64,
    /// Prices lie below this.
    pub prices: u64,
    /// Lots are at most this many.
    pub lots: u64,
    /// One order in so many is picky about something.
    pub picky: u64,
}

/// A book of that shape.
pub fn book(name: &str, number: u64, shape: &Shape) -> Case {
    let mut dice = Dice::new(number);
    let sides = [(true, shape.sides.0), (false, shape.sides.1)];
    let mut orders = Vec::new();
    for (is_ask, count) in sides {
        for _ in 0..count {
            orders.push(order(is_ask, &mut dice, shape));
        }
    }
    let beacon = dice.is_one_in(3).then(|| protocol::keccak256(&[name.as_bytes(), b"beacon"]));
    Case::new(name, beacon, orders)
}

fn order(is_ask: bool, dice: &mut Dice, shape: &Shape) -> Row {
    // Asks tend to be the cheaper side, so that about half of a book trades.
    let price = 1 + dice.roll(shape.prices) + if is_ask { 0 } else { dice.roll(shape.prices / 3 + 1) };
    let change = |row: &mut Row| {
        let values: Vec<(u16, u64)> =
            (1..=shape.metrics as u16).map(|metric| (metric, dice.roll(shape.values) + u64::from(is_ask))).collect();
        row.capacity = scores(&values.into_iter().filter(|(_, value)| *value > 0).collect::<Vec<_>>());
        row.lots = 1 + dice.roll(shape.lots) as u32;
        if dice.is_one_in(4) {
            let first = dice.roll(u64::from(row.lots)) as u32;
            row.open = vec![(0, first), (first + 1, row.lots)];
        }
        if dice.is_one_in(shape.picky) {
            picky(row, dice);
        }
    };
    if is_ask { ask(price.into(), change) } else { bid(price.into(), change) }
}

/// Owners of these are few, so that they are named, excluded, and meet themselves.
fn picky(row: &mut Row, dice: &mut Dice) {
    let own = 1 + dice.roll(5) as u8;
    let other = |dice: &mut Dice| 1 + ((u64::from(own) + dice.roll(4)) % 5) as u8;
    row.owner = person(own);
    match dice.roll(6) {
        0 => (row.min_duration, row.max_duration) = (10 + dice.roll(400) as u32, 410 + dice.roll(400) as u32),
        1 => row.min_billed = dice.roll(120) as u32,
        2 => row.flags = dice.roll(4) as u32,
        3 => (row.identity, row.min_identity) = (dice.roll(4) as u8, dice.roll(3) as u8),
        4 => row.counterparty = person(other(dice)),
        _ => {
            row.excluded = vec![person(other(dice)), person(other(dice))];
            row.excluded.sort_unstable();
            row.excluded.dedup();
        }
    }
}

/// Books of all kinds of shapes.
pub fn many(count: u64) -> Vec<Case> {
    let one = |number: u64| {
        let mut dice = Dice::new(number << 20);
        let shape = Shape {
            sides: (dice.roll(30), dice.roll(30)),
            metrics: 1 + dice.roll(4),
            values: 1 + dice.roll(5),
            prices: [2, 10, 100, 1 << 60][dice.roll(4) as usize],
            lots: [1, 3, 8, 1 << 19][dice.roll(4) as usize],
            picky: 1 + dice.roll(6),
        };
        book(&format!("random {number}"), number, &shape)
    };
    (0..count).map(one).collect()
}

/// A block hash of no chain.
pub fn beacon() -> Hash {
    protocol::keccak256(&[b"a block"])
}

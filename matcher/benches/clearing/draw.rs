//! Orders drawn at random, the same ones on every machine: numbers, capacities, heads that nobody signed. Knows no clearing.
#![allow(dead_code, reason = "each user draws something else")]

use std::sync::Arc;

use matcher::{Head, SealedBook, SealedOrder};
use protocol::{
    Address, Authority, Capacity, Entry, Flags, Hash, Identity, MarketId, Metric, Order, Parameters, Price,
};
use protocol::{Side, Signature, Signed, keccak256};

/// The epoch of every book.
pub const EPOCH: u64 = 1_000;
/// Wei of one unit of the prices that are drawn here; fine enough for tolerances in millionths.
pub const UNIT: u128 = 1_000_000_000;

/// The market of all figures: the default one.
pub fn market() -> Parameters {
    Parameters::new("bench", Hash::ZERO)
}

/// SplitMix64 (Steele, Lea and Flood, 2014) and what is made from it.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(mix(seed))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// At least 0, less than 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mean 0, deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// The exponential of a normal number with this deviation: median 1.
    pub fn log_normal(&mut self, deviation: f64) -> f64 {
        (self.normal() * deviation).exp()
    }

    /// 1 to 64 lots, few orders having many: a Pareto distribution of index 1.
    pub fn heavy_lots(&mut self) -> u32 {
        (1.0 / (1.0 - self.unit())).min(64.0) as u32
    }

    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// Scatters a number.
pub fn mix(number: u64) -> u64 {
    let first = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ first >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ second >> 31
}

/// What is drawn of an order.
#[derive(Debug, Clone)]
pub struct Drawn {
    pub side: Side,
    pub capacity: Capacity,
    /// In units.
    pub price: u64,
    pub lots: u32,
}

/// An order for a book, with all its lots open. Nothing is verified here, so a made-up owner, id and signature do; its
/// version is its number.
pub fn sealed(number: u64, drawn: &Drawn) -> SealedOrder {
    let side = drawn.side as u8;
    // Sixteen orders an owner, who is on one side only.
    let owner = keccak256(&[&[side], &(number / 16).to_be_bytes()]);
    let order = Order {
        side: drawn.side,
        owner: Address(*owner.0.first_chunk().unwrap()),
        slot: (number % 16) as u16,
        version: number,
        capacity: drawn.capacity.clone(),
        lots: drawn.lots,
        price: Price(u128::from(drawn.price) * UNIT),
        duration_min_s: 60,
        duration_max_s: 3600,
        billed_min_s: 60,
        from_epoch: EPOCH,
        expiry_epoch: EPOCH + 600,
        counterparty: Address::ZERO,
        excluded: Vec::new(),
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
    };
    let id = keccak256(&[b"order", &number.to_be_bytes(), &[side]]);
    let entry = Entry::Order(Signed { body: order, authority: Authority::own(Signature([0; 65])) });
    SealedOrder {
        head: Arc::new(Head { entry, id }),
        open: vec![(0, drawn.lots)].into(),
        identity: Identity::Anonymous,
    }
}

/// The number of an order that [`sealed`] made.
pub fn number(order: &SealedOrder) -> usize {
    order.order().version as usize
}

/// All of these, numbered as they come; listed in another order than they lie in memory, as a book that has lived lists them.
pub fn all_sealed(drawn: &[Drawn]) -> Vec<SealedOrder> {
    let mut orders: Vec<SealedOrder> = drawn.iter().zip(0..).map(|(drawn, number)| sealed(number, drawn)).collect();
    Random::new(7).shuffle(&mut orders);
    orders
}

/// Seals clones of these orders.
pub fn seal(orders: Vec<SealedOrder>) -> SealedBook {
    SealedBook::new(market_id(), EPOCH, orders)
}

/// The market's id.
pub fn market_id() -> MarketId {
    static ID: std::sync::OnceLock<MarketId> = std::sync::OnceLock::new();
    *ID.get_or_init(|| market().id())
}

/// Limit orders of one kind of machine: price N(10,000, 100), 1 to 100 lots, either side.
pub fn limit_orders(count: usize) -> Vec<Drawn> {
    let mut random = Random::new(1);
    let capacity = Capacity::new([(Metric::CpuThreads, 8)]);
    let one = |random: &mut Random| Drawn {
        side: if random.below(2) == 0 { Side::Ask } else { Side::Bid },
        capacity: capacity.clone(),
        price: (10_000.0 + 100.0 * random.normal()).round() as u64,
        lots: 1 + random.below(100) as u32,
    };
    (0..count).map(|_| one(&mut random)).collect()
}

/// How capacities are drawn.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// So many metrics, independent, so that this part of all pairs fits: what is offered reaches beyond what is wanted,
    /// or less far, by as much as it takes.
    Independent { metrics: usize, density: f64 },
    /// Twelve metrics that follow the machine's size (log-normal, deviation 0.8) and each its own noise (0.15). Bids are
    /// for machines smaller by this factor in the median.
    Sized { smaller: f64 },
}

impl Shape {
    /// A capacity and how large it is, in the units that prices follow.
    pub fn draw(self, side: Side, random: &mut Random) -> (Capacity, f64) {
        match self {
            Shape::Independent { metrics, density } => {
                // A part of all pairs fits in every metric if so many fit in each.
                let each = density.powf(1.0 / metrics as f64);
                let reach = if each <= 0.5 { 2.0 * each } else { 0.5 / (1.0 - each) };
                let reach = if side == Side::Ask { reach } else { 1.0 };
                let score = |random: &mut Random| 1 + (random.unit() * reach * 1e12) as u64;
                let scores = Metric::ALL[..metrics].iter().map(|metric| (*metric, score(random)));
                (Capacity::new(scores), 1.0)
            }
            Shape::Sized { smaller } => {
                let size = random.log_normal(0.8) / if side == Side::Bid { smaller } else { 1.0 };
                let score = |random: &mut Random| 1 + (size * random.log_normal(0.15) * 1e9) as u64;
                let scores = Metric::ALL[..12].iter().map(|metric| (*metric, score(random)));
                (Capacity::new(scores), size)
            }
        }
    }
}

/// A draw of a whole book.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    pub orders: usize,
    /// Classes of both sides together, half each; at least one a side.
    pub classes: usize,
    pub shape: Shape,
    /// Lots are drawn evenly from 1 up to this.
    pub lots_max: u64,
    pub seed: u64,
}

impl Draw {
    /// Half of the orders on each side; every class comes up. A single class a side is one kind of machine. The price of one
    /// lot follows the size, with log-normal noise of deviation 0.3.
    pub fn orders(&self) -> Vec<Drawn> {
        let mut random = Random::new(self.seed);
        let each = (self.classes / 2).max(1);
        let asks: Vec<(Capacity, f64)> = (0..each).map(|_| self.shape.draw(Side::Ask, &mut random)).collect();
        let bids = match each {
            1 => asks.clone(),
            _ => (0..each).map(|_| self.shape.draw(Side::Bid, &mut random)).collect(),
        };
        let mut orders = Vec::with_capacity(self.orders);
        for (side, classes) in [(Side::Ask, asks), (Side::Bid, bids)] {
            for order in 0..self.orders / 2 {
                let class = if order < each { order } else { random.below(each as u64) as usize };
                let (capacity, size) = &classes[class];
                let price = (1e6 * size.powf(0.9) * random.log_normal(0.3)).round() as u64 + 1;
                let lots = 1 + random.below(self.lots_max) as u32;
                orders.push(Drawn { side, capacity: capacity.clone(), price, lots });
            }
        }
        random.shuffle(&mut orders);
        orders
    }
}

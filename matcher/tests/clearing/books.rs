//! Books drawn from a seed, with everything that an order can say. Nothing is verified here, so ids and owners are made up.

use std::sync::Arc;

use matcher::{Head, SealedBook, SealedOrder};
use protocol::{
    Address, Authority, Capacity, Entry, Flags, Hash, Identity, MarketId, Metric, Order, Price, Side, Signature,
    Signed, keccak256,
};

/// Orders of each side of a small book.
const SIDE_MAX: u64 = 12;

/// Numbers from a seed (splitmix64): the same on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

pub fn address(number: u64) -> Address {
    let mut bytes = [0x5a; 20];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Address(bytes)
}

/// One lot that anyone may have.
pub fn plain(side: Side, owner: u64, price: u128) -> Order {
    Order {
        side,
        owner: address(owner),
        slot: 0,
        version: 1,
        capacity: Capacity::new([(Metric::CpuHash, 10)]),
        lots: 1,
        price: Price(price),
        duration_min_s: 10,
        duration_max_s: 600,
        billed_min_s: 60,
        from_epoch: 0,
        expiry_epoch: u64::MAX,
        counterparty: Address::ZERO,
        excluded: vec![],
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
    }
}

/// The order under an id made of `number`, with all of its lots open.
pub fn sealed(order: Order, number: u64) -> SealedOrder {
    let lots = order.lots;
    opened(order, number, vec![(0, lots)])
}

pub fn opened(order: Order, number: u64, open: Vec<(u32, u32)>) -> SealedOrder {
    let mut random = Random(number);
    let mut id = [0; 32];
    id.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.next().to_be_bytes()));
    let entry = Entry::Order(Signed { body: order, authority: Authority::own(Signature([0; 65])) });
    SealedOrder { head: Arc::new(Head { entry, id: Hash(id) }), open: open.into(), identity: Identity::Anonymous }
}

/// The order with some of it changed.
pub fn changed(sealed: &SealedOrder, change: impl FnOnce(&mut Order)) -> SealedOrder {
    let mut head = Head::clone(&sealed.head);
    let Entry::Order(order) = &mut head.entry else { panic!("an empty slot") };
    change(&mut order.body);
    SealedOrder { head: Arc::new(head), ..sealed.clone() }
}

pub fn book(epoch: u64, orders: Vec<SealedOrder>) -> SealedBook {
    SealedBook::new(MarketId(keccak256(&[b"books"])), epoch, orders)
}

/// The small book of a seed; equals are ranked anew in each.
pub fn small(seed: u64) -> SealedBook {
    book(seed, small_orders(seed))
}

pub fn small_orders(seed: u64) -> Vec<SealedOrder> {
    let mut random = Random(seed);
    let profile = Profile::of(&mut random);
    let (asks, bids) = (random.below(SIDE_MAX + 1), random.below(SIDE_MAX + 1));
    let sides = [(Side::Ask, asks), (Side::Bid, bids)].into_iter();
    let sides: Vec<Side> = sides.flat_map(|(side, count)| (0..count).map(move |_| side)).collect();
    sides.into_iter().zip(0..).map(|(side, slot)| profile.order(&mut random, side, slot)).collect()
}

/// A book of up to a thousand orders a side; most are of a few hundred.
pub fn large(seed: u64) -> SealedBook {
    let mut random = Random(seed);
    let is_largest = seed.is_multiple_of(8);
    let profile = Profile {
        price_max: random.pick(&[20, 1_000, 1_000_000]),
        lots_max: random.pick(&[1, 5, 50, 1_000]),
        owners: random.pick(&[20, 300, 5_000]),
        sizes: random.pick(&[2, 5, 9]),
        particular: random.pick(&[2, 6, 15]),
        partial: random.pick(&[0, 20]),
    };
    let side = |random: &mut Random| 200 + random.below(if is_largest { 800 } else { 150 });
    let (asks, bids) = (side(&mut random), side(&mut random));
    let sides = (0..asks + bids).map(|at| if at < asks { Side::Ask } else { Side::Bid });
    let orders = sides.zip(0..).map(|(side, slot)| profile.order(&mut random, side, slot));
    book(seed, orders.collect())
}

/// What the orders of one book have in common.
struct Profile {
    price_max: u64,
    lots_max: u64,
    owners: u64,
    sizes: u64,
    /// Of a hundred orders so many say something about each thing.
    particular: u64,
    partial: u64,
}

impl Profile {
    fn of(random: &mut Random) -> Profile {
        Profile {
            price_max: random.pick(&[1, 2, 4, 12, 60, 1_000_000]),
            lots_max: random.pick(&[1, 1, 3, 9, 1_000]),
            owners: random.pick(&[2, 5, 12, 1_000]),
            sizes: random.pick(&[1, 2, 4]),
            particular: random.pick(&[0, 10, 30]),
            partial: random.pick(&[0, 40]),
        }
    }

    fn order(&self, random: &mut Random, side: Side, slot: u16) -> SealedOrder {
        let owner = random.below(self.owners);
        // Bids reach a little higher, or few would trade.
        let price = 1 + random.below(self.price_max) + if side == Side::Bid { random.below(self.price_max) } else { 0 };
        let mut order = plain(side, owner, price.into());
        (order.slot, order.lots) = (slot, 1 + random.below(self.lots_max) as u32);
        order.capacity = self.capacity(random, side);
        self.times(random, &mut order);
        self.parties(random, &mut order, owner);
        let identity = random.pick(&[Identity::Anonymous, Identity::Registered, Identity::Identified]);
        if random.chance(self.particular / 2) {
            order.identity_min = random.pick(&[Identity::Registered, Identity::Identified, Identity::Professional]);
        }
        let lots = order.lots;
        let open = if random.chance(self.partial) { ranges(random, lots) } else { vec![(0, lots)] };
        SealedOrder { identity, ..opened(order, random.next(), open) }
    }

    /// Asks have several scores, bids want some of them.
    fn capacity(&self, random: &mut Random, side: Side) -> Capacity {
        let mut scores = vec![(Metric::CpuHash, 10 * (1 + random.below(self.sizes)))];
        for metric in [Metric::MemSize, Metric::GpuMem, Metric::NetUp] {
            if random.chance(if side == Side::Ask { 100 - self.particular } else { self.particular }) {
                scores.push((metric, 1 + random.below(self.sizes)));
            }
        }
        Capacity::new(scores)
    }

    fn times(&self, random: &mut Random, order: &mut Order) {
        if random.chance(self.particular) {
            order.duration_min_s = random.pick(&[1, 10, 100, 400]);
            order.duration_max_s = order.duration_min_s + random.pick(&[0, 5, 200, 1_000]);
        }
        if random.chance(self.particular) {
            order.billed_min_s = random.pick(&[0, 30, 60, 90]);
        }
        if random.chance(self.particular) {
            order.flags = Flags(random.below(4) as u32);
        }
    }

    fn parties(&self, random: &mut Random, order: &mut Order, owner: u64) {
        let others: Vec<u64> = (0..self.owners.min(12)).filter(|&other| other != owner).collect();
        if random.chance(self.particular) {
            order.excluded = (0..1 + random.below(3)).map(|_| address(random.pick(&others))).collect();
            order.excluded.sort_unstable();
            order.excluded.dedup();
        }
        if random.chance(self.particular / 3) {
            order.counterparty = address(random.pick(&others));
        }
    }
}

/// Some of the lots, at least one: the rest is let.
fn ranges(random: &mut Random, lots: u32) -> Vec<(u32, u32)> {
    let mut open: Vec<(u32, u32)> = Vec::new();
    let mut at = random.below(u64::from(lots).min(3)) as u32;
    while at < lots && open.len() < 4 {
        let end = at + 1 + random.below(u64::from(lots - at)) as u32;
        open.push((at, end));
        at = end + 1 + random.below(3) as u32;
    }
    open
}

//! Books as a market of computing power might hold them. Each is drawn from a seed; all orders in the order of arrival.

use protocol::{Capacity, Metric, Side};

use crate::draw::{Draw, Drawn, Random, Shape};

/// A kind of book.
pub struct Scenario {
    pub name: &'static str,
    /// How it is drawn, in a few words.
    pub how: &'static str,
    pub draw: fn(usize, u64) -> Vec<Drawn>,
}

pub const SCENARIOS: [Scenario; 7] = [
    Scenario { name: "one kind of machine", how: "price 10,000 with deviation 1,000 on both sides", draw: one_kind },
    Scenario {
        name: "five sizes",
        how: "sizes 1 to 16 by doubling, each half as frequent; price follows size^0.9, noise 0.3",
        draw: five_sizes,
    },
    Scenario {
        name: "consumer machines",
        how: "threads, memory, speed, and a GPU in half of them; tasks want a part of such a machine; noise 0.3",
        draw: consumer,
    },
    Scenario { name: "consumer machines, scarce", how: "the same with three bids for an ask", draw: scarce },
    Scenario {
        name: "all different",
        how: "twelve metrics that follow a log-normal size; tasks 1.5 times smaller; noise 0.3",
        draw: all_different,
    },
    Scenario {
        name: "few large machines",
        how: "10 % of machines are 16 times larger at half the price of a lot; 20 % of tasks need one and pay as much as \
              others; noise 0.5",
        draw: few_large,
    },
    Scenario {
        name: "few large machines, dear",
        how: "the same, but machines ask alike and who needs a large one pays half more",
        draw: few_large_dear,
    },
];

fn priced(price: f64) -> u64 {
    price.round().max(1.0) as u64
}

/// A book of which this part is asks; lots are heavy-tailed.
fn book(count: usize, seed: u64, asks: f64, draw: impl Fn(Side, &mut Random) -> (Capacity, f64)) -> Vec<Drawn> {
    let mut random = Random::new(seed);
    let one = |_| {
        let side = if random.unit() < asks { Side::Ask } else { Side::Bid };
        let (capacity, price) = draw(side, &mut random);
        Drawn { side, capacity, price: priced(price), lots: random.heavy_lots() }
    };
    (0..count).map(one).collect()
}

fn one_kind(count: usize, seed: u64) -> Vec<Drawn> {
    let capacity = Capacity::new([(Metric::CpuThreads, 8)]);
    book(count, seed, 0.5, |_, random| (capacity.clone(), 10_000.0 + 1_000.0 * random.normal()))
}

fn five_sizes(count: usize, seed: u64) -> Vec<Drawn> {
    book(count, seed, 0.5, |_, random| {
        let size = 1 << (random.next() | 16).trailing_zeros();
        let capacity = Capacity::new([(Metric::CpuThreads, size), (Metric::MemSize, 4096 * size)]);
        (capacity, 1e4 * (size as f64).powf(0.9) * random.log_normal(0.3))
    })
}

fn consumer(count: usize, seed: u64) -> Vec<Drawn> {
    book(count, seed, 0.5, consumer_order)
}

fn scarce(count: usize, seed: u64) -> Vec<Drawn> {
    book(count, seed, 0.25, consumer_order)
}

/// One of these, the first ones being more frequent.
fn common<const N: usize>(random: &mut Random, values: [u64; N]) -> u64 {
    values[(random.unit() * random.unit() * N as f64) as usize]
}

fn consumer_order(side: Side, random: &mut Random) -> (Capacity, f64) {
    let has_gpu = random.unit() < 0.5;
    let is_ask = side == Side::Ask;
    let threads = if is_ask { common(random, [8, 12, 16, 4, 24, 32]) } else { common(random, [2, 4, 8, 1, 16, 24]) };
    let memory = if is_ask { common(random, [16, 32, 8, 64, 128]) } else { common(random, [4, 8, 2, 16, 32, 64]) };
    let flops = protocol::capacity::round_two_digits(
        (threads as f64 * 2e10 * random.log_normal(0.25)) as u64,
        protocol::capacity::Rounding::Down,
    );
    let mut scores = vec![(Metric::CpuThreads, threads), (Metric::CpuF64, flops), (Metric::MemSize, memory * 1024)];
    let mut price = 1e3 * threads as f64 + 250.0 * memory as f64;
    if has_gpu {
        let memory = if is_ask { common(random, [8, 12, 6, 16, 24]) } else { common(random, [4, 8, 6, 12, 24]) };
        let flops = protocol::capacity::round_two_digits(
            (memory as f64 * 1.2e12 * random.log_normal(0.3)) as u64,
            protocol::capacity::Rounding::Down,
        );
        scores.extend([(Metric::GpuCount, 1), (Metric::GpuF32, flops), (Metric::GpuMem, memory * 1024)]);
        price += 2e3 * memory as f64;
    }
    // A task that needs half of a machine would pay more than half of it.
    let worth = if is_ask { 1.0 } else { 1.6 };
    (Capacity::new(scores), worth * price * random.log_normal(0.3))
}

fn all_different(count: usize, seed: u64) -> Vec<Drawn> {
    let draw = Draw { orders: count, classes: count, shape: Shape::Sized { smaller: 1.5 }, lots_max: 1, seed };
    let mut random = Random::new(seed + 1);
    draw.orders().into_iter().map(|order| Drawn { lots: random.heavy_lots(), ..order }).collect()
}

fn few_large(count: usize, seed: u64) -> Vec<Drawn> {
    large(count, seed, (0.5, 1.0))
}

fn few_large_dear(count: usize, seed: u64) -> Vec<Drawn> {
    large(count, seed, (1.0, 1.5))
}

/// What a large machine costs, and what who needs one would pay, by the median of the others.
fn large(count: usize, seed: u64, (cost, worth): (f64, f64)) -> Vec<Drawn> {
    let capacity = |size: u64| Capacity::new([(Metric::CpuThreads, 4 * size), (Metric::MemSize, 8192 * size)]);
    book(count, seed, 0.5, |side, random| {
        let (is_large, times) = match side {
            Side::Ask => (random.unit() < 0.1, cost),
            Side::Bid => (random.unit() < 0.2, worth),
        };
        let (size, times) = if is_large { (16, times) } else { (1, 1.0) };
        (capacity(size), 1e4 * times * random.log_normal(0.5))
    })
}

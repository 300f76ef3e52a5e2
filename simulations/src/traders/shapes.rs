//! The shapes of supply and demand in integers: prices with a long tail, few large orders, kinds of machines. Draws, and
//! knows nobody who trades.

use protocol::capacity::Rounding;
use protocol::{Capacity, Metric};

use crate::random::Random;

/// ln 2 in 1/2^32.
const LN_2: i128 = 2_977_044_472;

/// e^x for x in 1/2^32, in 1/2^32; x is held within plus or minus 20.
pub(super) fn exp(x: i64) -> u128 {
    let limit = 20i128 << 32;
    let x = i128::from(x).clamp(-limit, limit);
    let (doublings, rest) = (x.div_euclid(LN_2), x.rem_euclid(LN_2));
    // Taylor's series on 0..ln 2: ten terms are beyond the last bit.
    let (mut sum, mut term) = (1i128 << 32, 1i128 << 32);
    for n in 1..=12 {
        term = ((term * rest) >> 32) / n;
        sum += term;
    }
    let sum = sum as u128;
    if doublings >= 0 { sum << doublings } else { sum >> -doublings }
}

/// Log-normal numbers of a given mean.
#[derive(Debug, Clone)]
pub(super) struct LogNormal {
    mean: u64,
    /// Standard deviation of the logarithm in 1/2^32.
    sigma: i64,
}

impl LogNormal {
    /// With a standard deviation of so many percent of the mean.
    pub(super) fn new(mean: u64, spread_percent: f64) -> LogNormal {
        let spread = (spread_percent / 100.0).clamp(0.0, 100.0);
        let sigma = ln(1.0 + spread * spread).sqrt();
        LogNormal { mean, sigma: (sigma * 4_294_967_296.0) as i64 }
    }

    pub(super) fn draw(&self, random: &mut Random) -> u128 {
        let sigma = i128::from(self.sigma);
        let z = i128::from(random.normal());
        let x = ((sigma * z) >> 16) - ((sigma * sigma) >> 33);
        ((u128::from(self.mean) * exp(x as i64)) >> 32).max(1)
    }
}

/// The natural logarithm of a number from 1 on, by the four operations only, so that it is the same everywhere.
fn ln(mut value: f64) -> f64 {
    let mut halvings = 0.0;
    while value > 2.0 {
        (value, halvings) = (value / 2.0, halvings + 1.0);
    }
    let z = (value - 1.0) / (value + 1.0);
    let (mut sum, mut power, mut n) = (0.0, z, 1.0);
    while n < 60.0 {
        sum += power / n;
        (power, n) = (power * z * z, n + 2.0);
    }
    2.0 * sum + halvings * core::f64::consts::LN_2
}

/// Numbers from 1 on, k as often as 1/k.
#[derive(Debug, Clone)]
pub(super) struct Zipf(Vec<u64>);

impl Zipf {
    pub(super) fn new(max: u32) -> Zipf {
        let mut sum = 0;
        let up_to = |k: u64| {
            sum += (1 << 32) / k;
            sum
        };
        Zipf((1..=u64::from(max.max(1))).map(up_to).collect())
    }

    pub(super) fn draw(&self, random: &mut Random) -> u32 {
        let drawn = random.below(self.0.last().copied().unwrap_or(1));
        self.0.partition_point(|&up_to| up_to <= drawn) as u32 + 1
    }
}

/// What machines are good at, with what an ordinary one has.
const ABILITIES: [(Metric, u64); 4] = [
    (Metric::CpuHash, 10_000_000),
    (Metric::MemSize, 4_096),
    (Metric::GpuF32, 1_000_000_000),
    (Metric::DiskSize, 10_240),
];
/// One capacity of so many is like no class.
const ODD_ONES: u64 = 16;

/// The capacity of class `class`: an ordinary machine, four times as good at one thing, and better with every round.
pub(super) fn class(class: u32) -> Capacity {
    let (talent, round) = (class as usize % ABILITIES.len(), u64::from(class) / ABILITIES.len() as u64);
    let score = |(at, (metric, base)): (usize, &(Metric, u64))| {
        let times = if at == talent { 4 } else { 1 };
        (*metric, base * times * (round + 1))
    };
    Capacity::new(ABILITIES.iter().enumerate().map(score)).rounded(Rounding::Down)
}

/// What a supplier offers (`percent` 100) or a consumer needs of one of so many classes; now and then something odd.
pub(super) fn capacity(classes: u32, percent: u64, random: &mut Random) -> Capacity {
    let of = class(random.below(u64::from(classes.max(1))) as u32);
    let is_odd = random.below(ODD_ONES) == 0;
    let scores = of.scores().iter().map(|score| {
        let percent = if is_odd { random.between(20, 100) } else { percent };
        let metric = Metric::from_id(score.metric).expect("classes are made of known metrics");
        (metric, (score.value * percent / 100).max(1))
    });
    Capacity::new(scores.collect::<Vec<_>>()).rounded(Rounding::Down)
}

/// What a supplier has that never runs out of anything it offers: `lots` of the best of each class.
pub(super) fn plenty(classes: u32, lots: u64) -> Capacity {
    let rounds = u64::from(classes.max(1)).div_ceil(ABILITIES.len() as u64);
    Capacity::new(ABILITIES.iter().map(|(metric, base)| (*metric, base * 4 * rounds * lots)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_e_are_right_to_a_millionth() {
        for (x, expected) in
            [(0.0, 1.0), (1.5, 4.481_689_1), (-1.0, 0.367_879_4), (2.5, 12.182_494), (-3.25, 0.038_774_2)]
        {
            let found = exp((x * 4_294_967_296.0) as i64) as f64 / 4_294_967_296.0;
            assert!((found / expected - 1.0).abs() < 2e-6, "e^{x} = {found}");
        }
    }

    #[test]
    fn prices_have_their_mean_and_spread_and_lots_are_mostly_few() {
        let (mut random, shape) = (Random::new(5, 5), LogNormal::new(1_000_000, 30.0));
        let drawn: Vec<f64> = (0..50_000).map(|_| shape.draw(&mut random) as f64).collect();
        let mean = drawn.iter().sum::<f64>() / 50_000.0;
        let deviation = (drawn.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>() / 50_000.0).sqrt();
        assert!((mean - 1e6).abs() < 1e4 && (deviation - 3e5).abs() < 1e4, "{mean} {deviation}");
        let (zipf, mut counts) = (Zipf::new(4), [0; 5]);
        (0..25_000).for_each(|_| counts[zipf.draw(&mut random) as usize] += 1);
        // 12 : 6 : 4 : 3 of 25.
        let expected = [0, 12_000, 6_000, 4_000, 3_000];
        assert!(counts.iter().zip(expected).all(|(&one, other): (&i32, i32)| (one - other).abs() < 400), "{counts:?}");
    }

    #[test]
    fn every_class_is_a_capacity_of_its_own_and_plenty_holds_all() {
        let classes: Vec<Capacity> = (0..9).map(class).collect();
        assert!(classes.iter().all(|one| one.check().is_ok() && plenty(9, 8).dominates(&one.times(8).expect("small"))));
        assert!((0..9).all(|a| (0..a).all(|b| classes[a] != classes[b])));
        let mut random = Random::new(1, 1);
        assert!((0..100).all(|_| capacity(9, 50, &mut random).check().is_ok()));
    }
}

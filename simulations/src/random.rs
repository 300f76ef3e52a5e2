//! Chance from a seed, in integers only, so that a run is the same on every machine. Every node has a stream of its own.

/// A stream of numbers (splitmix64: Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

/// ln(2) in 1/2^32.
const LN_2: u64 = 2_977_044_472;

impl Random {
    /// The stream `stream` of a run with this seed; others of the same seed are unrelated.
    pub fn new(seed: u64, stream: u64) -> Random {
        let mut random = Random(seed ^ 0x6a09_e667_f3bc_c908);
        let base = random.next();
        let mut random = Random(base ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    /// 64 bits.
    #[expect(clippy::should_implement_trait, reason = "a stream of numbers has no end and is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, each as likely to 1 in 2^64; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A number in `first..=last`.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }

    /// True in `ppm` of a million cases.
    pub fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// Exponentially distributed with this mean, at most 22 times the mean: -ln(u) by the binary digits of u.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let zeros = loop {
            let bits = self.next();
            if bits != 0 {
                break u64::from(bits.leading_zeros());
            }
        };
        // u = 2^-zeros x (1 + f)/2 with f in 0..1: -ln u = (zeros + 1) ln 2 - ln(1 + f).
        let fraction = self.next() >> 32;
        let log = ln_1_plus(fraction);
        let minus_ln = ((zeros + 1) * LN_2).saturating_sub(log).min(22 << 32);
        ((u128::from(minus_ln) * u128::from(mean)) >> 32) as u64
    }

    /// About normally distributed, mean 0 and standard deviation 2^16: the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> i64 {
        let sum: i64 = (0..12).map(|_| (self.next() >> 48) as i64).sum();
        sum - 6 * 65_535
    }

    /// Some of `0..count` in a random order, `wanted` of them.
    pub fn choose(&mut self, count: usize, wanted: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..count).collect();
        let wanted = wanted.min(count);
        for at in 0..wanted {
            let other = at + self.below((count - at) as u64) as usize;
            all.swap(at, other);
        }
        all.truncate(wanted);
        all
    }
}

/// The finaliser of MurmurHash3: every bit of the result hangs on every bit of `z`.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    z = (z ^ (z >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    z ^ (z >> 33)
}

/// ln(1 + f / 2^32) in 1/2^32, to 1 in 10^4: a parabola through both ends and the middle, mended by a cubic.
fn ln_1_plus(fraction: u64) -> u64 {
    let f = u128::from(fraction);
    // Minimax coefficients of ln(1+x) on 0..1 in 1/2^32: x (0.99949556 - x (0.49190896 - x (0.28947478 - x (0.13606275 - x 0.03215845)))).
    const C: [i128; 5] = [4_292_800_744, 2_112_732_876, 1_243_285_715, 584_385_062, 138_119_492];
    let x = f as i128;
    let mut sum = C[4];
    for c in [C[3], C[2], C[1], C[0]] {
        sum = c - ((sum * x) >> 32);
    }
    ((sum * x) >> 32).max(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let take = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(take(1, 2), take(1, 2));
        let all = [take(1, 2), take(1, 3), take(2, 2), take(2, 3)];
        assert!((0..4).all(|a| (0..a).all(|b| all[a] != all[b])));
    }

    #[test]
    fn distributions_have_their_mean_and_shape() {
        let mut random = Random::new(7, 0);
        let drawn: Vec<u64> = (0..100_000).map(|_| random.exponential(1_000_000)).collect();
        let mean = drawn.iter().sum::<u64>() / 100_000;
        assert!((980_000..1_020_000).contains(&mean), "{mean}");
        let beyond = drawn.iter().filter(|&&one| one > 1_000_000).count();
        assert!((36_000..37_600).contains(&beyond), "{beyond} of 100,000 beyond the mean instead of 1/e");
        let normal: Vec<i64> = (0..100_000).map(|_| random.normal()).collect();
        let within = normal.iter().filter(|one| one.abs() < 65_536).count();
        assert!((67_300..69_300).contains(&within), "{within} of 100,000 within a standard deviation");
        let hits = (0..100_000).filter(|_| random.chance(100_000)).count();
        assert!((9_500..10_500).contains(&hits));
    }

    #[test]
    fn chosen_numbers_are_distinct_and_all_if_all_are_wanted() {
        let mut random = Random::new(3, 3);
        let mut chosen = random.choose(50, 50);
        chosen.sort_unstable();
        assert_eq!(chosen, (0..50).collect::<Vec<_>>());
        assert_eq!(random.choose(5, 9).len(), 5);
    }
}

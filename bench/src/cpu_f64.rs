//! `cpu.f64`: f64 fused multiply-add, as wide as the processor's registers are.

mod vector;

use protocol::Metric;

use crate::repetition::Kernel;

/// Floating-point operations of one fused multiply-add.
const FLOPS: u64 = 2;

/// Independent orbits of `x -> x * x + C`, a chaotic map: an error in one bit once is an error in every bit soon.
pub(crate) struct CpuF64;

impl Kernel for CpuF64 {
    fn metric(&self) -> Metric {
        Metric::CpuF64
    }

    fn operations(&self, rounds: u64) -> u64 {
        rounds * vector::lanes() as u64 * FLOPS
    }

    fn run(&self, seed: u64, rounds: u64) -> Vec<u64> {
        vector::run(seed, rounds)
    }

    fn is_right(&self, seed: u64, rounds: u64, result: &[u64]) -> bool {
        let lane = (seed >> 32) as usize % vector::lanes();
        let mut x = vector::start(seed, lane);
        for _ in 0..rounds {
            x = x.mul_add(x, vector::C);
        }
        result.len() == vector::lanes() && result[lane] == x.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_agrees_with_the_scalar_orbit_and_one_wrong_bit_does_not() {
        for lane in 0..vector::lanes() as u64 {
            let seed = lane << 32 | 0xabcd;
            let mut result = CpuF64.run(seed, 1000);
            assert!(CpuF64.is_right(seed, 1000, &result));
            assert!(!CpuF64.is_right(seed, 1001, &result));
            result[lane as usize] ^= 1;
            assert!(!CpuF64.is_right(seed, 1000, &result));
        }
        assert!(!CpuF64.is_right(0, 1000, &[]));
    }

    #[test]
    fn orbits_stay_bounded_and_do_not_settle() {
        let early = CpuF64.run(7, 100_000);
        let late = CpuF64.run(7, 100_002);
        assert!(early.iter().all(|bits| f64::from_bits(*bits).abs() <= 2.0));
        assert!(early.iter().zip(&late).all(|(early, late)| early != late));
    }
}

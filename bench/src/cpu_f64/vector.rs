//! The orbits of `cpu.f64`, compiled for each register width and chosen at run time. The only file with unsafe code.

/// The constant of the map `x -> x * x + C`: just above -2, where orbits are chaotic and stay inside [-2, 2].
pub(super) const C: f64 = -2.0 + 1.0 / 64.0;

/// How many orbits [`run`] follows on this processor.
pub(super) fn lanes() -> usize {
    width().0 * width().1
}

/// Where the orbit of `lane` starts: in [-1, 1), different for each seed and lane (the mixer is SplitMix64).
pub(super) fn start(seed: u64, lane: usize) -> f64 {
    let mut mixed = seed.wrapping_add((lane as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// The orbits after `rounds` steps, as bits: of all lanes, whatever the registers.
#[allow(unsafe_code)]
pub(super) fn run(seed: u64, rounds: u64) -> Vec<u64> {
    #[cfg(target_arch = "x86_64")]
    match width() {
        // SAFETY: `width` answers `AVX512` only on a processor that has avx512f.
        AVX512 => return unsafe { run_avx512(seed, rounds) },
        // SAFETY: `width` answers `AVX2` only on a processor that has avx2 and fma.
        AVX2 => return unsafe { run_avx2(seed, rounds) },
        _ => {}
    }
    run_plain::<{ PLAIN.0 }, { PLAIN.1 }>(seed, rounds)
}

/// Lanes of a register and registers in flight: the latency times the rate of fused multiply-adds, within the
/// registers that there are.
type Width = (usize, usize);

/// 32 registers of 512 bits.
#[cfg(target_arch = "x86_64")]
const AVX512: Width = (8, 16);
/// 16 registers of 256 bits.
#[cfg(target_arch = "x86_64")]
const AVX2: Width = (4, 12);
/// 32 registers of 128 bits on aarch64, which always has fused multiply-adds; elsewhere as good as any.
const PLAIN: Width = (2, 24);

fn width() -> Width {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return AVX512;
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return AVX2;
        }
    }
    PLAIN
}

/// Written with intrinsics: left alone, the compiler does not use the widest registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[allow(unsafe_code)]
fn run_avx512(seed: u64, rounds: u64) -> Vec<u64> {
    use std::arch::x86_64::{_mm512_fmadd_pd, _mm512_loadu_pd, _mm512_set1_pd, _mm512_storeu_pd};
    let mut orbits = starts::<{ AVX512.0 }, { AVX512.1 }>(seed);
    // SAFETY: eight f64 are readable where an array of eight f64 lies; no alignment is needed.
    let mut registers = orbits.map(|lanes| unsafe { _mm512_loadu_pd(lanes.as_ptr()) });
    let c = _mm512_set1_pd(C);
    for _ in 0..rounds {
        for x in &mut registers {
            *x = _mm512_fmadd_pd(*x, *x, c);
        }
    }
    for (lanes, register) in orbits.iter_mut().zip(registers) {
        // SAFETY: eight f64 are writable where an array of eight f64 lies; no alignment is needed.
        unsafe { _mm512_storeu_pd(lanes.as_mut_ptr(), register) };
    }
    bits(&orbits)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(seed: u64, rounds: u64) -> Vec<u64> {
    run_plain::<{ AVX2.0 }, { AVX2.1 }>(seed, rounds)
}

/// Must be inlined, so that it is compiled with its caller's features.
#[inline(always)]
fn run_plain<const LANES: usize, const REGISTERS: usize>(seed: u64, rounds: u64) -> Vec<u64> {
    let mut orbits = starts::<LANES, REGISTERS>(seed);
    for _ in 0..rounds {
        for x in orbits.as_flattened_mut() {
            *x = x.mul_add(*x, C);
        }
    }
    bits(&orbits)
}

fn starts<const LANES: usize, const REGISTERS: usize>(seed: u64) -> [[f64; LANES]; REGISTERS] {
    std::array::from_fn(|register| std::array::from_fn(|lane| start(seed, register * LANES + lane)))
}

fn bits<const LANES: usize>(orbits: &[[f64; LANES]]) -> Vec<u64> {
    orbits.as_flattened().iter().map(|x| x.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn every_width_follows_the_same_orbits() {
        let plain = run_plain::<{ PLAIN.0 }, { PLAIN.1 }>(3, 500);
        let mut others = vec![run(3, 500)];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            // SAFETY: this processor has avx2 and fma.
            others.push(unsafe { run_avx2(3, 500) });
        }
        assert_eq!(others[0].len(), lanes());
        for other in others {
            let common = plain.len().min(other.len());
            assert_eq!(plain[..common], other[..common]);
        }
    }
}

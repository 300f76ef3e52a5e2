//! Which coded symbols hold a short id, and its checksum: functions of the short id alone, in integers, so that they come
//! out the same on every machine. Knows no symbols.

use super::SYMBOLS_MAX;

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64.
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The checksum that a symbol sums beside the short id.
pub(super) fn check(short: u64) -> u32 {
    (mix(short) >> 32) as u32
}

/// Symbols 1 to 15 hold a short id with probability 1/4. The paper's 2 / (i + 2) from the start would let two of four
/// items share all of the first 16 symbols in 1.6 % of the cases; so it is 0.6 %.
const EARLY: u64 = 16;

/// Walks the indices of the symbols that hold a short id: 0 always, 1 to 15 with probability 1/4, and each i from 16 on
/// with 2 / (i + 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    next: u64,
    /// Bit 2i says that early index i is still to come.
    early: u32,
    state: u64,
}

impl Places {
    pub fn of(short: u64) -> Places {
        let state = short.wrapping_add(GAMMA);
        let random = mix(state) as u32;
        Places { next: 0, early: random & (random >> 1) & 0x5555_5554, state }
    }

    /// The index that [`Places::next_below`] would give, if it is below its end.
    pub fn next(&self) -> usize {
        self.next as usize
    }

    /// The next index, if it is below `end`, which counts up to [`SYMBOLS_MAX`].
    pub fn next_below(&mut self, end: usize) -> Option<usize> {
        let at = self.next;
        if at >= end.min(SYMBOLS_MAX) as u64 {
            return None;
        }
        self.next = match self.early {
            0 => self.leap(at.max(EARLY - 1)),
            early => u64::from(early.trailing_zeros() / 2),
        };
        self.early &= self.early.wrapping_sub(1);
        Some(at as usize)
    }

    /// The first index after `at`, which is below [`SYMBOLS_MAX`].
    fn leap(&mut self, at: u64) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        let random = mix(self.state);
        // The larger of two uniform numbers is distributed like the root of one, which the paper's formula takes.
        let root = (random >> 32).max(random & 0xffff_ffff).max(1);
        // `at` is below 2^14 and root below 2^32, so nothing here passes 2^48; the leap is at least 1.
        at + ((2 * at + 3) * ((1 << 32) - root)).div_ceil(2 * root)
    }

    /// Whether symbol `index` holds `short`.
    pub fn include(short: u64, index: usize) -> bool {
        let mut places = Places::of(short);
        while places.next() < index {
            if places.next_below(index).is_none() {
                return false;
            }
        }
        places.next() == index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_hit_as_often_as_the_paper_says() {
        let mut hits = [0u32; 96];
        for seed in 0..100_000u64 {
            let mut places = Places::of(mix(seed));
            while let Some(at) = places.next_below(96) {
                hits[at] += 1;
            }
        }
        for (index, hits) in hits.iter().enumerate() {
            let expected = match index {
                0 => 100_000,
                1..16 => 25_000,
                _ => 200_000 / (index as u32 + 2),
            };
            assert!(hits.abs_diff(expected) < expected / 16, "{index}: {hits} against {expected}");
        }
    }

    #[test]
    fn indices_rise_and_membership_agrees_with_the_walk() {
        for seed in 0..200u64 {
            let mut places = Places::of(mix(seed));
            let mut walked = alloc::vec::Vec::new();
            while let Some(at) = places.next_below(300) {
                walked.push(at);
            }
            let member: alloc::vec::Vec<usize> = (0..300).filter(|at| Places::include(mix(seed), *at)).collect();
            assert_eq!(walked, member);
        }
    }
}

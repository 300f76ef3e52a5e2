//! About how many items differ, from the symbols of the difference alone: the more there are, the fewer symbols hold none
//! or one of them. Knows how likely a symbol holds an item, not which items there are.

/// Neighbouring symbols that are counted together.
const BLOCK: usize = 32;
/// Light symbols without which a guess would be worthless.
const LIGHT_MIN: u64 = 24;
/// Where the search for the number ends; a greater one is never solved.
const ITEMS_MAX: u64 = 1 << 17;

/// How many symbols were seen, and how many of them were light when they came: empty, or with a single item.
#[derive(Debug, Clone, Default)]
pub(super) struct Density {
    total: u64,
    seen: usize,
}

impl Density {
    /// Notes the symbol at `index`, one after the other.
    pub fn note(&mut self, index: usize, is_light: bool) {
        self.seen = index + 1;
        if is_light && index >= BLOCK {
            self.total += 1;
        }
    }

    /// The number of items at which as many symbols would be light as are.
    pub fn estimate(&self) -> Option<u64> {
        if self.total < LIGHT_MIN {
            return None;
        }
        let (mut low, mut high) = (1, ITEMS_MAX);
        while low < high {
            let middle = low.midpoint(high);
            match self.expected(middle) > self.total << 32 {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Some(low)
    }

    /// How many of the symbols seen would be light with `items` items, times 2^32.
    fn expected(&self, items: u64) -> u64 {
        let mut sum = 0;
        for start in (BLOCK..self.seen).step_by(BLOCK) {
            let size = BLOCK.min(self.seen - start) as u64;
            let middle = start as u64 + size / 2;
            // None of n items: (i / (i + 2))^n. One: n * 2 / i times that. All below 2^32 * 2^18 / 32.
            let none = power((middle << 32) / (middle + 2), items);
            let light = none + none * (2 * items) / middle;
            sum += size * light.min(1 << 32);
        }
        sum
    }
}

/// `base` to the power of `exponent`, both sides in units of 2^-32.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut product = 1 << 32;
    while exponent > 0 {
        if exponent % 2 == 1 {
            product = (product * base) >> 32;
        }
        base = (base * base) >> 32;
        exponent /= 2;
    }
    product
}

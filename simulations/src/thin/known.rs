//! Which of the run's orders a peer knows: all up to a number, and bits beyond. Knows numbers only.

/// A set of numbers that fills from below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Words that are full, and left out.
    full: u32,
    words: Vec<u64>,
}

impl Known {
    /// Adds a number; false if it is there.
    pub(super) fn insert(&mut self, number: u32) -> bool {
        let word = number / 64;
        if word < self.full {
            return false;
        }
        let at = (word - self.full) as usize;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (number % 64);
        let is_new = self.words[at] & bit == 0;
        self.words[at] |= bit;
        if at == 0 {
            let full = self.words.iter().take_while(|word| **word == u64::MAX).count();
            self.words.drain(..full);
            self.full += full as u32;
        }
        is_new
    }

    pub(super) fn has(&self, number: u32) -> bool {
        self.word(number / 64) & 1 << (number % 64) != 0
    }

    fn word(&self, at: u32) -> u64 {
        match at.checked_sub(self.full) {
            None => u64::MAX,
            Some(at) => self.words.get(at as usize).copied().unwrap_or(0),
        }
    }

    fn end(&self) -> u32 {
        self.full + self.words.len() as u32
    }

    /// What only this set has, and what only the other has.
    pub(super) fn differ(&self, other: &Known) -> (Vec<u32>, Vec<u32>) {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for at in self.full.min(other.full)..self.end().max(other.end()) {
            let (own, others) = (self.word(at), other.word(at));
            collect(own & !others, at, &mut here);
            collect(others & !own, at, &mut there);
        }
        (here, there)
    }

    /// The numbers of `first..end` that are missing.
    pub(super) fn missing(&self, first: u32, end: u32) -> Vec<u32> {
        let first = first.max(self.full * 64);
        (first..end).filter(|number| !self.has(*number)).collect()
    }
}

fn collect(mut word: u64, at: u32, into: &mut Vec<u32>) {
    while word != 0 {
        into.push(at * 64 + word.trailing_zeros());
        word &= word - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::collections::BTreeSet;

    #[test]
    fn it_holds_what_a_set_of_numbers_holds() {
        let mut random = Random::new(1, 1);
        let (mut known, mut truth) = (Known::default(), BTreeSet::new());
        let mut before = known.clone();
        let mut base = 0;
        for step in 0..4_000 {
            let number = base + random.below(100) as u32;
            base += u32::from(step % 4 == 0);
            assert_eq!(known.insert(number), truth.insert(number), "{number}");
            if step == 3_000 {
                (0..500).for_each(|number| assert_eq!(known.insert(number), truth.insert(number)));
                before = known.clone();
            }
        }
        assert!(known.full >= 7 && (0..1_200).all(|number| known.has(number) == truth.contains(&number)));
        let (here, there) = known.differ(&before);
        assert!(there.is_empty() && here.len() > 100 && here.iter().all(|number| !before.has(*number)));
        assert_eq!(before.differ(&known), (Vec::new(), here));
        let missing = known.missing(0, 1_200);
        assert_eq!(missing, (0..1_200).filter(|number| !truth.contains(number)).collect::<Vec<_>>());
    }
}

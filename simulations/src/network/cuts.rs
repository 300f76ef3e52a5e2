//! Which links are cut or bad at the moment: partitions, directions that nothing comes through, peers that lose more.
//! Knows peers by number, not why.

/// What is wrong with one peer's links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cut {
    /// A bit for each partition, set for the peers on one side.
    sides: u32,
    /// A bit for each deafness, set for the peers that the others do not hear.
    mute: u32,
    loss_ppm: u32,
}

/// What is wrong with links, by peer; nothing at first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Empty if nothing is wrong at all.
    peers: Vec<Cut>,
    /// Bits used.
    partitions: u32,
    silences: u32,
}

/// Partitions, and silences, at the same time; further ones are merged with the last.
pub const CUTS_MAX: u32 = 32;

impl Cuts {
    /// Nothing is cut.
    pub fn none() -> Cuts {
        Cuts::default()
    }

    fn of(&mut self, peer: u32) -> &mut Cut {
        let at = peer as usize;
        if self.peers.len() <= at {
            self.peers.resize(at + 1, Cut::default());
        }
        &mut self.peers[at]
    }

    /// These peers and all others cannot reach each other.
    pub fn part(&mut self, peers: impl IntoIterator<Item = u32>) {
        let bit = 1 << self.partitions.min(CUTS_MAX - 1);
        self.partitions += 1;
        peers.into_iter().for_each(|peer| self.of(peer).sides |= bit);
    }

    /// All others do not hear these peers, who hear everything.
    pub fn silence(&mut self, peers: impl IntoIterator<Item = u32>) {
        let bit = 1 << self.silences.min(CUTS_MAX - 1);
        self.silences += 1;
        peers.into_iter().for_each(|peer| self.of(peer).mute |= bit);
    }

    /// Links of these peers lose so much in addition, in millionths.
    pub fn lose(&mut self, peers: impl IntoIterator<Item = u32>, ppm: u32) {
        peers.into_iter().for_each(|peer| self.of(peer).loss_ppm += ppm);
    }

    /// Whether anything from one arrives at the other.
    pub fn is_open(&self, from: u32, to: u32) -> bool {
        if self.peers.is_empty() {
            return true;
        }
        let (from, to) = (self.at(from), self.at(to));
        from.sides == to.sides && from.mute & !to.mute == 0
    }

    /// What is lost in addition, in millionths.
    pub fn loss_ppm(&self, from: u32, to: u32) -> u32 {
        match self.peers.is_empty() {
            true => 0,
            false => (self.at(from).loss_ppm + self.at(to).loss_ppm).min(1_000_000),
        }
    }

    fn at(&self, peer: u32) -> Cut {
        self.peers.get(peer as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_cuts_both_ways_and_silence_one() {
        let mut cuts = Cuts::none();
        assert!(cuts.is_open(0, 5));
        cuts.part([0, 1]);
        assert!(cuts.is_open(0, 1) && cuts.is_open(4, 5));
        assert!(!cuts.is_open(0, 5) && !cuts.is_open(5, 0));
        let mut cuts = Cuts::none();
        cuts.silence([2, 3]);
        assert!(!cuts.is_open(2, 7), "the others do not hear it");
        assert!(cuts.is_open(7, 2) && cuts.is_open(2, 3), "it hears everything");
    }

    #[test]
    fn two_partitions_make_four_parts_and_losses_add_up() {
        let mut cuts = Cuts::none();
        cuts.part([0, 1]);
        cuts.part([1, 2]);
        for (from, to) in [(0, 1), (1, 2), (2, 3), (0, 3), (0, 2), (1, 3)] {
            assert!(!cuts.is_open(from, to), "{from} and {to}");
        }
        cuts.lose([0, 1], 1_000);
        cuts.lose([1], 500);
        assert_eq!((cuts.loss_ppm(0, 3), cuts.loss_ppm(0, 1), cuts.loss_ppm(3, 2)), (1_000, 2_500, 0));
    }
}

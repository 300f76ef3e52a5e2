//! Where the nodes of the mesh study are and what their lines carry: cities, round trips, uplinks. Knows no gossip.

use super::random::Random;

/// One city: its name and how many of a hundred nodes are there.
const CITIES: [(&str, u64); 12] = [
    ("Virginia", 16),
    ("Iowa", 7),
    ("California", 9),
    ("Toronto", 3),
    ("Amsterdam", 16),
    ("London", 8),
    ("Frankfurt", 14),
    ("Tokyo", 7),
    ("Singapore", 7),
    ("Pune", 5),
    ("Sydney", 4),
    ("Sao Paulo", 4),
];

/// Round trips in ms between the cities above, each with those before it: medians of 30 days that Microsoft published
/// for its regions there ("Azure network round-trip latency statistics", April 2024).
const ROUND_TRIPS_MS: [&[u64]; 12] = [
    &[],
    &[32],
    &[69, 40],
    &[22, 26, 68],
    &[84, 109, 146, 97],
    &[78, 98, 137, 92, 11],
    &[90, 110, 149, 103, 11, 17],
    &[158, 136, 108, 157, 226, 226, 223],
    &[227, 199, 171, 221, 159, 157, 156, 72],
    &[210, 240, 220, 222, 139, 134, 134, 121, 54],
    &[204, 176, 140, 199, 259, 258, 243, 103, 90, 140],
    &[118, 149, 186, 131, 186, 180, 193, 281, 340, 311, 310],
];
/// Half of a round trip within a city.
const WITHIN_CITY_US: u64 = 1_000;
/// One node in five has a fast line.
const FAST_PER_MILLE: u64 = 200;
const FAST_BITS_PER_US: u64 = 1_000;
const SLOW_BITS_PER_US: u64 = 50;

/// One participant.
#[derive(Debug, Clone)]
pub struct Place {
    city: usize,
    /// One way, from the node to its city's exchange.
    access_us: u64,
    bits_per_us: u64,
}

/// All nodes, numbered.
#[derive(Debug, Clone)]
pub struct World {
    places: Vec<Place>,
}

impl World {
    /// `size` nodes, spread over the cities by weight.
    pub fn new(size: usize, seed: u64) -> World {
        let mut random = Random::new(seed);
        let places = (0..size).map(|_| Place::new(&mut random)).collect();
        World { places }
    }

    /// How many nodes there are.
    pub fn size(&self) -> usize {
        self.places.len()
    }

    /// One way between two nodes, without load and jitter.
    pub fn delay_us(&self, a: usize, b: usize) -> u64 {
        let (here, there) = (&self.places[a], &self.places[b]);
        let (first, second) = (here.city.min(there.city), here.city.max(there.city));
        let between = if first == second { WITHIN_CITY_US } else { ROUND_TRIPS_MS[second][first] * 500 };
        between + here.access_us + there.access_us
    }

    /// How long the uplink of a node is busy with so many bytes.
    pub fn sending_us(&self, node: usize, bytes: u64) -> u64 {
        (bytes * 8).div_ceil(self.places[node].bits_per_us)
    }
}

impl Place {
    fn new(random: &mut Random) -> Place {
        let mut rest = random.below(CITIES.iter().map(|(_, weight)| weight).sum());
        let mut city = 0;
        while rest >= CITIES[city].1 {
            rest -= CITIES[city].1;
            city += 1;
        }
        match random.happens(FAST_PER_MILLE) {
            true => Place { city, access_us: 200 + random.below(800), bits_per_us: FAST_BITS_PER_US },
            false => Place { city, access_us: 1_000 + random.below(5_000), bits_per_us: SLOW_BITS_PER_US },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_trips_are_those_of_every_pair_once() {
        for (index, row) in ROUND_TRIPS_MS.iter().enumerate() {
            assert_eq!(row.len(), index, "{}", CITIES[index].0);
            assert!(row.iter().all(|ms| (10..400).contains(ms)));
        }
        assert_eq!(CITIES.iter().map(|(_, weight)| weight).sum::<u64>(), 100);
    }

    #[test]
    fn a_delay_is_the_same_both_ways_and_least_within_a_city() {
        let place = |city| Place { city, access_us: 0, bits_per_us: SLOW_BITS_PER_US };
        let world = World { places: vec![place(0), place(4), place(4)] };
        assert_eq!((world.delay_us(0, 1), world.delay_us(1, 0), world.delay_us(1, 2)), (42_000, 42_000, 1_000));
    }

    #[test]
    fn an_uplink_of_fifty_megabits_carries_six_bytes_in_a_microsecond() {
        let world = World { places: vec![Place { city: 0, access_us: 0, bits_per_us: SLOW_BITS_PER_US }] };
        assert_eq!(world.sending_us(0, 6_250), 1_000);
    }
}

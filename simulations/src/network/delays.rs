//! The mean one-way latency of each pair of peers: by where they live, by chance, or from a measured matrix. Floating
//! point ends here, when a run is loaded.

use super::cities::{CITIES, city_delays};
use crate::engine::{MS, Nanos};
use crate::random::Random;

/// Streams of chance that draw where peers live.
const CITY_STREAM: u64 = 1 << 40;
/// Peers in data centres, in millionths; the others are at homes and offices.
const HOUSED_PPM: u32 = 500_000;
/// From a machine in a data centre to its city's exchange, one way.
const HOUSED: (Nanos, Nanos) = (MS / 5, MS);
/// From a machine at home or in an office to its city's exchange, one way.
const HOME: (Nanos, Nanos) = (MS, 8 * MS);

/// A measured matrix of one-way microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    peers: usize,
    us: Vec<u32>,
}

/// Why a matrix is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// The scenario names a plan, and it was not given.
    #[error("the scenario takes latency from a plan, which was not given")]
    Missing,
    /// A word that is no number of microseconds.
    #[error("line {line} of the plan: `{word}` is no whole number of microseconds")]
    Number {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// A row of another length.
    #[error("line {line} of the plan has {found} numbers, but there are {expected} lines")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Numbers in it.
        found: usize,
        /// Lines in all.
        expected: usize,
    },
    /// Too few peers in it.
    #[error("the plan is for {plan} peers, but the run has {peers}")]
    TooFew {
        /// Peers in it.
        plan: usize,
        /// Peers of the run.
        peers: usize,
    },
}

impl Matrix {
    /// Reads one line a peer, as many numbers of one-way microseconds a line, divided by spaces or commas. Lines that
    /// begin with `#` are comments. The diagonal is not looked at.
    ///
    /// # Errors
    /// [`MatrixError::Number`], [`MatrixError::Shape`].
    pub fn parse(text: &str) -> Result<Matrix, MatrixError> {
        let lines = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let peers = lines().count();
        let mut us = Vec::with_capacity(peers * peers);
        for (at, line) in lines() {
            let before = us.len();
            for word in line.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
                us.push(word.parse().map_err(|_| MatrixError::Number { line: at + 1, word: word.into() })?);
            }
            let found = us.len() - before;
            if found != peers {
                return Err(MatrixError::Shape { line: at + 1, found, expected: peers });
            }
        }
        Ok(Matrix { peers, us })
    }

    /// A matrix of rows that are there already.
    ///
    /// # Errors
    /// [`MatrixError::Shape`].
    pub fn from_rows(rows: &[Vec<u64>]) -> Result<Matrix, MatrixError> {
        let peers = rows.len();
        let odd = rows.iter().position(|row| row.len() != peers);
        if let Some(at) = odd {
            return Err(MatrixError::Shape { line: at + 1, found: rows[at].len(), expected: peers });
        }
        let us = rows.iter().flatten().map(|us| u32::try_from(*us).unwrap_or(u32::MAX)).collect();
        Ok(Matrix { peers, us })
    }

    /// How many peers it is for.
    pub fn peers(&self) -> usize {
        self.peers
    }

    fn between(&self, a: usize, b: usize) -> u64 {
        // The two directions of a pair share one delay: their mean.
        (u64::from(self.us[a * self.peers + b]) + u64::from(self.us[b * self.peers + a])) / 2
    }
}

/// Where a peer lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home {
    city: u8,
    access: u32,
}

/// Where latency comes from.
#[derive(Debug)]
pub(super) enum Delays {
    /// Between cities, and from each peer to its city.
    Cities { homes: Vec<Home>, between: Vec<u32>, least: Nanos },
    /// Drawn for each pair.
    Uniform { min: Nanos, width: u64, seed: u64 },
    /// As measured.
    Plan { matrix: Matrix, least: Nanos },
}

impl Delays {
    pub(super) fn cities(peers: u32, seed: u64) -> Delays {
        let all: u64 = CITIES.iter().map(|city| u64::from(city.weight)).sum();
        let homes: Vec<Home> = (0..peers)
            .map(|peer| {
                let mut random = Random::new(seed, CITY_STREAM + u64::from(peer));
                let mut at = random.below(all);
                let city = CITIES.iter().position(|city| {
                    let is_here = at < u64::from(city.weight);
                    at = at.wrapping_sub(u64::from(city.weight));
                    is_here
                });
                let (least, most) = if random.chance(HOUSED_PPM) { HOUSED } else { HOME };
                Home { city: city.unwrap_or(0) as u8, access: random.between(least, most) as u32 }
            })
            .collect();
        let between = city_delays();
        let nearest = between.iter().min().copied().unwrap_or(0);
        let access = homes.iter().map(|home| home.access).min().unwrap_or(0);
        let least = Nanos::from(nearest) + 2 * Nanos::from(access);
        Delays::Cities { homes, between, least }
    }

    pub(super) fn uniform(min: Nanos, max: Nanos, seed: u64) -> Delays {
        Delays::Uniform { min, width: max.saturating_sub(min) + 1, seed }
    }

    pub(super) fn plan(matrix: Matrix, peers: u32) -> Result<Delays, MatrixError> {
        let peers = peers as usize;
        if matrix.peers < peers {
            return Err(MatrixError::TooFew { plan: matrix.peers, peers });
        }
        let pairs = (0..peers).flat_map(|a| (0..a).map(move |b| (a, b)));
        let least = pairs.map(|(a, b)| matrix.between(a, b)).min().unwrap_or(1_000) * 1_000;
        Ok(Delays::Plan { matrix, least })
    }

    /// No pair is nearer.
    pub(super) fn least(&self) -> Nanos {
        match self {
            Delays::Cities { least, .. } | Delays::Plan { least, .. } => *least,
            Delays::Uniform { min, .. } => *min,
        }
    }

    pub(super) fn city(&self, peer: u32) -> Option<usize> {
        match self {
            Delays::Cities { homes, .. } => homes.get(peer as usize).map(|home| usize::from(home.city)),
            _ => None,
        }
    }

    pub(super) fn between(&self, a: u32, b: u32) -> Nanos {
        match self {
            Delays::Cities { homes, between, .. } => {
                let (a, b) = (homes[a as usize], homes[b as usize]);
                let way = between[usize::from(a.city) * CITIES.len() + usize::from(b.city)];
                Nanos::from(way) + Nanos::from(a.access) + Nanos::from(b.access)
            }
            Delays::Uniform { min, width, seed } => {
                let pair = u64::from(a.min(b)) << 32 | u64::from(a.max(b));
                min + ((u128::from(mix(pair ^ mix(*seed))) * u128::from(*width)) >> 64) as u64
            }
            Delays::Plan { matrix, .. } => matrix.between(a as usize, b as usize) * 1_000,
        }
    }
}

/// The finaliser of splitmix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

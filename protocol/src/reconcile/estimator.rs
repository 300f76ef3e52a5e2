//! About how many ids two sets differ in, from 128 bytes a side: tug-of-war counters (Alon, Matias and Szegedy 1996), each
//! item in one of them (Thorup and Zhang 2004). Knows no symbols.

use alloc::string::String;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::places::mix;
use crate::hash::{hex_decode, hex_encode};

/// Counters of an [`Estimator`]. The standard error of an estimate is the root of 2 / 64: 18 %.
pub const COUNTERS: usize = 64;

/// Counters of a set that wrap; in each, half of the items count up and half down, so that the squares of the
/// differences of two sides' counters sum up to about the number of items that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimator([i16; COUNTERS]);

impl Default for Estimator {
    fn default() -> Self {
        Estimator([0; COUNTERS])
    }
}

impl Estimator {
    /// With one more item.
    pub(super) fn add(&mut self, short: u64) {
        self.count(short, 1);
    }

    /// With one item less.
    pub(super) fn remove(&mut self, short: u64) {
        self.count(short, -1);
    }

    fn count(&mut self, short: u64, by: i16) {
        let random = mix(short);
        let counter = &mut self.0[(random % COUNTERS as u64) as usize];
        let is_up = random / COUNTERS as u64 % 2 == 1;
        *counter = if is_up { counter.wrapping_add(by) } else { counter.wrapping_sub(by) };
    }

    /// About how many items differ: exact for none and one, else right on average.
    pub fn difference(&self, other: &Estimator) -> u64 {
        let square = |(a, b): (&i16, &i16)| {
            let apart = u64::from(a.wrapping_sub(*b).unsigned_abs());
            apart * apart
        };
        self.0.iter().zip(&other.0).map(square).sum()
    }

    /// The counters one after the other, little-endian.
    pub fn to_bytes(&self) -> [u8; 2 * COUNTERS] {
        let mut bytes = [0; 2 * COUNTERS];
        for (pair, counter) in bytes.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&counter.to_le_bytes());
        }
        bytes
    }

    /// What [`Estimator::to_bytes`] gave.
    pub fn from_bytes(bytes: &[u8; 2 * COUNTERS]) -> Estimator {
        Estimator(core::array::from_fn(|at| i16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]])))
    }
}

impl Serialize for Estimator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.to_bytes();
        if serializer.is_human_readable() {
            return serializer.serialize_str(&hex_encode(&bytes));
        }
        let mut quarters = [[0u8; 32]; 4];
        for (quarter, part) in quarters.iter_mut().zip(bytes.chunks_exact(32)) {
            quarter.copy_from_slice(part);
        }
        quarters.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Estimator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let bytes = hex_decode(&String::deserialize(deserializer)?).map_err(D::Error::custom)?;
            return Ok(Estimator::from_bytes(&bytes));
        }
        let quarters = <[[u8; 32]; 4]>::deserialize(deserializer)?;
        let mut bytes = [0; 2 * COUNTERS];
        for (part, quarter) in bytes.chunks_exact_mut(32).zip(quarters) {
            part.copy_from_slice(&quarter);
        }
        Ok(Estimator::from_bytes(&bytes))
    }
}

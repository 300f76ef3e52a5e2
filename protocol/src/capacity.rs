//! What is sold: a versioned table of metrics and vectors of scores. Knows no order and no machine.

use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hash::{Hash, keccak256};
use crate::quantity::{Scale, Unit};
use crate::rejected::Rejected;
use crate::typed::{Typed, array_hash, hash_words, hashes, uint_word};

/// The version of the metric table below.
pub const TABLE_VERSION: u32 = 1;

/// How a metric's values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A speed: rounded to two significant digits (asks down, bids up).
    Rate,
    /// A count or a size: exact.
    Exact,
}

/// One row of the metric table. More is always better.
#[derive(Debug)]
pub struct Row {
    /// Stable number, signed in orders.
    pub id: u16,
    /// Stable name, typed by people.
    pub name: &'static str,
    /// The unit people use.
    pub unit: Unit,
    /// Rate or exact.
    pub kind: Kind,
    /// How it is measured.
    pub how: &'static str,
}

macro_rules! metrics {
    ($($variant:ident $id:literal $name:literal $unit:ident $kind:ident $how:literal;)*) => {
        /// One metric of the capacity table; the discriminant is its signed id.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Metric { $(#[doc = $how] $variant = $id,)* }

        impl Metric {
            /// Every metric, by id.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant,)*];

            /// The metric's row.
            pub fn row(self) -> &'static Row {
                match self { $(Metric::$variant => {
                    const ROW: Row = Row { id: $id, name: $name, unit: Unit::$unit, kind: Kind::$kind, how: $how };
                    &ROW
                })* }
            }
        }
    };
}

metrics! {
    CpuThreads 1 "cpu.threads" Count Exact "Hardware threads that the task may use.";
    CpuF64 2 "cpu.f64" Flops Rate "f64 fused multiply-add over all threads, native code.";
    CpuF64Single 3 "cpu.f64.single" Flops Rate "f64 fused multiply-add on one thread, native code.";
    CpuHash 4 "cpu.hash" Hashes Rate "SHA-256 of 64-byte messages over all threads, native code.";
    MemSize 5 "mem.size" Mebibytes Exact "Memory available to tasks.";
    MemBandwidth 6 "mem.bandwidth" Bytes Rate "STREAM-style triad beyond the last-level cache.";
    DiskSize 7 "disk.size" Mebibytes Exact "Disk space available to tasks.";
    DiskWrite 8 "disk.write" Bytes Rate "Sequential write with fsync.";
    NetDown 9 "net.down" Bits Rate "Download from a peer.";
    NetUp 10 "net.up" Bits Rate "Upload to a peer.";
    WasmSingle 11 "wasm.single" Flops Rate "f64 multiply and add inside the sandbox, one thread.";
    WasmMulti 12 "wasm.multi" Flops Rate "f64 multiply and add inside the sandbox, one task a thread.";
    GpuCount 13 "gpu.count" Count Exact "OpenCL devices that are not the processor.";
    GpuF32 14 "gpu.f32" Flops Rate "f32 fused multiply-add, OpenCL.";
    GpuF64 15 "gpu.f64" Flops Rate "f64 fused multiply-add, OpenCL.";
    GpuHash 16 "gpu.hash" Hashes Rate "Keccak-256 of 64-byte messages, OpenCL.";
    GpuMem 17 "gpu.mem" Mebibytes Exact "Device memory.";
    GpuBandwidth 18 "gpu.bandwidth" Bytes Rate "Device memory bandwidth.";
}

/// A text that names no metric of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such metric")]
pub struct UnknownMetric;

impl Metric {
    /// The metric with this signed id.
    pub fn from_id(id: u16) -> Option<Metric> {
        Metric::ALL.iter().copied().find(|metric| metric.row().id == id)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        Metric::ALL.iter().copied().find(|metric| metric.row().name == text).ok_or(UnknownMetric)
    }
}

/// Keccak-256 over every row's `id name unit kind`, so that markets with different tables have different ids.
pub fn table_hash() -> Hash {
    let mut lines = alloc::format!("souk metrics {TABLE_VERSION}\n");
    for metric in Metric::ALL {
        let row = metric.row();
        lines.push_str(&alloc::format!("{} {} {} {:?}\n", row.id, row.name, row.unit.base(), row.kind));
    }
    keccak256(&[lines.as_bytes()])
}

/// One benchmark figure: a metric and its value in the metric's base unit (flop/s, hash/s, B/s, bit/s, MiB, count).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Score {
    /// The metric's signed id.
    pub metric: u16,
    /// The value in base units.
    pub value: u64,
}

impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Metric::from_id(self.metric) {
            Some(metric) => write!(f, "{metric}={}", Scale::display(metric.row().unit, self.value)),
            None => write!(f, "metric {}={}", self.metric, self.value),
        }
    }
}

impl Typed for Score {
    fn struct_hash(&self) -> Hash {
        hash_words(&[hashes::SCORE.0, uint_word(self.metric), uint_word(self.value)])
    }
}

/// A vector of scores, sorted by metric id, each metric once, no zero values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Capacity(Box<[Score]>);

impl Capacity {
    /// Sorts and merges: of a metric that is named twice the last value counts; zero values are left out.
    pub fn new(scores: impl IntoIterator<Item = (Metric, u64)>) -> Capacity {
        let mut map = alloc::collections::BTreeMap::new();
        for (metric, value) in scores {
            map.insert(metric as u16, value);
        }
        Capacity(
            map.into_iter().filter(|&(_, value)| value > 0).map(|(metric, value)| Score { metric, value }).collect(),
        )
    }

    /// The scores, by metric id.
    pub fn scores(&self) -> &[Score] {
        &self.0
    }

    /// The value for `metric`, 0 if it is not named.
    pub fn value(&self, metric: u16) -> u64 {
        match self.0.binary_search_by_key(&metric, |score| score.metric) {
            Ok(index) => self.0[index].value,
            Err(_) => 0,
        }
    }

    /// The first score of `wanted` that this capacity falls short of; `None` if it dominates.
    pub fn shortfall(&self, wanted: &Capacity) -> Option<Score> {
        wanted.0.iter().copied().find(|score| self.value(score.metric) < score.value)
    }

    /// Whether this is >= `wanted` in every metric that `wanted` names.
    pub fn dominates(&self, wanted: &Capacity) -> bool {
        self.shortfall(wanted).is_none()
    }

    /// `lots` times this capacity; `None` if a value exceeds 64 bits.
    pub fn times(&self, lots: u32) -> Option<Capacity> {
        let scaled = self
            .0
            .iter()
            .map(|score| score.value.checked_mul(lots.into()).map(|value| Score { metric: score.metric, value }));
        scaled.collect::<Option<Box<[_]>>>().map(Capacity)
    }

    /// Whether no value of `lots` times this capacity exceeds 64 bits.
    pub fn has_times(&self, lots: u32) -> bool {
        self.0.iter().all(|score| score.value.checked_mul(lots.into()).is_some())
    }

    /// The sum of two capacities; `None` if a value exceeds 64 bits.
    pub fn plus(&self, other: &Capacity) -> Option<Capacity> {
        let mut map: alloc::collections::BTreeMap<u16, u64> = self.0.iter().map(|s| (s.metric, s.value)).collect();
        for score in &other.0 {
            let sum = map.entry(score.metric).or_default();
            *sum = sum.checked_add(score.value)?;
        }
        Some(Capacity(map.into_iter().map(|(metric, value)| Score { metric, value }).collect()))
    }

    /// This capacity with every rate rounded to two significant digits, down for asks and up for bids.
    pub fn rounded(&self, direction: Rounding) -> Capacity {
        let scores = self.0.iter().map(|score| Score { metric: score.metric, value: rounded(score, direction) });
        Capacity(scores.collect())
    }

    /// Whether the vector has the one form that orders may carry.
    ///
    /// # Errors
    /// [`Rejected::Capacity`] if it is empty, unsorted, repeats or does not know a metric, holds a zero, or holds a
    /// rate with more than two significant digits.
    pub fn check(&self) -> Result<(), Rejected> {
        let is_sorted = self.0.windows(2).all(|pair| pair[0].metric < pair[1].metric);
        let is_known = self.0.iter().all(|score| Metric::from_id(score.metric).is_some() && score.value > 0);
        let is_rounded = self.0.iter().all(|score| score.value == rounded(score, Rounding::Down));
        match !self.0.is_empty() && is_sorted && is_known && is_rounded {
            true => Ok(()),
            false => Err(Rejected::Capacity),
        }
    }

    /// The EIP-712 hash of this capacity as a `Score[]` member.
    pub fn array_hash(&self) -> Hash {
        array_hash(self.0.iter().map(Typed::struct_hash))
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, score) in self.0.iter().enumerate() {
            write!(f, "{}{score}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Which way a rate loses its lower digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// For what is offered.
    Down,
    /// For what is wanted; saturates at the largest two-digit value.
    Up,
}

/// The value of a score, a rate's with two digits.
fn rounded(score: &Score, direction: Rounding) -> u64 {
    let is_rate = Metric::from_id(score.metric).is_some_and(|metric| metric.row().kind == Kind::Rate);
    if is_rate { round_two_digits(score.value, direction) } else { score.value }
}

/// `value` with at most two significant decimal digits.
pub fn round_two_digits(value: u64, direction: Rounding) -> u64 {
    let mut step = 1u64;
    while value / step >= 100 {
        step *= 10;
    }
    let down = value / step * step;
    match direction {
        Rounding::Up if down < value => down.checked_add(step).unwrap_or(down),
        _ => down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_dominates_what_it_covers_in_every_named_metric() {
        let ask = Capacity::new([(Metric::CpuHash, 30_000_000), (Metric::MemSize, 2048)]);
        assert!(ask.dominates(&Capacity::new([(Metric::MemSize, 2048)])));
        let short = ask.shortfall(&Capacity::new([(Metric::CpuHash, 1), (Metric::MemSize, 4096)]));
        assert_eq!(short, Some(Score { metric: 5, value: 4096 }));
        assert!(!ask.dominates(&Capacity::new([(Metric::GpuMem, 1)])));
    }

    #[test]
    fn rates_keep_two_digits_down_for_asks_and_up_for_bids() {
        for (value, down, up) in [(0, 0, 0), (99, 99, 99), (101, 100, 110), (12_345, 12_000, 13_000), (999, 990, 1000)]
        {
            assert_eq!(round_two_digits(value, Rounding::Down), down);
            assert_eq!(round_two_digits(value, Rounding::Up), up);
        }
        assert_eq!(round_two_digits(u64::MAX, Rounding::Up), 18_000_000_000_000_000_000);
    }

    #[test]
    fn only_the_canonical_form_passes() {
        let score = |metric, value| Score { metric, value };
        assert!(Capacity([score(2, 10), score(5, 123_456)].into()).check().is_ok());
        for bad in [
            alloc::vec![],
            alloc::vec![score(5, 1), score(2, 1)],
            alloc::vec![score(2, 1), score(2, 1)],
            alloc::vec![score(2, 0)],
            alloc::vec![score(999, 1)],
            alloc::vec![score(2, 123)],
        ] {
            assert_eq!(Capacity(bad.into()).check(), Err(Rejected::Capacity));
        }
    }

    #[test]
    fn metric_ids_and_names_are_unique() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_id(metric.row().id), Some(*metric));
            assert_eq!(metric.row().name.parse(), Ok(*metric));
        }
    }
}

//! The parameters that make one market, and their hash, the `MarketId`. Knows nothing of orders.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::capacity;
use crate::hash::{Hash, HexError};
use crate::typed::{Domain, StructHasher, Typed, types};

/// The version of the words and bytes that this build speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The struct hash of a market's [`Parameters`]: separates it from all others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MarketId(pub Hash);

impl fmt::Display for MarketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MarketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MarketId {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        text.parse().map(MarketId)
    }
}

/// All that peers of one market must agree on before they can agree on anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// A name for people, 1 to 64 bytes.
    pub name: String,
    /// The version of words and bytes; [`PROTOCOL_VERSION`] here.
    pub protocol_version: u32,
    /// The Ethereum chain that settles; 0 for none.
    pub chain_id: u64,
    /// The settlement contract; the zero address for none.
    pub contract: Address,
    /// Length of an epoch in milliseconds.
    pub epoch_ms: u32,
    /// The last part of an epoch, in which makers already sign for the next one.
    pub guard_ms: u32,
    /// How far two honest clocks may differ.
    pub clock_tolerance_ms: u32,
    /// The longest life of an order in seconds.
    pub order_life_max_s: u32,
    /// Slots that every owner has.
    pub slots_per_owner: u16,
    /// Slots that an owner can have by stake.
    pub slots_per_owner_max: u16,
    /// Stake in wei for each slot above `slots_per_owner`.
    #[serde(with = "crate::money::decimal")]
    pub stake_per_slot: u128,
    /// Heads (orders and empty slots) that a node keeps.
    pub heads_max: u32,
    /// The longest minimum billed time an ask may name, in seconds.
    pub billed_min_max_s: u32,
    /// A struck deal must be opened within so many seconds.
    pub open_window_s: u32,
    /// Interval of heartbeats inside a deal.
    pub heartbeat_ms: u32,
    /// A side is gone after so many missed heartbeats.
    pub heartbeats_missed: u16,
    /// A payout reaches at most one period past the last acknowledgement, in seconds.
    pub billing_period_s: u32,
    /// A countersigner accepts a price within so many millionths of its own.
    pub price_tolerance_ppm: u32,
    /// Blocks behind the head at which chain facts are read.
    pub checkpoint_depth: u32,
    /// Hash of the metric table ([`capacity::table_hash`]).
    pub capacity_table: Hash,
    /// Makes two markets with the same parameters different.
    pub salt: Hash,
}

/// Why parameters cannot make a market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// A value is outside what the protocol can work with.
    #[error("{field} is {value}, but must be {expected}")]
    Range {
        /// The field's name in the market file.
        field: &'static str,
        /// What it holds.
        value: u64,
        /// What it may hold.
        expected: &'static str,
    },
    /// The market uses other words or bytes.
    #[error("the market speaks protocol version {theirs}, this build speaks {PROTOCOL_VERSION}")]
    Version {
        /// The market's version.
        theirs: u32,
    },
    /// The market's metric table is not this build's.
    #[error("the market's metric table is not the one this build knows")]
    CapacityTable,
}

impl Parameters {
    /// The defaults of DESIGN: 2 s epochs, 600 ms guard, no chain.
    pub fn new(name: &str, salt: Hash) -> Parameters {
        Parameters {
            name: name.into(),
            protocol_version: PROTOCOL_VERSION,
            chain_id: 0,
            contract: Address::ZERO,
            epoch_ms: 2_000,
            guard_ms: 600,
            clock_tolerance_ms: 100,
            order_life_max_s: 24 * 3600,
            slots_per_owner: 64,
            slots_per_owner_max: 1024,
            stake_per_slot: 1_000_000_000_000_000_000,
            heads_max: 100_000,
            billed_min_max_s: 3600,
            open_window_s: 30,
            heartbeat_ms: 1_000,
            heartbeats_missed: 3,
            billing_period_s: 60,
            price_tolerance_ppm: 10_000,
            checkpoint_depth: 12,
            capacity_table: capacity::table_hash(),
            salt,
        }
    }

    /// Whether a market can run on these values.
    ///
    /// # Errors
    /// [`ParametersError`] names the first field that is out of range.
    pub fn check(&self) -> Result<(), ParametersError> {
        let range = |field, value: u64, ok: bool, expected| match ok {
            true => Ok(()),
            false => Err(ParametersError::Range { field, value, expected }),
        };
        if self.protocol_version != PROTOCOL_VERSION {
            return Err(ParametersError::Version { theirs: self.protocol_version });
        }
        if self.capacity_table != capacity::table_hash() {
            return Err(ParametersError::CapacityTable);
        }
        let (epoch, guard) = (u64::from(self.epoch_ms), u64::from(self.guard_ms));
        let name = self.name.len() as u64;
        range("name", name, (1..=64).contains(&name), "1 to 64 bytes long")?;
        range("epoch_ms", epoch, (100..=3_600_000).contains(&epoch), "100 to 3,600,000")?;
        range(
            "guard_ms",
            guard,
            guard >= 2 * u64::from(self.clock_tolerance_ms) && guard < epoch,
            "at least twice clock_tolerance_ms and less than epoch_ms",
        )?;
        let life = u64::from(self.order_life_max_s);
        range("order_life_max_s", life, life * 1000 >= epoch && life <= 86_400, "at least one epoch, at most 86,400")?;
        let slots = u64::from(self.slots_per_owner);
        range(
            "slots_per_owner",
            slots,
            slots >= 1 && self.slots_per_owner <= self.slots_per_owner_max,
            "1 to slots_per_owner_max",
        )?;
        range("heads_max", self.heads_max.into(), self.heads_max >= 1, "at least 1")?;
        let window = u64::from(self.open_window_s);
        range("open_window_s", window, (1..=3600).contains(&window), "1 to 3,600")?;
        let beat = u64::from(self.heartbeat_ms);
        range("heartbeat_ms", beat, (100..=60_000).contains(&beat), "100 to 60,000")?;
        let missed = u64::from(self.heartbeats_missed);
        range("heartbeats_missed", missed, (2..=100).contains(&missed), "2 to 100")?;
        let period = u64::from(self.billing_period_s);
        range("billing_period_s", period, (1..=86_400).contains(&period), "1 to 86,400")?;
        let ppm = u64::from(self.price_tolerance_ppm);
        range("price_tolerance_ppm", ppm, ppm <= 1_000_000, "at most 1,000,000")
    }

    /// The market's id.
    pub fn id(&self) -> MarketId {
        MarketId(self.struct_hash())
    }

    /// The market's signing domain.
    pub fn domain(&self) -> Domain {
        Domain::new(self.id(), self.chain_id, self.contract)
    }

    /// The epoch that `unix_ms` lies in.
    pub fn epoch_at(&self, unix_ms: u64) -> u64 {
        unix_ms / u64::from(self.epoch_ms)
    }

    /// When `epoch` begins, in milliseconds since 1970; saturates at the end of time.
    pub fn epoch_start_ms(&self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.epoch_ms.into())
    }

    /// The epoch that a maker signs at `unix_ms`: the running one, or the next once the guard has begun.
    pub fn epoch_to_sign(&self, unix_ms: u64) -> u64 {
        let guard_begins = u64::from(self.epoch_ms - self.guard_ms);
        self.epoch_at(unix_ms) + u64::from(unix_ms % u64::from(self.epoch_ms) >= guard_begins)
    }

    /// How many epochs `seconds` take, rounded up.
    pub fn epochs_in(&self, seconds: u64) -> u64 {
        seconds.saturating_mul(1000).div_ceil(self.epoch_ms.into())
    }

    /// After so many milliseconds of silence the other side of a deal counts as gone.
    pub fn silence_ms(&self) -> u64 {
        u64::from(self.heartbeat_ms) * u64::from(self.heartbeats_missed)
    }
}

impl Typed for Parameters {
    fn struct_hash(&self) -> Hash {
        StructHasher::new(types::MARKET)
            .string(&self.name)
            .uint(self.protocol_version)
            .uint(self.chain_id)
            .address(&self.contract)
            .uint(self.epoch_ms)
            .uint(self.guard_ms)
            .uint(self.clock_tolerance_ms)
            .uint(self.order_life_max_s)
            .uint(self.slots_per_owner)
            .uint(self.slots_per_owner_max)
            .uint(self.stake_per_slot)
            .uint(self.heads_max)
            .uint(self.billed_min_max_s)
            .uint(self.open_window_s)
            .uint(self.heartbeat_ms)
            .uint(self.heartbeats_missed)
            .uint(self.billing_period_s)
            .uint(self.price_tolerance_ppm)
            .uint(self.checkpoint_depth)
            .hash(&self.capacity_table)
            .hash(&self.salt)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_a_market_and_any_change_makes_another() {
        let defaults = Parameters::new("test", Hash::ZERO);
        assert_eq!(defaults.check(), Ok(()));
        let mut other = defaults.clone();
        other.heartbeat_ms += 1;
        assert_ne!(other.id(), defaults.id());
    }

    #[test]
    fn a_guard_as_long_as_the_epoch_is_refused() {
        let mut parameters = Parameters::new("test", Hash::ZERO);
        parameters.guard_ms = parameters.epoch_ms;
        assert!(matches!(parameters.check(), Err(ParametersError::Range { field: "guard_ms", .. })));
    }

    #[test]
    fn a_maker_signs_the_next_epoch_once_the_guard_has_begun() {
        let parameters = Parameters::new("test", Hash::ZERO);
        assert_eq!(parameters.epoch_to_sign(2_000), 1);
        assert_eq!(parameters.epoch_to_sign(3_399), 1);
        assert_eq!(parameters.epoch_to_sign(3_400), 2);
    }
}

//! Hot and cold keys: what an owner lets a delegate do. The contract checks the same delegation.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::hash::Hash;
use crate::market::MarketId;
use crate::rejected::Rejected;
use crate::typed::{StructHasher, Typed, hashes};

/// What a delegate may sign for its owner; a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Scope(pub u32);

impl Scope {
    /// Place asks.
    pub const ASK: Scope = Scope(1);
    /// Place bids.
    pub const BID: Scope = Scope(2);
    /// Empty slots.
    pub const CANCEL: Scope = Scope(4);
    /// Propose, countersign and end deals.
    pub const DEAL: Scope = Scope(8);
    /// Acknowledge served time.
    pub const ACKNOWLEDGE: Scope = Scope(16);
    /// Submit tasks and read their results.
    pub const TASK: Scope = Scope(32);
    /// Sign receipts.
    pub const RECEIPT: Scope = Scope(64);
    /// Send settlement transactions: open, bill, fail.
    pub const SETTLE: Scope = Scope(128);
    /// Every bit above.
    pub const ALL: Scope = Scope(255);

    /// Every bit and its name.
    pub const NAMES: [(&'static str, Scope); 8] = [
        ("ask", Scope::ASK),
        ("bid", Scope::BID),
        ("cancel", Scope::CANCEL),
        ("deal", Scope::DEAL),
        ("acknowledge", Scope::ACKNOWLEDGE),
        ("task", Scope::TASK),
        ("receipt", Scope::RECEIPT),
        ("settle", Scope::SETTLE),
    ];

    /// Whether every bit of `wanted` is granted here.
    pub fn covers(self, wanted: Scope) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// `all`, or the names with commas between them.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Scope::ALL {
            return f.write_str("all");
        }
        let mut comma = "";
        for (name, _) in Scope::NAMES.iter().filter(|(_, bit)| self.covers(*bit)) {
            write!(f, "{comma}{name}")?;
            comma = ",";
        }
        Ok(())
    }
}

/// The text names no scope: `all`, or names with commas between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected all, or some of ask,bid,cancel,deal,acknowledge,task,receipt,settle")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Scope, ScopeError> {
        if text == "all" {
            return Ok(Scope::ALL);
        }
        text.split(',').try_fold(Scope(0), |sum, word| {
            let (_, bit) = Scope::NAMES.iter().find(|(name, _)| *name == word).ok_or(ScopeError)?;
            Ok(Scope(sum.0 | bit.0))
        })
    }
}

/// How well a party is known, by attestors that the market's governance names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Identity {
    /// Nothing but a key.
    #[default]
    Anonymous = 0,
    /// Has a profile in the registry.
    Registered = 1,
    /// An attestor confirmed who it is.
    Identified = 2,
    /// An attestor confirmed a business.
    Professional = 3,
}

/// `owner` lets `delegate` sign within `scope`, in one market, for a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// The cold key.
    pub owner: Address,
    /// The hot key.
    pub delegate: Address,
    /// What it may sign.
    pub scope: Scope,
    /// Unix seconds, inclusive.
    pub not_before: u64,
    /// Unix seconds, exclusive.
    pub not_after: u64,
    /// The one market it holds in.
    pub market: MarketId,
}

impl Delegation {
    /// Whether this lets its delegate sign `scope` for `owner` at `unix_s` in `market`.
    ///
    /// # Errors
    /// [`Rejected::Delegation`] if anything does not fit.
    pub fn check(&self, owner: &Address, scope: Scope, market: MarketId, unix_s: u64) -> Result<(), Rejected> {
        let is_for = self.owner == *owner && self.market == market && self.scope.covers(scope);
        let is_sane = self.scope.0 & !Scope::ALL.0 == 0 && self.delegate != self.owner && !self.delegate.is_zero();
        match is_for && is_sane && (self.not_before..self.not_after).contains(&unix_s) {
            true => Ok(()),
            false => Err(Rejected::Delegation),
        }
    }
}

impl Typed for Delegation {
    fn struct_hash(&self) -> Hash {
        StructHasher::of(&hashes::DELEGATION)
            .address(&self.owner)
            .address(&self.delegate)
            .uint(self.scope.0)
            .uint(self.not_before)
            .uint(self.not_after)
            .hash(&self.market.0)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_scope_reads_back_as_it_is_written() {
        for scope in [Scope::ALL, Scope::ASK, Scope(Scope::BID.0 | Scope::TASK.0), Scope(127)] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!(Scope(3).to_string(), "ask,bid");
        for text in ["", "ask,", "everything", "ask, bid", "ALL"] {
            assert_eq!(text.parse::<Scope>(), Err(ScopeError), "{text}");
        }
        assert_eq!(Scope::NAMES.iter().fold(0, |sum, (_, bit)| sum | bit.0), Scope::ALL.0);
    }
}

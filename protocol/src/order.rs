//! Asks, bids and empty slots, and the checks that need nothing but the order and the market's parameters.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::capacity::Capacity;
use crate::delegation::{Identity, Scope};
use crate::hash::Hash;
use crate::market::Parameters;
use crate::money::Price;
use crate::rejected::Rejected;
use crate::signed::Signable;
use crate::typed::{StructHasher, Typed, address_word, array_hash, hash_words, hashes, types, uint_word};

/// Owners that one order may exclude.
pub const EXCLUDED_MAX: usize = 16;
/// Lots that one order may hold.
pub const LOTS_MAX: u32 = 1 << 20;
/// The longest deal, in seconds: 31 days.
pub const DURATION_MAX_S: u32 = 31 * 86_400;

/// Which side of the market an order is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Sells; signed as 0.
    Ask,
    /// Buys; signed as 1.
    Bid,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Ask => "ask",
            Side::Bid => "bid",
        })
    }
}

/// Network needs: on an ask what it allows, on a bid what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Flags(pub u32);

impl Flags {
    /// Tasks may be reached from outside.
    pub const INBOUND: Flags = Flags(1);
    /// Tasks may reach outside.
    pub const OUTBOUND: Flags = Flags(2);
    const KNOWN: u32 = 3;

    /// Whether every flag of `wanted` is set here.
    pub fn covers(self, wanted: Flags) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// An offer to sell or buy up to `lots` identical lots of `capacity` at a limit price.
///
/// It stands in the owner's numbered `slot`; there the highest `version` wins. It takes part in the clearings of the
/// epochs `from_epoch..expiry_epoch`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Ask or bid.
    pub side: Side,
    /// Who trades.
    pub owner: Address,
    /// The owner's slot.
    pub slot: u16,
    /// The slot's version; higher replaces lower.
    pub version: u64,
    /// What one lot is.
    pub capacity: Capacity,
    /// How many lots, numbered from 0.
    pub lots: u32,
    /// The limit: the least an ask takes, the most a bid pays.
    pub price: Price,
    /// The shortest deal it accepts, in seconds.
    pub duration_min_s: u32,
    /// The longest deal it accepts, in seconds.
    pub duration_max_s: u32,
    /// Ask: seconds billed at least. Bid: the most it accepts as that.
    pub billed_min_s: u32,
    /// The first epoch it counts for.
    pub from_epoch: u64,
    /// The first epoch it no longer counts for.
    pub expiry_epoch: u64,
    /// The only owner it trades with; zero for anyone.
    pub counterparty: Address,
    /// Owners it does not trade with, ascending.
    pub excluded: Vec<Address>,
    /// The least identity level of the other side.
    pub identity_min: Identity,
    /// Network needs.
    pub flags: Flags,
    /// Free for the maker.
    pub tag: Hash,
}

impl Order {
    /// The checks that need no clock and no book.
    ///
    /// # Errors
    /// The first [`Rejected`] that applies.
    pub fn check(&self, market: &Parameters) -> Result<(), Rejected> {
        self.capacity.check()?;
        let ensure = |ok: bool, error| if ok { Ok(()) } else { Err(error) };
        ensure(self.price.0 > 0, Rejected::PriceZero)?;
        ensure((1..=LOTS_MAX).contains(&self.lots), Rejected::Lots)?;
        ensure(self.capacity.has_times(self.lots), Rejected::Lots)?;
        let is_span = 0 < self.duration_min_s && self.duration_min_s <= self.duration_max_s;
        ensure(is_span && self.duration_max_s <= DURATION_MAX_S, Rejected::Duration)?;
        ensure(self.billed_min_s <= market.billed_min_max_s, Rejected::Duration)?;
        ensure(self.price.amount(self.lots, DURATION_MAX_S.into()).is_some(), Rejected::TooLarge)?;
        check_life(self.from_epoch, self.expiry_epoch, market)?;
        ensure(self.slot < market.slots_per_owner_max, Rejected::Slot)?;
        ensure(!self.owner.is_zero() && self.counterparty != self.owner, Rejected::Parties)?;
        let is_sorted = self.excluded.windows(2).all(|pair| pair[0] < pair[1]);
        let is_small = self.excluded.len() <= EXCLUDED_MAX && !self.excluded.contains(&self.owner);
        ensure(is_sorted && is_small, Rejected::Exclusions)?;
        ensure(self.flags.0 & !Flags::KNOWN == 0, Rejected::Flags)
    }

    /// Whether this order lets itself be matched with an order of `other`.
    pub fn admits(&self, other: &Address) -> bool {
        let is_named = self.counterparty.is_zero() || self.counterparty == *other;
        is_named && self.owner != *other && self.excluded.binary_search(other).is_err()
    }
}

impl Typed for Order {
    fn struct_hash(&self) -> Hash {
        self.struct_hash_over(&self.capacity.array_hash())
    }
}

impl Order {
    /// The struct hash, the hash of the capacity being known.
    pub(crate) fn struct_hash_over(&self, capacity: &Hash) -> Hash {
        hash_words(&[
            hashes::ORDER.0,
            uint_word(self.side as u8),
            address_word(&self.owner).0,
            uint_word(self.slot),
            uint_word(self.version),
            capacity.0,
            uint_word(self.lots),
            uint_word(self.price.0),
            uint_word(self.duration_min_s),
            uint_word(self.duration_max_s),
            uint_word(self.billed_min_s),
            uint_word(self.from_epoch),
            uint_word(self.expiry_epoch),
            address_word(&self.counterparty).0,
            array_hash(self.excluded.iter().map(address_word)).0,
            uint_word(self.identity_min as u8),
            uint_word(self.flags.0),
            self.tag.0,
        ])
    }
}

impl Signable for Order {
    const BULK_NAME: Option<&'static str> = Some("Order");
    const TYPE: &'static str = types::ORDER;

    fn owner(&self) -> Address {
        self.owner
    }

    fn scope(&self) -> Scope {
        match self.side {
            Side::Ask => Scope::ASK,
            Side::Bid => Scope::BID,
        }
    }
}

/// An empty slot: a head without an order, which withdraws every lower version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Whose slot.
    pub owner: Address,
    /// Which slot.
    pub slot: u16,
    /// Higher than the version that it withdraws.
    pub version: u64,
    /// The first epoch it counts for.
    pub from_epoch: u64,
    /// Kept until here: at least the expiry of what it withdraws.
    pub expiry_epoch: u64,
}

impl Cancel {
    /// The checks that need no clock and no book.
    ///
    /// # Errors
    /// The first [`Rejected`] that applies.
    pub fn check(&self, market: &Parameters) -> Result<(), Rejected> {
        check_life(self.from_epoch, self.expiry_epoch, market)?;
        match (self.slot < market.slots_per_owner_max, self.owner.is_zero()) {
            (false, _) => Err(Rejected::Slot),
            (_, true) => Err(Rejected::Parties),
            _ => Ok(()),
        }
    }
}

impl Typed for Cancel {
    fn struct_hash(&self) -> Hash {
        StructHasher::of(&hashes::CANCEL)
            .address(&self.owner)
            .uint(self.slot)
            .uint(self.version)
            .uint(self.from_epoch)
            .uint(self.expiry_epoch)
            .finish()
    }
}

impl Signable for Cancel {
    const BULK_NAME: Option<&'static str> = Some("Cancel");
    const TYPE: &'static str = types::CANCEL;

    fn owner(&self) -> Address {
        self.owner
    }

    fn scope(&self) -> Scope {
        Scope::CANCEL
    }
}

fn check_life(from: u64, expiry: u64, market: &Parameters) -> Result<(), Rejected> {
    let life = expiry.checked_sub(from).ok_or(Rejected::Life)?;
    match life > 0 && life <= market.epochs_in(market.order_life_max_s.into()) {
        true => Ok(()),
        false => Err(Rejected::Life),
    }
}

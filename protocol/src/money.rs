//! Prices and amounts in SNM wei. Integers only; overflow is an error, never a wrap.

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::{QuantityError, split_number};

/// Wei in one SNM.
pub const WEI_PER_SNM: u128 = 1_000_000_000_000_000_000;

/// SNM wei for one lot and one second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Price(#[serde(with = "decimal")] pub u128);

impl Price {
    /// Reads "0.02SNM/h" or "5wei/s" and rounds down: a consumer never pays more than it typed.
    ///
    /// # Errors
    /// [`QuantityError`] if the unit is unknown, or the price is zero or above 128 bits.
    pub fn parse_down(text: &str) -> Result<Price, QuantityError> {
        Price::parse(text, false)
    }

    /// As [`Price::parse_down`], rounded up: a supplier never gets less than it typed.
    ///
    /// # Errors
    /// [`QuantityError`] if the unit is unknown, or the price is zero or above 128 bits.
    pub fn parse_up(text: &str) -> Result<Price, QuantityError> {
        Price::parse(text, true)
    }

    fn parse(text: &str, is_up: bool) -> Result<Price, QuantityError> {
        const KNOWN: QuantityError = QuantityError::Unit { known: "SNM/s, SNM/min, SNM/h, SNM/d, wei/s" };
        let (number, unit) = split_number(text)?;
        let (multiplier, seconds) = match unit {
            "SNM/s" => (WEI_PER_SNM, 1),
            "SNM/min" => (WEI_PER_SNM, 60),
            "SNM/h" => (WEI_PER_SNM, 3_600),
            "SNM/d" => (WEI_PER_SNM, 86_400),
            "wei/s" => (1, 1),
            _ => return Err(KNOWN),
        };
        let wei = if is_up { number.times_up(multiplier, seconds) } else { number.times(multiplier, seconds) };
        match wei {
            None => Err(QuantityError::TooLarge),
            Some(0) => Err(QuantityError::Zero),
            Some(wei) => Ok(Price(wei)),
        }
    }

    /// What `lots` lots cost for `seconds`; `None` if the amount exceeds 128 bits.
    pub fn amount(self, lots: u32, seconds: u64) -> Option<Amount> {
        self.0.checked_mul(lots.into())?.checked_mul(seconds.into()).map(Amount)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.checked_mul(3600) {
            Some(an_hour) => write!(f, "{}/h", Amount(an_hour)),
            None => write!(f, "{}/s", Amount(self.0)),
        }
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}wei/s", self.0)
    }
}

/// A sum of money in SNM wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Amount(#[serde(with = "decimal")] pub u128);

impl fmt::Display for Amount {
    /// In SNM with up to nine decimals, rounded to the nearest for show; below that in wei.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NANO: u128 = 1_000_000_000;
        if self.0 != 0 && self.0 < NANO {
            return write!(f, "{}wei", self.0);
        }
        let nanos = self.0 / NANO + u128::from(self.0 % NANO >= NANO / 2);
        let fraction = format!("{:09}", nanos % NANO);
        let fraction: &str = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{fraction}SNM", nanos / NANO)
    }
}

/// Serialises a `u128` as a decimal string for people and JavaScript, as an integer on the wire.
pub mod decimal {
    use super::String;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// For `#[serde(with)]`.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(value),
            false => value.serialize(serializer),
        }
    }

    /// For `#[serde(with)]`.
    ///
    /// # Errors
    /// If the text is not a decimal number below 2^128.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        match deserializer.is_human_readable() {
            true => String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom),
            false => u128::deserialize(deserializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_bid_rounds_down_and_an_ask_up() {
        assert_eq!(Price::parse_down("0.02SNM/h"), Ok(Price(5_555_555_555_555)));
        assert_eq!(Price::parse_up("0.02SNM/h"), Ok(Price(5_555_555_555_556)));
        assert_eq!(Price(5_555_555_555_555).to_string(), "0.02SNM/h");
    }

    #[test]
    fn a_price_of_zero_or_above_128_bits_is_refused() {
        assert_eq!(Price::parse_down("0SNM/h"), Err(QuantityError::Zero));
        assert_eq!(Price::parse_down("0.1wei/s"), Err(QuantityError::Zero));
        assert_eq!(Price::parse_down("999999999999999999999999SNM/s"), Err(QuantityError::TooLarge));
        assert!(Price::parse_down("0.02ETH/h").is_err());
    }

    #[test]
    fn amounts_overflow_into_nothing() {
        assert_eq!(Price(u128::MAX).amount(1, 2), None);
        assert_eq!(Price(7).amount(3, 10), Some(Amount(210)));
        assert_eq!(Amount(1_500_000_000_000_000_000).to_string(), "1.5SNM");
        assert_eq!(Amount(12).to_string(), "12wei");
        assert_eq!(Amount(0).to_string(), "0SNM");
    }
}

//! An Ethereum address: the one name of a peer, an owner and an account. Knows no private key.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::{hex_decode, hex_encode, keccak256};

/// The last 20 bytes of keccak256 of the uncompressed public key. Text form: EIP-55.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `0x` and 40 hex digits.
    #[error("an address is 0x and 40 hex digits")]
    Shape,
    /// Mixed case that does not match the EIP-55 checksum: most likely a typing error.
    #[error("the capital letters do not match the EIP-55 checksum: check the address for a typing error")]
    Checksum,
}

impl Address {
    /// The zero address: "anyone" as a counterparty, "no contract" under `--chain none`.
    pub const ZERO: Address = Address([0; 20]);

    /// The address of an uncompressed public key without its `0x04` prefix: 64 bytes, x then y.
    pub fn from_public_key(xy: &[u8; 64]) -> Address {
        let hash = keccak256(&[xy]);
        let mut out = [0; 20];
        out.copy_from_slice(&hash.0[12..]);
        Address(out)
    }

    /// Whether this is [`Address::ZERO`].
    pub fn is_zero(&self) -> bool {
        *self == Address::ZERO
    }

    /// `0x12ab…89ef`, for tables. Not unique: never compare by it.
    pub fn short(&self) -> String {
        let full = checksummed(self);
        let mut out = String::from(&full[..6]);
        out.push('…');
        out.push_str(&full[38..]);
        out
    }
}

fn checksummed(address: &Address) -> String {
    let lower = hex_encode(&address.0);
    let hash = keccak256(&[&lower.as_bytes()[2..]]);
    let mut out = String::with_capacity(42);
    out.push_str("0x");
    for (index, digit) in lower[2..].chars().enumerate() {
        let nibble = (hash.0[index / 2] >> (4 * (1 - index % 2))) & 15;
        out.push(if nibble >= 8 { digit.to_ascii_uppercase() } else { digit });
    }
    out
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&checksummed(self))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Accepts EIP-55, all lower or all upper case hex after `0x`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let digits = text.strip_prefix("0x").ok_or(AddressError::Shape)?;
        let address = hex_decode(digits).map(Address).map_err(|_| AddressError::Shape)?;
        let is_mixed = digits.chars().any(|c| c.is_ascii_lowercase()) && digits.chars().any(|c| c.is_ascii_uppercase());
        if is_mixed && checksummed(&address) != text {
            return Err(AddressError::Checksum);
        }
        Ok(address)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&checksummed(self))
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 20]>::deserialize(deserializer).map(Address)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_vectors_of_eip_55_hold() {
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(text.to_lowercase().parse(), Ok(address));
        }
    }

    #[test]
    fn a_mistyped_checksum_is_refused() {
        let typo = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD";
        assert_eq!(typo.parse::<Address>(), Err(AddressError::Checksum));
        assert_eq!("5aAe".parse::<Address>(), Err(AddressError::Shape));
    }
}

//! A 32-byte hash and Ethereum's Keccak-256. Knows nothing of what is hashed.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tiny_keccak::{Hasher, Keccak};

/// 32 bytes: a Keccak-256 digest, a BLAKE3 content address or a Merkle root. Text form: `0x` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of nothing known: 32 zero bytes.
    pub const ZERO: Hash = Hash([0; 32]);

    /// The first eight bytes as a big-endian integer, for tie-breaking and short ids.
    pub fn prefix_u64(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Keccak-256 over the concatenation of `parts` (the variant Ethereum uses, not SHA-3).
pub fn keccak256(parts: &[&[u8]]) -> Hash {
    let mut hashing = Hashing::new();
    for part in parts {
        hashing.add(part);
    }
    hashing.finish()
}

/// Keccak-256 of what is added piece by piece.
pub struct Hashing(Keccak);

impl Hashing {
    /// Of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Hashing {
        Hashing(Keccak::v256())
    }

    /// Adds some bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was added.
    pub fn finish(self) -> Hash {
        let mut out = [0; 32];
        self.0.finalize(&mut out);
        Hash(out)
    }
}

/// Why a text is not `0x` and the expected number of hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 0x and {digits} hex digits")]
pub struct HexError {
    /// How many hex digits were expected after `0x`.
    pub digits: usize,
}

/// Reads exactly `N` bytes of hex, with or without `0x`, into an array.
///
/// # Errors
/// [`HexError`] if the length or a digit is wrong.
pub fn hex_decode<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let wrong = HexError { digits: N * 2 };
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    if digits.len() != N * 2 {
        return Err(wrong);
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let high = (pair[0] as char).to_digit(16).ok_or(wrong)?;
        let low = (pair[1] as char).to_digit(16).ok_or(wrong)?;
        *byte = (high * 16 + low) as u8;
    }
    Ok(out)
}

/// `bytes` as lower-case hex with `0x`.
pub fn hex_encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(2 + bytes.len() * 2);
    out.push_str("0x");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex_decode(text).map(Hash)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&hex_encode(&self.0))
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn keccak_of_nothing_is_ethereums() {
        assert_eq!(keccak256(&[]).to_string(), "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(keccak256(&[b"ab", b"c"]), keccak256(&[b"abc"]));
    }

    #[test]
    fn hex_of_the_wrong_length_or_alphabet_is_refused() {
        assert!("0x12".parse::<Hash>().is_err());
        assert!("zz".repeat(32).parse::<Hash>().is_err());
        let hash = keccak256(&[b"souk"]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }
}

//! 65-byte Ethereum signatures: strict form and recovery. Holds no private key.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address::Address;
use crate::hash::{Hash, HexError, hex_decode, hex_encode};
use crate::rejected::Rejected;

/// The group order: r stays below it.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];
/// Half the group order: the largest S that is accepted, so that a signature has one form only (EIP-2).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// `r || s || v`, v in {27, 28}. Text form: `0x` and 130 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 65]);

impl Signature {
    /// Puts a compact signature and its recovery id (0 or 1) together.
    pub fn from_compact(rs: &[u8; 64], recovery: u8) -> Signature {
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(rs);
        bytes[64] = 27 + recovery;
        Signature(bytes)
    }

    /// Whether the form is the only one that is accepted: r and s in range, low S and v in {27, 28}. Costs nothing.
    ///
    /// # Errors
    /// [`Rejected::SignatureForm`].
    pub fn check_form(&self) -> Result<(), Rejected> {
        let (r, s) = (&self.0[..32], &self.0[32..64]);
        let is_r = *r > [0; 32][..] && *r < ORDER[..];
        let is_low_s = *s > [0; 32][..] && *s <= HALF_ORDER[..];
        match is_r && is_low_s && matches!(self.0[64], 27 | 28) {
            true => Ok(()),
            false => Err(Rejected::SignatureForm),
        }
    }

    /// The address whose key made this signature over `digest`. Costs some 45 microseconds.
    ///
    /// # Errors
    /// [`Rejected::SignatureForm`] if the form is wrong, [`Rejected::Signer`] if no key can have made it.
    pub fn recover(&self, digest: &Hash) -> Result<Address, Rejected> {
        self.check_form()?;
        let id = RecoveryId::from_u8_masked(self.0[64] - 27);
        let signature = RecoverableSignature::from_compact(&self.0[..64], id).map_err(|_| Rejected::SignatureForm)?;
        let key = signature.recover(Message::from_digest(digest.0)).map_err(|_| Rejected::Signer)?;
        Ok(address_of(&key))
    }
}

/// The Ethereum address of a secp256k1 public key.
pub fn address_of(key: &PublicKey) -> Address {
    let uncompressed = key.serialize_uncompressed();
    let mut xy = [0; 64];
    xy.copy_from_slice(&uncompressed[1..]);
    Address::from_public_key(&xy)
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex_decode(text).map(Signature)
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(&hex_encode(&self.0));
        }
        let (r, s, v) = (&self.0[..32], &self.0[32..64], self.0[64]);
        let halves: ([u8; 32], [u8; 32], u8) = (r.try_into().expect("32 bytes"), s.try_into().expect("32 bytes"), v);
        halves.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer)?.parse().map_err(D::Error::custom);
        }
        let (r, s, v) = <([u8; 32], [u8; 32], u8)>::deserialize(deserializer)?;
        let mut bytes = [0; 65];
        bytes[..32].copy_from_slice(&r);
        bytes[32..64].copy_from_slice(&s);
        bytes[64] = v;
        Ok(Signature(bytes))
    }
}

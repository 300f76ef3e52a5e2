//! The node's secret key: signing, and how it is kept on the disk. The only place that holds a secret; decides nothing.
//!
//! ```text
//!   generate / from_hex ──> Key ──save──> key.json (keystore v3) | key.hex      load ──> Key
//!                            └──> Address, Signature, host key of the mesh
//! ```

use std::fmt;

use protocol::hash::hex_decode;
use protocol::{Address, Hash, Signature, signature};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, SecretKey};
use zeroize::Zeroizing;

use crate::net::{Keypair, keypair};

mod delegation;
mod folder;
mod keystore;

pub use delegation::{DelegationError, Grant};
pub use folder::{KeyError, Protection, check_permissions, load, load_file, save, stored_address};

/// A secp256k1 secret and its address. Erased from memory when dropped; never shown.
pub struct Key {
    // On the heap, so that moving a key leaves no copy behind.
    secret: Box<SecretKey>,
    address: Address,
}

impl Key {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`] if the system has none to give.
    pub fn generate() -> Result<Key, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(&mut *bytes).map_err(KeyError::Randomness)?;
            // Fails for one in 2^128 draws: zero, or above the group order.
            if let Ok(key) = Key::from_bytes(&bytes) {
                return Ok(key);
            }
        }
    }

    /// The key that these 32 bytes, big-endian, are.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`] if they are zero or not below the group order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Key, KeyError> {
        let secret = SecretKey::from_secret_bytes(*bytes).map_err(|_| KeyError::NotAKey)?;
        let address = signature::address_of(&secret.public_key());
        Ok(Key { secret: Box::new(secret), address })
    }

    /// Reads 64 hex digits, with or without `0x`, white space around them ignored.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`] if the text is anything else.
    pub fn from_hex(text: &str) -> Result<Key, KeyError> {
        let bytes = Zeroizing::new(hex_decode::<32>(text.trim()).map_err(|_| KeyError::NotAKey)?);
        Key::from_bytes(&bytes)
    }

    /// The account and the peer that this key is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs an EIP-712 digest: RFC 6979 nonce, low S, v in {27, 28}.
    pub fn sign(&self, digest: &Hash) -> Signature {
        let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.secret);
        let (recovery, rs) = signature.serialize_compact();
        let recovery = recovery.to_u8();
        assert!(recovery < 2, "an r above the group order takes 2^127 signatures to meet");
        Signature::from_compact(&rs, recovery)
    }

    /// The same key as the mesh's host key.
    pub fn host_key(&self) -> Keypair {
        keypair(&mut self.secret_bytes()).expect("a Key is a valid secret")
    }

    fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_secret_bytes())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // A volatile write that the compiler may not leave out.
        self.secret.non_secure_erase();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The first account of the well-known mnemonic "test test ... junk".
    const SECRET: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn a_key_has_the_address_that_ethereum_gives_it() {
        let key = Key::from_hex(SECRET).unwrap();
        assert_eq!(key.address().to_string(), ADDRESS);
        assert_eq!(Key::from_hex(&format!(" 0x{SECRET}\n")).unwrap().address(), key.address());
    }

    #[test]
    fn signatures_are_those_of_rfc_6979() {
        // The widely published secp256k1 vector: key 1, SHA-256 of "Satoshi Nakamoto".
        let mut one = [0; 32];
        one[31] = 1;
        let key = Key::from_bytes(&one).unwrap();
        let digest = Hash(Sha256::digest(b"Satoshi Nakamoto").into());
        let signature = key.sign(&digest);
        assert!(signature.to_string().starts_with(
            "0x934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8\
             2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
        ));
    }

    #[test]
    fn every_signature_has_the_strict_form_and_recovers_to_the_address() {
        let key = Key::generate().unwrap();
        for number in 0..64u8 {
            let digest = protocol::keccak256(&[&[number]]);
            let signature = key.sign(&digest);
            assert_eq!(signature.check_form(), Ok(()));
            assert_eq!(signature.recover(&digest), Ok(key.address()));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(Key::from_bytes(&[0; 32]).unwrap_err().code(), "not_a_key");
        assert_eq!(Key::from_bytes(&[0xff; 32]).unwrap_err().code(), "not_a_key");
        assert_eq!(Key::from_hex("1234").unwrap_err().code(), "not_a_key");
        assert_eq!(Key::from_hex(&"g".repeat(64)).unwrap_err().code(), "not_a_key");
    }

    #[test]
    fn a_key_never_shows_its_secret() {
        let key = Key::from_hex(SECRET).unwrap();
        let shown = format!("{key:?} {key:#?}").to_lowercase();
        assert!(shown.contains(&ADDRESS.to_lowercase()));
        assert!(!shown.contains(&SECRET[..8]));
    }

    #[test]
    fn two_fresh_keys_differ() {
        assert_ne!(Key::generate().unwrap().address(), Key::generate().unwrap().address());
    }
}

//! Published test keys: `keccak256("souk test key N")`. Worth nothing, and never to be used for anything else.

use protocol::{Address, Domain, Hash, Signature, keccak256};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, PublicKey, SecretKey};

/// One of the test keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its number.
    pub number: u8,
    /// What it does in the vectors.
    pub role: &'static str,
}

pub const SUPPLIER: Key = Key { number: 0, role: "supplier" };
pub const CONSUMER: Key = Key { number: 1, role: "consumer" };
pub const SUPPLIERS_DELEGATE: Key = Key { number: 2, role: "the supplier's delegate" };
pub const CONSUMERS_DELEGATE: Key = Key { number: 3, role: "the consumer's delegate" };
pub const STRANGER: Key = Key { number: 4, role: "stranger" };
/// All of them.
pub const KEYS: [Key; 5] = [SUPPLIER, CONSUMER, SUPPLIERS_DELEGATE, CONSUMERS_DELEGATE, STRANGER];

impl Key {
    /// The 32 secret bytes.
    pub fn secret(self) -> Hash {
        keccak256(&[format!("souk test key {}", self.number).as_bytes()])
    }

    /// The account.
    pub fn address(self) -> Address {
        protocol::signature::address_of(&PublicKey::from_secret_key(&self.secret_key()))
    }

    /// Signs a digest (deterministic nonce, RFC 6979; low S).
    pub fn sign_digest(self, digest: &Hash) -> Signature {
        let message = Message::from_digest(digest.0);
        let signature = RecoverableSignature::sign_ecdsa_recoverable(message, &self.secret_key());
        let (recovery, compact) = signature.serialize_compact();
        Signature::from_compact(&compact, recovery.to_u8())
    }

    /// Signs a struct in a domain.
    pub fn sign(self, domain: &Domain, struct_hash: &Hash) -> Signature {
        self.sign_digest(&domain.digest(struct_hash))
    }

    fn secret_key(self) -> SecretKey {
        SecretKey::from_secret_bytes(self.secret().0).unwrap()
    }
}

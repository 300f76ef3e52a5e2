//! Who is who, and signatures that cost nothing: a mix of address, digest and a secret, in the form that real ones have.
//! Knows no curve; the time that real ones take is charged from the cost table.

use protocol::{Address, Hash, Recovery, Signature, keccak256};

use crate::random::mix;

/// Checks signatures of one run and knows everyone's address.
///
/// Whoever lacks an address's secret cannot sign for it, just as with real keys: a [`Key`] is given to its peer alone, and
/// everyone else has this. What is not modelled: breaking a signature, and a key that leaks.
#[derive(Debug, Clone, Copy)]
pub struct Keyring {
    secret: u64,
}

/// Signs for one address.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    address: Address,
    secret: u64,
}

impl Keyring {
    /// The keys of a run with this seed.
    pub fn new(seed: u64) -> Keyring {
        Keyring { secret: mix(seed ^ 0x5bd1_e995_7b93_c1a7) }
    }

    /// The address of the peer with this number: 16 bytes by chance, then the number, so that it is found at once.
    pub fn address(&self, number: u32) -> Address {
        let chance = keccak256(&[b"peer", &self.secret.to_be_bytes(), &number.to_be_bytes()]);
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(&chance.0[..16]);
        bytes[16..].copy_from_slice(&number.to_be_bytes());
        Address(bytes)
    }

    /// The number in an address, whether or not it is this run's.
    pub fn number(address: &Address) -> u32 {
        u32::from_be_bytes([address.0[16], address.0[17], address.0[18], address.0[19]])
    }

    /// What the peer with this number signs with.
    pub fn key(&self, number: u32) -> Key {
        let address = self.address(number);
        Key { address, secret: self.secret_of(&address) }
    }

    /// Whether the expected one signed.
    pub fn is_good(&self, recovery: &Recovery) -> bool {
        let key = Key { address: recovery.expected, secret: self.secret_of(&recovery.expected) };
        recovery.signature == key.sign(&recovery.digest)
    }

    fn secret_of(&self, address: &Address) -> u64 {
        words(&address.0).fold(self.secret, |sum, word| mix(sum ^ word))
    }
}

impl Key {
    /// Whose it is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// A signature over `digest`: r and s in range, low s, v of 27 or 28.
    pub fn sign(&self, digest: &Hash) -> Signature {
        let mut state = words(&digest.0).fold(self.secret, |sum, word| mix(sum ^ word));
        let mut bytes = [0; 65];
        for chunk in bytes[..64].chunks_exact_mut(8) {
            state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            chunk.copy_from_slice(&state.to_be_bytes());
        }
        // Both halves are above zero, r is below the group's order and s below half of it.
        (bytes[0], bytes[31]) = (bytes[0] & 0x7f, bytes[31] | 1);
        (bytes[32], bytes[63]) = (bytes[32] & 0x3f, bytes[63] | 1);
        bytes[64] = 27 + (state & 1) as u8;
        Signature(bytes)
    }
}

/// The words of some bytes; a last one that is short is filled with zeros.
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks(8).map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_the_form_of_a_real_one_and_is_good_for_its_signer_and_digest_alone() {
        let ring = Keyring::new(1);
        for number in 0..200 {
            let (key, digest) = (ring.key(number), keccak256(&[&number.to_be_bytes()]));
            let signature = key.sign(&digest);
            assert_eq!(signature.check_form(), Ok(()));
            let good = Recovery { digest, signature, expected: key.address() };
            assert!(ring.is_good(&good));
            let others = [
                Recovery { expected: ring.address(number + 1), ..good },
                Recovery { digest: keccak256(&[b"another"]), ..good },
                Recovery { signature: ring.key(number + 1).sign(&digest), ..good },
                Recovery { signature: Keyring::new(2).key(number).sign(&digest), ..good },
            ];
            assert!(others.iter().all(|other| !ring.is_good(other)));
        }
    }

    #[test]
    fn an_address_tells_its_number_and_differs_by_seed() {
        let ring = Keyring::new(9);
        assert_eq!(Keyring::number(&ring.address(70_000)), 70_000);
        assert_ne!(ring.address(3), Keyring::new(8).address(3));
    }
}

//! Recovering many signers on all cores. Knows no order: only what was signed and by whom it must have been.

use std::thread;

use protocol::Recovery;

/// The place of the first recovery that does not come to whom it must; `None` if all do.
pub fn first_failed(work: &[Recovery]) -> Option<usize> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = work.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let shares = work.chunks(share).enumerate().map(|(number, part)| {
            scope.spawn(move || {
                let failed = part.iter().position(|recovery| recovery.run().is_err());
                failed.map(|at| number * share + at)
            })
        });
        let running: Vec<_> = shares.collect();
        running.into_iter().filter_map(|share| share.join().expect("a recovery never panics")).min()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::signature::address_of;
    use protocol::{Address, Hash, Signature, keccak256};
    use secp256k1::ecdsa::RecoverableSignature;
    use secp256k1::{Message, PublicKey, SecretKey};

    fn signed(number: u8) -> Recovery {
        let secret = SecretKey::from_secret_bytes(keccak256(&[&[number]]).0).unwrap();
        let digest = Hash([number; 32]);
        let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &secret);
        let (id, rs) = signature.serialize_compact();
        let expected = address_of(&PublicKey::from_secret_key(&secret));
        Recovery { digest, signature: Signature::from_compact(&rs, id.to_u8()), expected }
    }

    #[test]
    fn the_first_failure_is_found_wherever_it_lies() {
        let good: Vec<Recovery> = (1..=37).map(signed).collect();
        assert_eq!(first_failed(&[]), None);
        assert_eq!(first_failed(&good), None);
        for place in 0..good.len() {
            let mut work = good.clone();
            work[place].expected = Address::ZERO;
            work[36].digest = Hash::ZERO;
            assert_eq!(first_failed(&work), Some(place));
        }
    }
}

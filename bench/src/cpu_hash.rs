//! `cpu.hash`: SHA-256 of 64-byte messages, with the processor's own instructions where it has them.

mod reference;

use protocol::Metric;
use sha2::{Digest, Sha256};

use crate::repetition::Kernel;

/// Independent chains of a thread: enough to keep the processor's pipeline filled.
const CHAINS: usize = 4;
/// Bytes of a message.
const MESSAGE: usize = 64;

/// Chains of hashes: each message is the digest before it, beside 32 fixed bytes of the seed.
pub(crate) struct CpuHash;

impl Kernel for CpuHash {
    fn metric(&self) -> Metric {
        Metric::CpuHash
    }

    fn operations(&self, rounds: u64) -> u64 {
        rounds * CHAINS as u64
    }

    fn run(&self, seed: u64, rounds: u64) -> Vec<u64> {
        let mut messages: [[u8; MESSAGE]; CHAINS] = std::array::from_fn(|chain| first_message(seed, chain));
        for _ in 0..rounds {
            for message in &mut messages {
                let digest = Sha256::digest(&message[..]);
                message[..32].copy_from_slice(&digest);
            }
        }
        messages.iter().flat_map(digest_words).collect()
    }

    fn is_right(&self, seed: u64, rounds: u64, result: &[u64]) -> bool {
        let chain = (seed >> 32) as usize % CHAINS;
        let mut message = first_message(seed, chain);
        for _ in 0..rounds {
            let digest = reference::sha256_of_64(&message);
            message[..32].copy_from_slice(&digest);
        }
        result.len() == CHAINS * 4 && result[chain * 4..][..4] == digest_words(&message)
    }
}

fn first_message(seed: u64, chain: usize) -> [u8; MESSAGE] {
    let mut message = [0; MESSAGE];
    for (index, word) in message.chunks_exact_mut(8).enumerate() {
        let number = seed ^ ((chain as u64) << 8 | index as u64);
        word.copy_from_slice(&number.to_be_bytes());
    }
    message
}

fn digest_words(message: &[u8; MESSAGE]) -> [u64; 4] {
    std::array::from_fn(|index| message[index * 8..][..8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chains_agree_with_the_reference_and_one_wrong_bit_does_not() {
        for seed in [0, 1 << 32, 2 << 32, 0xfeed_beef_1234_5678] {
            let mut result = CpuHash.run(seed, 100);
            assert!(CpuHash.is_right(seed, 100, &result));
            assert!(!CpuHash.is_right(seed, 99, &result));
            let chain = (seed >> 32) as usize % CHAINS;
            result[chain * 4] ^= 1;
            assert!(!CpuHash.is_right(seed, 100, &result));
        }
        assert!(!CpuHash.is_right(0, 100, &[]));
    }
}

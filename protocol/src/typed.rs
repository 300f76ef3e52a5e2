//! EIP-712: type strings, struct hashes and the domain. The only place where signed bytes are laid out.
//!
//! Every type string of the market stands here, once. Changing one is a new market version, never an edit.

pub mod hashes;

use crate::address::Address;
use crate::hash::{Hash, Hashing, keccak256};
use crate::market::MarketId;

/// EIP-712 type strings: the primary type, then the types it refers to in alphabetical order.
pub mod types {
    /// The signing domain of one market.
    pub const DOMAIN: &str =
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)";
    /// One benchmark figure.
    pub const SCORE: &str = "Score(uint16 metric,uint64 value)";
    /// An ask or a bid.
    pub const ORDER: &str = "Order(uint8 side,address owner,uint16 slot,uint64 version,Score[] capacity,uint32 lots,\
uint128 pricePerLotSecond,uint32 minDuration,uint32 maxDuration,uint32 minBilled,uint64 fromEpoch,uint64 expiryEpoch,\
address counterparty,address[] excluded,uint8 minIdentity,uint32 flags,bytes32 tag)Score(uint16 metric,uint64 value)";
    /// An empty slot: withdraws whatever lower version stands in it.
    pub const CANCEL: &str = "Cancel(address owner,uint16 slot,uint64 version,uint64 fromEpoch,uint64 expiryEpoch)";
    /// A cold owner lets a hot key act for it.
    pub const DELEGATION: &str =
        "Delegation(address owner,address delegate,uint32 scope,uint64 notBefore,uint64 notAfter,bytes32 marketId)";
    /// One side of a deal: a numbered range of lots of one order.
    pub const ORDER_REF: &str =
        "OrderRef(bytes32 id,address owner,uint16 slot,uint64 version,uint32 firstLot,uint32 lots)";
    /// What both sides of a deal sign.
    pub const DEAL_TERMS: &str = "DealTerms(OrderRef ask,OrderRef bid,uint128 pricePerLotSecond,uint32 duration,\
uint32 minBilled,uint64 epoch,bytes32 sealedRoot,uint64 openBefore)\
OrderRef(bytes32 id,address owner,uint16 slot,uint64 version,uint32 firstLot,uint32 lots)";
    /// The consumer's cumulative word that time was served.
    pub const ACKNOWLEDGEMENT: &str = "Acknowledgement(bytes32 deal,uint64 elapsed)";
    /// One side ends a deal before its time.
    pub const DEAL_END: &str = "DealEnd(bytes32 deal,uint8 cause,uint64 elapsed)";
    /// A named, content-addressed file.
    pub const FILE: &str = "File(string path,bytes32 content,uint64 size)";
    /// What a task may use.
    pub const LIMITS: &str = "Limits(uint64 gas,uint64 memory,uint64 output,uint64 wallMs)";
    /// How gas is counted.
    pub const METERING: &str = "Metering(string name,uint32 version,bytes32 costTable)";
    /// One environment variable.
    pub const VARIABLE: &str = "Variable(string name,string value)";
    /// One execution inside a deal.
    pub const TASK: &str = "Task(bytes32 deal,uint64 number,uint8 kind,bytes32 program,string[] arguments,\
Variable[] environment,File[] inputs,string[] outputs,Limits limits,Metering metering,bytes32 seed)\
File(string path,bytes32 content,uint64 size)\
Limits(uint64 gas,uint64 memory,uint64 output,uint64 wallMs)\
Metering(string name,uint32 version,bytes32 costTable)\
Variable(string name,string value)";
    /// The supplier's statement of what a task did.
    pub const RECEIPT: &str = "Receipt(bytes32 deal,bytes32 task,bytes32 program,bytes32 arguments,bytes32 inputs,\
File[] outputs,File stdout,File stderr,uint8 outcome,uint32 code,uint64 gas,uint64 gasLimit,Metering metering,\
uint64 wallMs)File(string path,bytes32 content,uint64 size)\
Metering(string name,uint32 version,bytes32 costTable)";
    /// Everything that makes one market; its struct hash is the `MarketId`.
    pub const MARKET: &str = "Market(string name,uint32 protocolVersion,uint64 chainId,address verifyingContract,\
uint32 epochMs,uint32 guardMs,uint32 clockToleranceMs,uint32 orderLifeMax,uint16 slotsPerOwner,\
uint16 slotsPerOwnerMax,uint128 stakePerSlot,uint32 headsMax,uint32 minBilledMax,uint32 openWindow,\
uint32 heartbeatMs,uint16 heartbeatsMissed,uint32 billingPeriod,uint32 priceTolerancePpm,uint32 checkpointDepth,\
bytes32 capacityTable,bytes32 salt)";
}

/// The name in every signing domain.
pub const DOMAIN_NAME: &str = "Souk";
/// The version in every signing domain.
pub const DOMAIN_VERSION: &str = "1";

/// A struct that EIP-712 can hash.
pub trait Typed {
    /// `hashStruct(self)`: keccak256 of the type hash and the encoded members.
    fn struct_hash(&self) -> Hash;
}

/// Encodes members in order and hashes them: `keccak256(typeHash || word || word ...)`.
pub struct StructHasher(Hashing);

impl StructHasher {
    /// Starts with the hash of `type_string`.
    pub fn new(type_string: &str) -> StructHasher {
        StructHasher::of(&keccak256(&[type_string.as_bytes()]))
    }

    /// Starts with the hash of a type string that is known already.
    pub fn of(type_hash: &Hash) -> StructHasher {
        StructHasher(Hashing::new()).hash(type_hash)
    }

    /// A member of type `uintN`, N up to 128.
    pub fn uint(self, value: impl Into<u128>) -> StructHasher {
        self.hash(&Hash(uint_word(value)))
    }

    /// A member of type `bytes32`, or the struct hash of a nested member.
    pub fn hash(mut self, value: &Hash) -> StructHasher {
        self.0.add(&value.0);
        self
    }

    /// A member of type `address`.
    pub fn address(self, value: &Address) -> StructHasher {
        self.hash(&address_word(value))
    }

    /// A member of type `string`.
    pub fn string(self, value: &str) -> StructHasher {
        self.hash(&keccak256(&[value.as_bytes()]))
    }

    /// A member that is a nested struct.
    pub fn nested(self, value: &impl Typed) -> StructHasher {
        self.hash(&value.struct_hash())
    }

    /// A member that is an array of words: struct hashes, string hashes or padded addresses.
    pub fn array(self, words: impl Iterator<Item = Hash>) -> StructHasher {
        self.hash(&array_hash(words))
    }

    /// The struct hash.
    pub fn finish(self) -> Hash {
        self.0.finish()
    }
}

/// One encoded member.
pub(crate) type Word = [u8; 32];

/// A number as one word.
pub(crate) fn uint_word(value: impl Into<u128>) -> Word {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&value.into().to_be_bytes());
    word
}

/// As [`StructHasher`] for what is hashed most: all words at once, the type's hash first.
pub(crate) fn hash_words<const N: usize>(words: &[Word; N]) -> Hash {
    keccak256(&[words.as_flattened()])
}

/// The hash of an array member: keccak256 of its encoded elements.
pub fn array_hash(words: impl Iterator<Item = Hash>) -> Hash {
    let mut words = words.peekable();
    if words.peek().is_none() {
        return hashes::NOTHING;
    }
    let mut hashing = Hashing::new();
    words.for_each(|word| hashing.add(&word.0));
    hashing.finish()
}

/// An address as one 32-byte word, for arrays of addresses.
pub fn address_word(address: &Address) -> Hash {
    let mut word = [0; 32];
    word[12..].copy_from_slice(&address.0);
    Hash(word)
}

/// The signing domain of one market, with its separator computed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    market: MarketId,
    separator: Hash,
}

impl Domain {
    /// `{name "Souk", version "1", chainId, verifyingContract, salt = MarketId}`; chain 0 and the zero address mean
    /// `--chain none`.
    pub fn new(market: MarketId, chain_id: u64, contract: Address) -> Domain {
        let separator = StructHasher::new(types::DOMAIN)
            .string(DOMAIN_NAME)
            .string(DOMAIN_VERSION)
            .uint(chain_id)
            .address(&contract)
            .hash(&market.0)
            .finish();
        Domain { market, separator }
    }

    /// The market that this domain separates from all others.
    pub fn market(&self) -> MarketId {
        self.market
    }

    /// The domain separator.
    pub fn separator(&self) -> Hash {
        self.separator
    }

    /// What is signed: `keccak256(0x1901 || separator || structHash)`. Also the object's id.
    pub fn digest(&self, struct_hash: &Hash) -> Hash {
        let mut signed = [0; 66];
        signed[..2].copy_from_slice(&[0x19, 0x01]);
        signed[2..34].copy_from_slice(&self.separator.0);
        signed[34..].copy_from_slice(&struct_hash.0);
        keccak256(&[&signed])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    /// The example of EIP-712 itself: a mail from Cow to Bob, and its published digest.
    #[test]
    fn the_mail_example_of_eip_712_hashes_as_published() {
        let person = |name: &str, wallet: &str| {
            StructHasher::new("Person(string name,address wallet)")
                .string(name)
                .address(&wallet.parse().unwrap())
                .finish()
        };
        let mail = StructHasher::new("Mail(Person from,Person to,string contents)Person(string name,address wallet)")
            .hash(&person("Cow", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"))
            .hash(&person("Bob", "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"))
            .string("Hello, Bob!")
            .finish();
        let separator =
            StructHasher::new("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
                .string("Ether Mail")
                .string("1")
                .uint(1u8)
                .address(&"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC".parse().unwrap())
                .finish();
        let domain = Domain { market: MarketId(Hash::ZERO), separator };
        assert_eq!(
            alloc::format!("{}", domain.digest(&mail)),
            "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
        );
    }

    #[test]
    fn every_type_string_lists_its_types_in_order_and_without_blanks_after_commas() {
        use types::*;
        for text in [DOMAIN, ORDER, CANCEL, DELEGATION, DEAL_TERMS, ACKNOWLEDGEMENT, DEAL_END, TASK, RECEIPT, MARKET] {
            assert!(!text.contains(", ") && !text.contains("  ") && !text.contains('\n'), "{text}");
            let mut names: alloc::vec::Vec<String> =
                text.split(')').filter_map(|part| part.split_once('(')).map(|(name, _)| name.into()).collect();
            names.remove(0);
            assert!(names.is_sorted(), "{names:?}");
        }
        for part in [SCORE, ORDER_REF, FILE, LIMITS, METERING, VARIABLE] {
            assert!([ORDER, DEAL_TERMS, TASK, RECEIPT].iter().any(|whole| whole.contains(part)), "{part}");
        }
    }
}

//! Bulk signatures: one EIP-712 tree over up to 64 leaves of one owner, the proof carried by each leaf.
//!
//! The signed type is `BulkOrder(Order[2]...[2] tree)` with one `[2]` per level, so that hashing it as EIP-712
//! prescribes is hashing a Merkle tree, and a wallet can show every order in it (the scheme of Seaport's bulk orders).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hash::{Hash, keccak256};
use crate::rejected::Rejected;
use crate::typed::{StructHasher, hashes};

/// Leaves of the largest tree.
pub const LEAVES_MAX: usize = 64;
const HEIGHT_MAX: usize = 6;

/// Where a leaf stands in its tree, and the hashes beside its path to the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkProof {
    /// The leaf's position, from 0.
    pub index: u8,
    /// The sibling at each level, leaf first: 1 to 6.
    pub siblings: Vec<Hash>,
}

impl BulkProof {
    /// Whether the shape makes sense.
    ///
    /// # Errors
    /// [`Rejected::BulkProof`] if the height or the index is out of range.
    pub fn check(&self) -> Result<(), Rejected> {
        let height = self.siblings.len();
        match (1..=HEIGHT_MAX).contains(&height) && usize::from(self.index) < 1 << height {
            true => Ok(()),
            false => Err(Rejected::BulkProof),
        }
    }

    /// The struct hash of the whole tree that this proof and `leaf` stand for; `leaf_type` is the leaf's full type
    /// string and `name` its primary type.
    pub fn tree_struct_hash(&self, leaf: &Hash, name: &str, leaf_type: &str) -> Hash {
        let mut node = *leaf;
        for (level, sibling) in self.siblings.iter().enumerate() {
            let is_right = self.index >> level & 1 == 1;
            node = if is_right { pair(sibling, &node) } else { pair(&node, sibling) };
        }
        StructHasher::of(&tree_type_hash(name, leaf_type, self.siblings.len())).hash(&node).finish()
    }
}

/// The type string of a tree of `height` levels over leaves of type `name`.
pub fn tree_type(name: &str, leaf_type: &str, height: usize) -> String {
    format!("Bulk{name}({name}{} tree){leaf_type}", "[2]".repeat(height))
}

/// The hash of [`tree_type`].
pub(crate) fn tree_type_hash(name: &str, leaf_type: &str, height: usize) -> Hash {
    let known = match name {
        "Order" => hashes::ORDER_TREES.get(height.wrapping_sub(1)),
        "Cancel" => hashes::CANCEL_TREES.get(height.wrapping_sub(1)),
        _ => None,
    };
    known.copied().unwrap_or_else(|| keccak256(&[tree_type(name, leaf_type, height).as_bytes()]))
}

/// The proofs of all `leaves` in the smallest tree that holds them; missing leaves count as `Hash::ZERO`, which is no
/// struct's hash. `None` for no leaves or more than [`LEAVES_MAX`].
pub fn proofs(leaves: &[Hash]) -> Option<Vec<BulkProof>> {
    if leaves.is_empty() || leaves.len() > LEAVES_MAX {
        return None;
    }
    let height = (1..=HEIGHT_MAX).find(|height| leaves.len() <= 1 << height)?;
    let mut level: Vec<Hash> = leaves.to_vec();
    level.resize(1 << height, Hash::ZERO);
    let mut proofs: Vec<BulkProof> =
        (0..leaves.len()).map(|index| BulkProof { index: index as u8, siblings: Vec::new() }).collect();
    for depth in 0..height {
        for proof in &mut proofs {
            proof.siblings.push(level[(usize::from(proof.index) >> depth) ^ 1]);
        }
        level = level.chunks_exact(2).map(|children| pair(&children[0], &children[1])).collect();
    }
    Some(proofs)
}

pub(crate) fn pair(left: &Hash, right: &Hash) -> Hash {
    keccak256(&[&left.0, &right.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_leaves_of_a_tree_prove_the_same_root_and_a_foreign_leaf_does_not() {
        for count in [1, 2, 3, 17, 64] {
            let leaves: Vec<Hash> = (0..count as u8).map(|n| keccak256(&[&[n]])).collect();
            let proofs = proofs(&leaves).unwrap();
            let root = |n: usize| proofs[n].tree_struct_hash(&leaves[n], "X", "X(uint8 x)");
            assert!((0..count).all(|n| root(n) == root(0) && proofs[n].check().is_ok()));
            let foreign = keccak256(&[b"foreign"]);
            assert_ne!(proofs[0].tree_struct_hash(&foreign, "X", "X(uint8 x)"), root(0));
        }
        assert!(proofs(&[]).is_none());
        assert!(proofs(&[Hash::ZERO; 65]).is_none());
    }

    #[test]
    fn a_proof_outside_its_tree_is_refused() {
        for (index, height) in [(2, 1), (0, 0), (0, 7)] {
            let proof = BulkProof { index, siblings: alloc::vec![Hash::ZERO; height] };
            assert_eq!(proof.check(), Err(Rejected::BulkProof));
        }
    }

    #[test]
    fn the_tree_type_has_one_pair_per_level() {
        assert_eq!(tree_type("X", "X(uint8 x)", 3), "BulkX(X[2][2][2] tree)X(uint8 x)");
    }
}

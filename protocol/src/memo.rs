//! What hashing one message has taught already: orders that are alike share capacities, and leaves of one tree share
//! its nodes. Every entry is a pure function of what it is kept for, so a forged leaf can spoil nothing but time.

use alloc::vec;
use alloc::vec::Vec;

use crate::bulk::{BulkProof, LEAVES_MAX, pair, tree_type_hash};
use crate::capacity::Capacity;
use crate::hash::Hash;
use crate::signature::Signature;
use crate::typed::{Domain, StructHasher};

/// Capacities that are remembered; the oldest is replaced.
const CAPACITIES_MAX: usize = 16;
/// Trees that are remembered; the oldest is replaced.
const TREES_MAX: usize = 4;

/// What was hashed lately.
#[derive(Debug)]
pub struct Memo {
    domain: Domain,
    capacities: Vec<(Capacity, Hash)>,
    next_capacity: usize,
    trees: Vec<Tree>,
    next_tree: usize,
}

/// The nodes of what claims to be one tree.
#[derive(Debug)]
struct Tree {
    /// Leaves of one tree carry one signature.
    signature: Signature,
    height: usize,
    /// The first pair met at each place and its parent, level by level.
    nodes: Vec<Option<[Hash; 3]>>,
    /// The first type and root met, and the digest that is signed.
    digest: Option<[Hash; 3]>,
}

impl Memo {
    /// Nothing yet.
    pub fn new(domain: &Domain) -> Memo {
        Memo { domain: *domain, capacities: Vec::new(), next_capacity: 0, trees: Vec::new(), next_tree: 0 }
    }

    /// The domain of all that is hashed.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// [`Capacity::array_hash`].
    pub(crate) fn capacity_hash(&mut self, capacity: &Capacity) -> Hash {
        if let Some((_, hash)) = self.capacities.iter().find(|(known, _)| known == capacity) {
            return *hash;
        }
        let learned = (capacity.clone(), capacity.array_hash());
        let hash = learned.1;
        put(&mut self.capacities, &mut self.next_capacity, CAPACITIES_MAX, learned);
        hash
    }

    /// The digest that must have been signed for `leaf` to stand in the tree that `proof`, which passed its check,
    /// describes.
    pub(crate) fn tree_digest(
        &mut self,
        signature: &Signature,
        (proof, leaf): (&BulkProof, &Hash),
        (name, leaf_type): (&str, &str),
    ) -> Hash {
        let height = proof.siblings.len();
        let domain = self.domain;
        let tree = self.tree(signature, height);
        let (mut node, mut place, mut base) = (*leaf, usize::from(proof.index), 0);
        for (level, sibling) in proof.siblings.iter().enumerate() {
            let (left, right) = if place & 1 == 1 { (*sibling, node) } else { (node, *sibling) };
            place >>= 1;
            node = parent(&mut tree.nodes[base + place], left, right);
            base += LEAVES_MAX.min(1 << height) >> (level + 1);
        }
        let type_hash = tree_type_hash(name, leaf_type, height);
        match tree.digest {
            Some([of, root, digest]) if of == type_hash && root == node => digest,
            _ => {
                let digest = domain.digest(&StructHasher::of(&type_hash).hash(&node).finish());
                tree.digest.get_or_insert([type_hash, node, digest]);
                digest
            }
        }
    }

    fn tree(&mut self, signature: &Signature, height: usize) -> &mut Tree {
        let known = self.trees.iter().position(|tree| tree.height == height && tree.signature == *signature);
        let at = known.unwrap_or_else(|| {
            let tree = Tree { signature: *signature, height, nodes: vec![None; (1 << height) - 1], digest: None };
            put(&mut self.trees, &mut self.next_tree, TREES_MAX, tree)
        });
        &mut self.trees[at]
    }
}

fn parent(known: &mut Option<[Hash; 3]>, left: Hash, right: Hash) -> Hash {
    match known {
        Some([l, r, parent]) if *l == left && *r == right => *parent,
        _ => {
            let parent = pair(&left, &right);
            known.get_or_insert([left, right, parent]);
            parent
        }
    }
}

/// Puts `item` in the place of the oldest, and says where that is.
fn put<T>(items: &mut Vec<T>, next: &mut usize, max: usize, item: T) -> usize {
    if items.len() < max {
        items.push(item);
        return items.len() - 1;
    }
    let at = *next % max;
    items[at] = item;
    *next = at + 1;
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;
    use crate::bulk::proofs;
    use crate::hash::keccak256;
    use crate::market::MarketId;
    use crate::typed::types;

    /// The memo against the plain way, for genuine leaves, forged ones and foreign trees under the same signature, in
    /// an order that lets the forged ones come first.
    #[test]
    fn a_memo_never_changes_a_digest_whatever_it_was_shown_before() {
        let domain = Domain::new(MarketId(Hash::ZERO), 0, Address::ZERO);
        let mut memo = Memo::new(&domain);
        for count in [2usize, 5, 64] {
            for tree in 0..6u8 {
                let leaves: Vec<Hash> = (0..count as u8).map(|n| keccak256(&[&[tree / 2, n]])).collect();
                let proofs = proofs(&leaves).unwrap();
                let signature = Signature([tree / 2; 65]);
                for (number, proof) in proofs.iter().enumerate() {
                    let mut forged = proof.clone();
                    forged.siblings[number % proof.siblings.len()].0[0] ^= 1;
                    let foreign = keccak256(&[b"foreign"]);
                    for (proof, leaf) in [(&forged, &leaves[number]), (proof, &foreign), (proof, &leaves[number])] {
                        for (name, text) in [("Order", types::ORDER), ("Cancel", types::CANCEL), ("X", "X(uint8 x)")] {
                            let plain = domain.digest(&proof.tree_struct_hash(leaf, name, text));
                            assert_eq!(memo.tree_digest(&signature, (proof, leaf), (name, text)), plain);
                        }
                    }
                }
            }
        }
    }
}

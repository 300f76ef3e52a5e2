//! Nothing of a signed word can be changed without its verification noticing.

use proptest::prelude::*;
use protocol::bulk::proofs;
use protocol::{Authority, Domain, Entry, Order, Scope, Signed, Typed, wire};

use crate::arbitrary;
use crate::keys::{CONSUMER, CONSUMERS_DELEGATE, Key, SUPPLIER};
use crate::words::{self, NOW_S};

fn domain() -> Domain {
    words::settled("rules").domain()
}

fn own(body: Order, key: Key) -> Signed<Order> {
    let signature = key.sign(&domain(), &body.struct_hash());
    Signed { body, authority: Authority::own(signature) }
}

/// A bid with exclusions, signed in bulk by a delegate: every part of an authority at once.
fn everything() -> Signed<Order> {
    let domain = domain();
    let body = Order { excluded: words::owners(2), ..words::bid() };
    let leaves = [words::ask().struct_hash(), words::bid().struct_hash(), body.struct_hash()];
    let proof = proofs(&leaves).unwrap().remove(2);
    let tree = proof.tree_struct_hash(&leaves[2], "Order", protocol::typed::types::ORDER);
    let delegation = words::delegation(CONSUMER.address(), CONSUMERS_DELEGATE.address(), Scope::BID, &domain);
    let owners = CONSUMER.sign(&domain, &delegation.struct_hash());
    let authority = Authority {
        signature: CONSUMERS_DELEGATE.sign(&domain, &tree),
        bulk: Some(Box::new(proof)),
        delegation: Some(Box::new((delegation, owners))),
    };
    Signed { body, authority }
}

/// Whether the bytes still pass after one bit of them was flipped.
fn passes_with_flip(bytes: &[u8], bit: usize) -> bool {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    let decoded: Result<Signed<Order>, _> = wire::decode(&flipped, wire::ENTRY_MAX);
    decoded.is_ok_and(|signed| signed.verify(&domain(), NOW_S).is_ok())
}

#[test]
fn no_bit_of_a_signed_order_or_of_its_authority_can_be_flipped() {
    for signed in [own(words::ask(), SUPPLIER), everything()] {
        assert!(signed.clone().verify(&domain(), NOW_S).is_ok());
        let bytes = wire::encode(&signed);
        for bit in 0..bytes.len() * 8 {
            assert!(!passes_with_flip(&bytes, bit), "bit {bit} of {signed:?}");
        }
    }
}

/// Four kilobytes are more than any order needs, so what is above is padding.
#[test]
fn the_fullest_order_is_far_below_the_largest_and_one_above_it_is_refused_as_too_large() {
    let market = words::settled("rules");
    let mut fullest = everything();
    fullest.body.excluded = words::owners(16);
    let check = |signed: &Signed<Order>| Entry::Order(signed.clone()).check(&market);
    assert_eq!(check(&fullest), Ok(()));
    assert!(wire::encode(&fullest).len() < wire::ENTRY_MAX / 2);
    let padding = (wire::ENTRY_MAX - wire::encode(&fullest).len()) / 32;
    let siblings = fullest.authority.bulk.as_mut().map(|proof| &mut proof.siblings).unwrap();
    siblings.extend(vec![protocol::Hash([7; 32]); padding - 1]);
    assert_eq!(check(&fullest), Ok(()), "its proof is judged later");
    fullest.authority.bulk.as_mut().unwrap().siblings.extend([protocol::Hash([7; 32]); 2]);
    assert_eq!(check(&fullest), Err(protocol::Rejected::TooLarge));
}

proptest! {
    #[test]
    fn no_bit_of_any_signed_order_can_be_flipped(order in arbitrary::order(), place in 0.0..1.0f64) {
        let signed = own(Order { owner: SUPPLIER.address(), ..order }, SUPPLIER);
        prop_assert!(signed.clone().verify(&domain(), NOW_S).is_ok());
        let bytes = wire::encode(&signed);
        let bit = (place * (bytes.len() * 8) as f64) as usize;
        prop_assert!(!passes_with_flip(&bytes, bit));
    }

    #[test]
    fn different_orders_have_different_ids(one in arbitrary::order(), other in arbitrary::order()) {
        let id = |order: &Order| domain().digest(&order.struct_hash());
        prop_assert_eq!(one == other, id(&one) == id(&other));
    }

    #[test]
    fn an_order_survives_its_json(order in arbitrary::order()) {
        let text = serde_json::to_string(&order).unwrap();
        prop_assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
    }
}

//! A forged copy of an order races the genuine message: the same order under other signature bytes, sent first. It must
//! neither keep the genuine one from arriving nor make honest peers pay for passing that on.

use protocol::{Authority, Cancel, Domain, Entry, Signed, typed::Typed};

use super::super::{MessageToken, Topic, Verdict};
use super::*;
use crate::keys::Key;

fn domain() -> Domain {
    Domain::new(market(), 0, Address::ZERO)
}

/// A message with one head, and a copy whose signature is another's.
fn genuine_and_forged() -> (Vec<u8>, Vec<u8>) {
    let (owner, stranger) = (Key::from_bytes(&[77; 32]).unwrap(), Key::from_bytes(&[78; 32]).unwrap());
    let body = Cancel { owner: owner.address(), slot: 3, version: 9, from_epoch: 5, expiry_epoch: 50 };
    let digest = domain().digest(&body.struct_hash());
    let message = |key: &Key| {
        let entry = Entry::Cancel(Signed { body: body.clone(), authority: Authority::own(key.sign(&digest)) });
        protocol::wire::encode(&protocol::talk::OrdersMessage(vec![entry]))
    };
    (message(&owner), message(&stranger))
}

/// What the machine says of a message: whether the signature is the owner's.
fn verdict(bytes: &[u8]) -> Verdict {
    let message: protocol::talk::OrdersMessage = protocol::wire::decode(bytes, protocol::wire::GOSSIP_MAX).unwrap();
    let [Entry::Cancel(cancel)] = &message.0[..] else { panic!("one empty slot") };
    let digest = domain().digest(&cancel.body.struct_hash());
    match cancel.authority.signature.recover(&digest) == Ok(cancel.body.owner) {
        true => Verdict::Accept,
        false => Verdict::Reject,
    }
}

async fn hear(node: &mut Node) -> (Vec<u8>, MessageToken, Address) {
    node.wait("gossip", |event| match event {
        NetEvent::Gossip { bytes, token, from, .. } => Some((bytes, token, from)),
        _ => None,
    })
    .await
}

async fn join_mesh(from: &Node, to: &Node) {
    for (one, other) in [(from, to), (to, from)] {
        until("the mesh has grown", || async { one.peer(other.address).await.is_some_and(|peer| peer.in_orders_mesh) })
            .await;
    }
}

#[tokio::test]
async fn a_forged_copy_that_comes_first_neither_censors_the_genuine_message_nor_costs_its_forwarders() {
    let (genuine, forged) = genuine_and_forged();
    let [mut a, mut b, mut c, mut attacker] = [node(1).await, node(2).await, node(3).await, node(4).await];
    a.net.ban(c.address);
    c.net.ban(a.address);
    c.net.ban(attacker.address);
    attacker.net.ban(c.address);
    a.meet(&mut b).await;
    b.meet(&mut c).await;
    attacker.meet(&mut a).await;
    attacker.meet(&mut b).await;
    for (from, to) in [(&a, &b), (&b, &c), (&attacker, &a), (&attacker, &b)] {
        join_mesh(from, to).await;
    }
    let scores = async |of: &Node, seen_by: &Node| seen_by.peer(of.address).await.unwrap().score;
    let before = [scores(&a, &b).await, scores(&b, &a).await, scores(&b, &c).await];
    let attackers = [scores(&attacker, &a).await, scores(&attacker, &b).await];

    // Both honest neighbours of the attacker hold the forged copy, unjudged, before the genuine message exists.
    attacker.net.publish(Topic::Orders, forged.clone()).unwrap();
    let ((at_a, token_a, from_a), (at_b, token_b, from_b)) = (hear(&mut a).await, hear(&mut b).await);
    assert_eq!((&at_a, &at_b), (&forged, &forged));
    assert_eq!((from_a, from_b), (attacker.address, attacker.address));

    a.net.publish(Topic::Orders, genuine.clone()).unwrap();
    let (bytes, token, from) = hear(&mut b).await;
    assert_eq!((&bytes, from), (&genuine, a.address), "it is not taken for a copy of the forged one");
    b.net.judge(token_b, verdict(&at_b));
    a.net.judge(token_a, verdict(&at_a));
    b.net.judge(token, verdict(&bytes));
    let (bytes, token, from) = hear(&mut c).await;
    assert_eq!((&bytes, from), (&genuine, b.address), "the genuine one is all that is passed on");
    c.net.judge(token, verdict(&bytes));

    until("the attacker has paid", || async {
        scores(&attacker, &a).await < attackers[0] - 3.0 && scores(&attacker, &b).await < attackers[1] - 3.0
    })
    .await;
    let after = [scores(&a, &b).await, scores(&b, &a).await, scores(&b, &c).await];
    assert!(after.iter().zip(before).all(|(after, before)| *after >= before - 1.0), "{before:?} {after:?}");
    assert!(after.iter().all(|score| *score >= 0.0), "{after:?}");
}

//! One line of the vector files, how it is made, and how it is judged from the file alone.

use protocol::{Address, Authority, Hash, Parameters, Signature, bulk};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::Body;
use crate::eip712::Types;
use crate::keys::Key;
use crate::words::NOW_S;

/// What is expected of a case that is valid.
pub const ACCEPTED: &str = "accepted";

/// One signed word and what must come of it; README.md describes the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub expect: String,
    pub market: String,
    pub unix_seconds: u64,
    pub primary_type: String,
    pub owner: Address,
    pub signer: Option<Address>,
    pub struct_hash: Hash,
    pub id: Hash,
    pub signed_type: String,
    pub signed_digest: Hash,
    pub message: Value,
    pub body: Value,
    pub authority: Authority,
    pub wire: String,
}

impl Case {
    /// A case of `body` in `market`, in the name of the word's first owner; expected to be accepted.
    pub fn new(name: &str, market: &Parameters, body: impl Into<Body>, authority: Authority) -> Case {
        let body = body.into();
        let domain = market.domain();
        let (signed_type, signed) = signed(&body, &authority);
        let signed_digest = domain.digest(&signed);
        Case {
            name: name.into(),
            expect: ACCEPTED.into(),
            market: market.name.clone(),
            unix_seconds: NOW_S,
            primary_type: body.primary().into(),
            owner: body.owners()[0],
            signer: authority.signature.recover(&signed_digest).ok(),
            struct_hash: body.struct_hash(),
            id: domain.digest(&body.struct_hash()),
            signed_type,
            signed_digest,
            message: sorted(body.message()),
            body: sorted(body.json()),
            wire: protocol::hash::hex_encode(&body.encode(&authority)),
            authority,
        }
    }

    /// As [`Case::new`], signed by `key` alone.
    pub fn own(name: &str, market: &Parameters, body: impl Into<Body>, key: Key) -> Case {
        let body = body.into();
        let signature = key.sign(&market.domain(), &body.struct_hash());
        Case::new(name, market, body, Authority::own(signature))
    }

    /// The same in the name of `owner`.
    pub fn by(self, owner: Address) -> Case {
        Case { owner, ..self }
    }

    /// The same, expected to be refused with the stable code of a [`protocol::Rejected`].
    pub fn refused(self, code: &str) -> Case {
        Case { expect: code.into(), ..self }
    }

    /// Judges the case by what its line says and nothing else. Says what is wrong with the line.
    pub fn judge(&self, markets: &[Parameters]) -> Result<(), String> {
        let market = markets.iter().find(|market| market.name == self.market).ok_or("unknown market")?;
        let body = Body::parse(&self.primary_type, self.body.clone());
        let ensure = |ok: bool, what: &str| if ok { Ok(()) } else { Err(format!("{}: {what}", self.name)) };
        ensure(body.struct_hash() == self.struct_hash, "struct hash")?;
        ensure(Types::parse(body.type_string()).struct_hash(&self.message) == self.struct_hash, "message")?;
        ensure(body.owners().contains(&self.owner), "owner")?;
        let domain = market.domain();
        ensure(domain.digest(&self.struct_hash) == self.id, "id")?;
        let (signed_type, signed) = signed(&body, &self.authority);
        ensure(signed_type == self.signed_type, "signed type")?;
        ensure(domain.digest(&signed) == self.signed_digest, "signed digest")?;
        let signer = self.authority.signature.recover(&self.signed_digest).ok();
        ensure(signer == self.signer, "signer")?;
        let bytes = bytes_of(&self.wire);
        ensure(body.encode(&self.authority) == bytes, "wire")?;
        ensure(body.is_decoded_from(&bytes, &self.authority), "decoded wire")?;
        let verdict = body.judge(&self.authority, self.owner, market, self.unix_seconds);
        let verdict = verdict.map_or_else(|rejected| rejected.code(), |()| ACCEPTED);
        ensure(verdict == self.expect, &format!("judged {verdict}, expected {}", self.expect))
    }
}

/// Type string and struct hash of what is really signed: the word, or the tree that it is a leaf of.
fn signed(body: &Body, authority: &Authority) -> (String, Hash) {
    let (name, type_string, leaf) = (body.primary(), body.type_string(), body.struct_hash());
    match &authority.bulk {
        None => (type_string.into(), leaf),
        Some(proof) => {
            (bulk::tree_type(name, type_string, proof.siblings.len()), proof.tree_struct_hash(&leaf, name, type_string))
        }
    }
}

/// Authorities over all of `bodies` with one signature by `key`.
pub fn bulk_signed(market: &Parameters, bodies: &[Body], key: Key) -> Vec<Authority> {
    let leaves: Vec<Hash> = bodies.iter().map(Body::struct_hash).collect();
    let proofs = bulk::proofs(&leaves).unwrap();
    let tree = proofs[0].tree_struct_hash(&leaves[0], bodies[0].primary(), bodies[0].type_string());
    let signature = key.sign(&market.domain(), &tree);
    let authority = |proof| Authority { signature, bulk: Some(Box::new(proof)), delegation: None };
    proofs.into_iter().map(authority).collect()
}

/// The same signature in its other, refused form: `n - s`, and v flipped.
pub fn high_s_twin(signature: Signature) -> Signature {
    let order = protocol::hash::hex_decode::<32>("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let mut bytes = signature.0;
    let mut borrow = 0;
    for (index, digit) in order.unwrap().iter().enumerate().rev() {
        let difference = i32::from(*digit) - i32::from(bytes[32 + index]) - borrow;
        borrow = i32::from(difference < 0);
        bytes[32 + index] = difference.rem_euclid(256) as u8;
    }
    bytes[64] = 27 + 28 - bytes[64];
    Signature(bytes)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.strip_prefix("0x").unwrap();
    (0..digits.len() / 2).map(|index| u8::from_str_radix(&digits[index * 2..][..2], 16).unwrap()).collect()
}

/// The value with the keys of every object in alphabetical order, whatever serde_json's features.
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            members.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        other => other,
    }
}

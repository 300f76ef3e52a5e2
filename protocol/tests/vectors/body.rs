//! Any word that can be signed, with its three forms: the struct, its own JSON, and the EIP-712 message.

use protocol::delegation::Scope;
use protocol::typed::types;
use protocol::{
    Acknowledgement, Address, Authority, Cancel, Claim, DealEnd, DealTerms, Delegation, Domain, EndCause, Entry, Hash,
    Order, Parameters, Receipt, Rejected, Signable, Signed, Task, Typed, wire,
};
use serde_json::Value;

use crate::message;

macro_rules! bodies {
    ($($variant:ident $name:literal $type_string:ident $message:ident;)*) => {
        /// One word.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body { $($variant($variant),)* }

        $(impl From<$variant> for Body {
            fn from(word: $variant) -> Body { Body::$variant(word) }
        })*

        impl Body {
            /// The primary type of each kind of word, and its full type string.
            pub const TYPES: &[(&str, &str)] = &[$(($name, types::$type_string),)*];

            pub fn parse(primary: &str, json: Value) -> Body {
                match primary {
                    $($name => Body::$variant(serde_json::from_value(json).unwrap()),)*
                    _ => panic!("no such type: {primary}"),
                }
            }

            pub fn json(&self) -> Value {
                match self { $(Body::$variant(word) => serde_json::to_value(word).unwrap(),)* }
            }

            pub fn message(&self) -> Value {
                match self { $(Body::$variant(word) => message::$message(word),)* }
            }

            pub fn primary(&self) -> &'static str {
                match self { $(Body::$variant(_) => $name,)* }
            }

            pub fn type_string(&self) -> &'static str {
                match self { $(Body::$variant(_) => types::$type_string,)* }
            }

            pub fn struct_hash(&self) -> Hash {
                match self { $(Body::$variant(word) => word.struct_hash(),)* }
            }

            /// The canonical bytes of the word and its authority.
            pub fn encode(&self, authority: &Authority) -> Vec<u8> {
                match self { $(Body::$variant(word) => wire::encode(&(word, authority)),)* }
            }

            /// Whether `bytes` decode to exactly this word and `authority`.
            pub fn is_decoded_from(&self, bytes: &[u8], authority: &Authority) -> bool {
                match self {
                    $(Body::$variant(word) => {
                        let decoded: ($variant, Authority) = wire::decode(bytes, wire::REQUEST_MAX).unwrap();
                        decoded.0 == *word && decoded.1 == *authority
                    })*
                }
            }
        }
    };
}

bodies! {
    Order "Order" ORDER order;
    Cancel "Cancel" CANCEL cancel;
    Delegation "Delegation" DELEGATION delegation;
    DealTerms "DealTerms" DEAL_TERMS deal_terms;
    DealEnd "DealEnd" DEAL_END deal_end;
    Acknowledgement "Acknowledgement" ACKNOWLEDGEMENT acknowledgement;
    Task "Task" TASK task;
    Receipt "Receipt" RECEIPT receipt;
}

impl Body {
    /// What a delegate needs to sign this for `owner`. A delegation itself is never delegated.
    pub fn scope(&self, owner: &Address) -> Scope {
        match self {
            Body::Order(order) => order.scope(),
            Body::Cancel(cancel) => cancel.scope(),
            Body::DealTerms(_) | Body::DealEnd(_) => Scope::DEAL,
            Body::Acknowledgement(_) => Scope::ACKNOWLEDGE,
            Body::Task(_) => Scope::TASK,
            Body::Receipt(_) => Scope::RECEIPT,
            Body::Delegation(delegation) => {
                assert_eq!(delegation.owner, *owner);
                Scope(u32::MAX)
            }
        }
    }

    /// The full judgement that needs no book: the word's own rules, then its authority.
    pub fn judge(
        &self,
        authority: &Authority,
        owner: Address,
        market: &Parameters,
        unix_s: u64,
    ) -> Result<(), Rejected> {
        let domain = &market.domain();
        match self {
            Body::Order(order) => {
                let signed = Signed { body: order.clone(), authority: authority.clone() };
                judge_head(&Entry::Order(signed), market, unix_s)?;
                judge_signed(order, authority, domain, unix_s)
            }
            Body::Cancel(cancel) => {
                let signed = Signed { body: cancel.clone(), authority: authority.clone() };
                judge_head(&Entry::Cancel(signed), market, unix_s)?;
                judge_signed(cancel, authority, domain, unix_s)
            }
            Body::Task(task) => {
                task.check()?;
                authority.verify(&Claim::single(task, owner, self.scope(&owner)), domain, unix_s)
            }
            _ => {
                let claim = Claim { struct_hash: self.struct_hash(), bulk: None, owner, scope: self.scope(&owner) };
                authority.verify(&claim, domain, unix_s)
            }
        }
    }

    /// In whose name this may be signed: who the word names, or else a party of the deal between the plain orders.
    pub fn owners(&self) -> Vec<Address> {
        match self {
            Body::Order(order) => vec![order.owner],
            Body::Cancel(cancel) => vec![cancel.owner],
            Body::Delegation(delegation) => vec![delegation.owner],
            Body::DealTerms(terms) => vec![terms.supplier(), terms.consumer()],
            Body::DealEnd(end) if end.cause == EndCause::Failed => vec![crate::keys::SUPPLIER.address()],
            Body::Receipt(_) => vec![crate::keys::SUPPLIER.address()],
            Body::DealEnd(_) | Body::Acknowledgement(_) | Body::Task(_) => vec![crate::keys::CONSUMER.address()],
        }
    }
}

/// The rules of a head, and whether it still counts.
fn judge_head(head: &Entry, market: &Parameters, unix_s: u64) -> Result<(), Rejected> {
    head.check(market)?;
    match head.epochs().1 > market.epoch_at(unix_s * 1000) {
        true => Ok(()),
        false => Err(Rejected::Expired),
    }
}

fn judge_signed<T: Signable + Clone>(
    body: &T,
    authority: &Authority,
    domain: &Domain,
    unix_s: u64,
) -> Result<(), Rejected> {
    let signed = Signed { body: body.clone(), authority: authority.clone() };
    let verified = signed.verify(domain, unix_s)?;
    assert_eq!(verified.id(), domain.digest(&body.struct_hash()));
    Ok(())
}

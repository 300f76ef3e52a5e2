//! The cases that every implementation must refuse, each with the stable code of the reason.

use protocol::bulk::BulkProof;
use protocol::{
    Address, Authority, Cancel, Capacity, Delegation, Domain, EndCause, Flags, Hash, Metric, Order, Parameters, Price,
    Scope, Signature, Task, Typed,
};

use crate::accepted::{asks, by_delegate, by_delegate_until, granted};
use crate::body::Body;
use crate::case::{Case, bulk_signed, high_s_twin};
use crate::keys::{CONSUMER, STRANGER, SUPPLIER, SUPPLIERS_DELEGATE};
use crate::words;

/// All of them.
pub fn all(market: &Parameters) -> Vec<Case> {
    [
        forms(market),
        signers(market),
        domains(market),
        bulk(market),
        delegations(market),
        lives(market),
        words_of_order(market),
    ]
    .concat()
}

/// The plain ask with the supplier's signature after `change`.
fn tampered(name: &str, market: &Parameters, code: &str, change: impl Fn(&mut [u8; 65])) -> Case {
    let ask = words::ask();
    let mut signature = SUPPLIER.sign(&market.domain(), &ask.struct_hash());
    change(&mut signature.0);
    Case::new(name, market, ask, Authority::own(signature)).refused(code)
}

fn forms(market: &Parameters) -> Vec<Case> {
    const FORM: &str = "bad_signature_form";
    let ask = words::ask();
    let twin = high_s_twin(SUPPLIER.sign(&market.domain(), &ask.struct_hash()));
    vec![
        Case::new("the high-S twin of a valid signature", market, ask, Authority::own(twin)).refused(FORM),
        tampered("v of 0", market, FORM, |bytes| bytes[64] = 0),
        tampered("v of 1", market, FORM, |bytes| bytes[64] = 1),
        tampered("v of 29", market, FORM, |bytes| bytes[64] = 29),
        tampered("r of zero", market, FORM, |bytes| bytes[..32].fill(0)),
        tampered("s of zero", market, FORM, |bytes| bytes[32..64].fill(0)),
        tampered("r above the group order", market, FORM, |bytes| bytes[..32].fill(0xff)),
        tampered("all zero but v", market, FORM, |bytes| bytes[..64].fill(0)),
        tampered("the other v", market, "wrong_signer", |bytes| bytes[64] = 27 + 28 - bytes[64]),
        tampered("one bit of s flipped", market, "wrong_signer", |bytes| bytes[63] ^= 1),
    ]
}

fn signers(market: &Parameters) -> Vec<Case> {
    let domain = &market.domain();
    let signed_as = |hash: Hash, body: Body, name: &str| {
        Case::new(name, market, body, Authority::own(SUPPLIER.sign(domain, &hash))).refused("wrong_signer")
    };
    let (ask, cancel) = (words::ask(), words::cancel());
    let cheaper = Order { price: Price(1), ..words::ask() };
    let terms = words::terms(&words::ask(), &words::bid(), domain);
    let cancelled = words::deal_end(EndCause::Cancelled, domain);
    let as_type = |type_string: &str| {
        let mut words = protocol::keccak256(&[type_string.as_bytes()]).0.to_vec();
        words.extend(
            [address_word(&cancel.owner), small(cancel.slot.into()), small(cancel.version)].iter().flat_map(|w| w.0),
        );
        words.extend([small(cancel.from_epoch), small(cancel.expiry_epoch)].iter().flat_map(|word| word.0));
        protocol::keccak256(&[&words])
    };
    assert_eq!(as_type(protocol::typed::types::CANCEL), cancel.struct_hash());
    let renamed = protocol::typed::types::CANCEL.replace("Cancel(", "Empty(");
    vec![
        Case::own("an ask signed by a stranger", market, words::ask(), STRANGER).refused("wrong_signer"),
        signed_as(ask.struct_hash(), cheaper.into(), "an ask whose price was changed after signing"),
        signed_as(ask.struct_hash(), cancel.clone().into(), "a cancel with the signature of an ask"),
        signed_as(as_type(&renamed), cancel.clone().into(), "a cancel signed as a type of another name"),
        Case::own("deal terms in the consumer's name by the supplier", market, terms, SUPPLIER)
            .by(CONSUMER.address())
            .refused("wrong_signer"),
        Case::own("a consumer's end by the supplier", market, cancelled, SUPPLIER).refused("wrong_signer"),
        Case::own("an acknowledgement by the supplier", market, words::acknowledgement(domain), SUPPLIER)
            .refused("wrong_signer"),
        Case::own("a receipt by the consumer", market, words::receipt(domain), CONSUMER).refused("wrong_signer"),
        Case::own("a delegation by its delegate", market, grant(domain, Scope::ALL), SUPPLIERS_DELEGATE)
            .refused("wrong_signer"),
    ]
}

fn small(value: u64) -> Hash {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&value.to_be_bytes());
    Hash(word)
}

fn address_word(address: &Address) -> Hash {
    protocol::typed::address_word(address)
}

fn domains(market: &Parameters) -> Vec<Case> {
    let sign_in = |domain: Domain, name: &str| {
        let ask = words::ask();
        let signature = SUPPLIER.sign(&domain, &ask.struct_hash());
        Case::new(name, market, ask, Authority::own(signature)).refused("wrong_signer")
    };
    let mut sister = market.clone();
    sister.salt = Hash::ZERO;
    let (id, chain, contract) = (market.id(), market.chain_id, market.contract);
    let bare = SUPPLIER.sign_digest(&words::ask().struct_hash());
    vec![
        sign_in(sister.domain(), "an ask signed in another market"),
        sign_in(Domain::new(id, chain + 1, contract), "an ask signed for another chain"),
        sign_in(Domain::new(id, chain, Address::ZERO), "an ask signed for another contract"),
        Case::new("an ask whose bare struct hash was signed", market, words::ask(), Authority::own(bare))
            .refused("wrong_signer"),
    ]
}

fn bulk(market: &Parameters) -> Vec<Case> {
    let four = bulk_signed(market, &asks(4), SUPPLIER);
    let leaf = |name: &str, code: &str, change: &dyn Fn(&mut BulkProof)| {
        let mut authority = four[1].clone();
        change(authority.bulk.as_mut().unwrap());
        Case::new(name, market, asks(4).remove(1), authority).refused(code)
    };
    let alone = Authority { bulk: None, ..four[1].clone() };
    let cancel = Case::new("a cancel in a tree of asks", market, words::cancel(), four[1].clone());
    let task: Body = words::task(&market.domain()).into();
    let proof = Some(BulkProof { index: 0, siblings: vec![Hash::ZERO] });
    let signature = CONSUMER.sign(&market.domain(), &task.struct_hash());
    let of_task = Authority { signature, bulk: proof.map(Box::new), delegation: None };
    vec![
        leaf("a leaf with a wrong sibling", "wrong_signer", &|proof| proof.siblings[1].0[31] ^= 1),
        leaf("a leaf at another's index", "wrong_signer", &|proof| proof.index = 2),
        leaf("a leaf of a tree one level too low", "wrong_signer", &|proof| proof.siblings.truncate(1)),
        leaf("a leaf beyond its tree", "bad_bulk_proof", &|proof| proof.index = 4),
        leaf("a leaf without siblings", "bad_bulk_proof", &|proof| *proof = BulkProof { index: 0, siblings: vec![] }),
        leaf("a leaf of a tree of seven levels", "bad_bulk_proof", &|proof| proof.siblings.resize(7, Hash::ZERO)),
        Case::new("a leaf whose proof was left out", market, asks(4).remove(1), alone).refused("wrong_signer"),
        Case::new("an ask that is not in the tree", market, asks(5).remove(4), four[1].clone()).refused("wrong_signer"),
        cancel.refused("wrong_signer"),
        Case::new("a task in a tree", market, task, of_task).refused("bad_bulk_proof"),
    ]
}

fn grant(domain: &Domain, scope: Scope) -> Delegation {
    words::delegation(SUPPLIER.address(), SUPPLIERS_DELEGATE.address(), scope, domain)
}

fn delegations(market: &Parameters) -> Vec<Case> {
    const BAD: &str = "bad_delegation";
    let domain = &market.domain();
    let parties = (SUPPLIER, SUPPLIERS_DELEGATE);
    let ask = words::ask();
    let delegates = SUPPLIERS_DELEGATE.sign(domain, &ask.struct_hash());
    let with = |name: &str, code: &str, signature: Signature, delegation: Delegation, owners: Signature| {
        let authority = Authority { signature, bulk: None, delegation: Some(Box::new((delegation, owners))) };
        Case::new(name, market, words::ask(), authority).refused(code)
    };
    let changed = |name: &str, change: &dyn Fn(&mut Delegation)| {
        let mut delegation = grant(domain, Scope::ASK);
        change(&mut delegation);
        let owners = SUPPLIER.sign(domain, &delegation.struct_hash());
        with(name, BAD, delegates, delegation, owners)
    };
    let good = grant(domain, Scope::ASK);
    let owners = SUPPLIER.sign(domain, &good.struct_hash());
    let by_stranger = STRANGER.sign(domain, &ask.struct_hash());
    let bare = Authority { signature: delegates, bulk: None, delegation: None };
    let unneeded = Authority {
        signature: SUPPLIER.sign(domain, &ask.struct_hash()),
        bulk: None,
        delegation: granted(market, SUPPLIER, SUPPLIERS_DELEGATE, Scope::ASK),
    };
    vec![
        by_delegate("an ask by a delegate for bids", market, words::ask(), parties, Scope::BID).refused(BAD),
        by_delegate("a cancel by a delegate for asks", market, words::cancel(), parties, Scope::ASK).refused(BAD),
        by_delegate("a receipt by a delegate for tasks", market, words::receipt(domain), parties, Scope::TASK)
            .refused(BAD),
        changed("an ask by a delegate whose time is over", &|d| d.not_after = words::NOW_S),
        changed("an ask by a delegate whose time has not begun", &|d| d.not_before = words::NOW_S + 1),
        changed("an ask by a delegate of another owner", &|d| d.owner = CONSUMER.address()),
        changed("an ask by a delegate in another market", &|d| d.market.0 = Hash::ZERO),
        changed("an ask under unknown bits of scope", &|d| d.scope = Scope(256 | 1)),
        changed("an ask by an owner that delegates to itself", &|d| d.delegate = d.owner),
        changed("an ask under a delegation to nobody", &|d| d.delegate = Address::ZERO),
        with("an ask by a stranger under another's delegation", "wrong_signer", by_stranger, good.clone(), owners),
        with(
            "an ask under a delegation that the delegate signed",
            "wrong_signer",
            delegates,
            good.clone(),
            SUPPLIERS_DELEGATE.sign(domain, &good.struct_hash()),
        ),
        with(
            "an ask under a delegation with a high-S signature",
            "bad_signature_form",
            delegates,
            good,
            high_s_twin(owners),
        ),
        Case::new("an ask by a delegate without the delegation", market, words::ask(), bare).refused("wrong_signer"),
        Case::new("an ask by its owner under a delegation", market, words::ask(), unneeded).refused("wrong_signer"),
    ]
}

/// Signed as it should be, but over, or longer than its signer may sign.
fn lives(market: &Parameters) -> Vec<Case> {
    let (ask, cancel) = (words::ask(), words::cancel());
    let day = market.epochs_in(market.order_life_max_s.into());
    let own = |name: &str, code: &str, body: Body| Case::own(name, market, body, SUPPLIER).refused(code);
    let until = |name: &str, body: Body, not_after: u64| {
        let authority = by_delegate_until(market, body.clone(), not_after);
        Case::new(name, market, body, authority).refused("bad_delegation")
    };
    let old = (words::EPOCH - 100, words::EPOCH);
    let elsewhere = Domain::new(market.id(), market.chain_id + 1, market.contract);
    let mut abroad = by_delegate_until(market, ask.clone().into(), words::ends_s(&ask));
    if let Some(delegation) = &mut abroad.delegation {
        delegation.1 = SUPPLIER.sign(&elsewhere, &delegation.0.struct_hash());
    }
    vec![
        own("an ask that is over", "expired", Order { from_epoch: old.0, expiry_epoch: old.1, ..ask.clone() }.into()),
        own(
            "a cancel that is over",
            "expired",
            Cancel { from_epoch: old.0, expiry_epoch: old.1, ..cancel.clone() }.into(),
        ),
        own(
            "an ask that lives an epoch longer than the market allows",
            "bad_life",
            Order { expiry_epoch: ask.from_epoch + day + 1, ..ask.clone() }.into(),
        ),
        until("an ask that outlives its delegation by a second", ask.clone().into(), words::ends_s(&ask) - 1),
        until("a cancel that outlives its delegation", cancel.into(), words::ends_s(&ask) - 1),
        Case::new("an ask under a delegation that was signed for another chain", market, ask, abroad)
            .refused("wrong_signer"),
    ]
}

/// Signed as it should be, but the word itself is against the rules. tests/rules has all the rules.
fn words_of_order(market: &Parameters) -> Vec<Case> {
    let order = |name: &str, code: &str, order: Order| Case::own(name, market, order, SUPPLIER).refused(code);
    let ask = words::ask;
    let memory = |value| Capacity::new([(Metric::CpuF64, value)]);
    let cancel = Cancel { slot: 1024, ..words::cancel() };
    let outside = Task { outputs: vec!["../escape".into()], ..words::task(&market.domain()) };
    vec![
        order("an ask for nothing", "price_zero", Order { price: Price(0), ..ask() }),
        order("an ask of no lots", "bad_lots", Order { lots: 0, ..ask() }),
        order("an ask that is over before it begins", "bad_life", Order { expiry_epoch: words::EPOCH, ..ask() }),
        order("an ask of three digits", "bad_capacity", Order { capacity: memory(123), ..ask() }),
        order("an ask for no time", "bad_duration", Order { duration_min_s: 0, ..ask() }),
        order("an ask with 17 exclusions", "bad_exclusions", Order { excluded: words::owners(17), ..ask() }),
        order("an ask with unknown flags", "bad_flags", Order { flags: Flags(4), ..ask() }),
        order("an ask to oneself", "bad_parties", Order { counterparty: SUPPLIER.address(), ..ask() }),
        Case::own("a cancel of a slot that no owner can have", market, cancel, SUPPLIER).refused("bad_slot"),
        Case::own("a task whose output leaves its folder", market, outside, CONSUMER).refused("bad_terms"),
    ]
}

//! The cases that every implementation must accept.

use protocol::{
    Address, Authority, Capacity, EndCause, Flags, Hash, Identity, Metric, Order, Outcome, Parameters, Price,
    ProgramKind, Scope, Signature, Typed, keccak256,
};

use crate::body::Body;
use crate::case::{Case, bulk_signed};
use crate::keys::{CONSUMER, CONSUMERS_DELEGATE, Key, SUPPLIER, SUPPLIERS_DELEGATE};
use crate::words;

/// All of them.
pub fn all(market: &Parameters) -> Vec<Case> {
    [orders(market), bulk(market), delegated(market), deals(market), tasks(market)].concat()
}

/// The plain order at its largest in every field that is not a date.
fn extreme() -> Order {
    Order {
        slot: 1023,
        version: u64::MAX,
        capacity: Capacity::new(Metric::ALL.iter().map(|metric| (*metric, 17_000_000_000_000))),
        lots: 1 << 20,
        price: Price(u128::MAX / (1 << 20) / (31 * 86_400)),
        duration_min_s: 31 * 86_400,
        duration_max_s: 31 * 86_400,
        billed_min_s: 3_600,
        expiry_epoch: words::EPOCH + 43_200,
        excluded: words::owners(16),
        identity_min: Identity::Professional,
        flags: Flags(3),
        tag: Hash([0xff; 32]),
        ..words::bid()
    }
}

fn orders(market: &Parameters) -> Vec<Case> {
    let chainless = &words::chainless();
    let named = Order {
        counterparty: CONSUMER.address(),
        flags: Flags::OUTBOUND,
        identity_min: Identity::Registered,
        tag: keccak256(&[b"tag"]),
        ..words::ask()
    };
    let least = Order {
        capacity: Capacity::new([(Metric::CpuThreads, 1)]),
        lots: 1,
        price: Price(1),
        duration_min_s: 1,
        duration_max_s: 1,
        billed_min_s: 0,
        expiry_epoch: words::EPOCH + 1,
        ..words::bid()
    };
    vec![
        Case::own("an ask", market, words::ask(), SUPPLIER),
        Case::own("a bid", market, words::bid(), CONSUMER),
        Case::own("a bid of the least of everything", market, least, CONSUMER),
        Case::own("a bid that excludes one", market, Order { excluded: words::owners(1), ..words::bid() }, CONSUMER),
        Case::own("a bid of the most of everything", market, extreme(), CONSUMER),
        Case::own("an ask with counterparty, flags, identity and tag", market, named, SUPPLIER),
        Case::own("an ask in a market without a chain", chainless, words::ask(), SUPPLIER),
        Case::own("a cancel", market, words::cancel(), SUPPLIER),
        Case::own("a cancel in a market without a chain", chainless, words::cancel(), SUPPLIER),
    ]
}

/// `count` asks of the supplier in slots of their own.
pub fn asks(count: u16) -> Vec<Body> {
    let price = |slot: u16| Price(5_000_000_000_000 + u128::from(slot));
    (0..count).map(|slot| Body::from(Order { slot, price: price(slot), ..words::ask() })).collect()
}

fn bulk(market: &Parameters) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |what: &str, bodies: Vec<Body>, shown: &[usize]| {
        let authorities = bulk_signed(market, &bodies, SUPPLIER);
        for &index in shown {
            let name = format!("leaf {index} of {what}");
            cases.push(Case::new(&name, market, bodies[index].clone(), authorities[index].clone()));
        }
    };
    add("a bulk signature over one ask", asks(1), &[0]);
    add("a bulk signature over three asks", asks(3), &[0, 1, 2]);
    add("a bulk signature over four asks", asks(4), &[0, 1, 2, 3]);
    add("a bulk signature over 64 asks", asks(64), &[0, 41, 63]);
    let cancel = |slot| Body::from(protocol::Cancel { slot, ..words::cancel() });
    add("a bulk signature over two cancels", vec![cancel(0), cancel(1)], &[0, 1]);
    cases
}

/// The delegation of `scope` from `owner` to `delegate` with the owner's signature, ready for an authority.
pub fn granted(
    market: &Parameters,
    owner: Key,
    delegate: Key,
    scope: Scope,
) -> Option<Box<(protocol::Delegation, Signature)>> {
    let domain = market.domain();
    let delegation = words::delegation(owner.address(), delegate.address(), scope, &domain);
    let signature = owner.sign(&domain, &delegation.struct_hash());
    Some(Box::new((delegation, signature)))
}

/// `body` in the name of `owner`, signed by `delegate` in `scope`.
pub fn by_delegate(name: &str, market: &Parameters, body: impl Into<Body>, parties: (Key, Key), scope: Scope) -> Case {
    let body = body.into();
    let (owner, delegate) = parties;
    let signature = delegate.sign(&market.domain(), &body.struct_hash());
    let delegation = granted(market, owner, delegate, scope);
    Case::new(name, market, body, Authority { signature, bulk: None, delegation }).by(owner.address())
}

/// The supplier's delegate for everything signs `body` under a delegation that ends at `not_after`.
pub fn by_delegate_until(market: &Parameters, body: Body, not_after: u64) -> Authority {
    let domain = market.domain();
    let mut delegation = words::delegation(SUPPLIER.address(), SUPPLIERS_DELEGATE.address(), Scope::ALL, &domain);
    delegation.not_after = not_after;
    let owners = SUPPLIER.sign(&domain, &delegation.struct_hash());
    let signature = SUPPLIERS_DELEGATE.sign(&domain, &body.struct_hash());
    Authority { signature, bulk: None, delegation: Some(Box::new((delegation, owners))) }
}

fn delegated(market: &Parameters) -> Vec<Case> {
    let domain = &market.domain();
    let supply = (SUPPLIER, SUPPLIERS_DELEGATE);
    let consume = (CONSUMER, CONSUMERS_DELEGATE);
    let grant = |scope| words::delegation(SUPPLIER.address(), SUPPLIERS_DELEGATE.address(), scope, domain);
    let mut in_bulk = bulk_signed(market, &asks(2), SUPPLIERS_DELEGATE).remove(1);
    in_bulk.delegation = granted(market, SUPPLIER, SUPPLIERS_DELEGATE, Scope::ASK);
    let terms = words::terms(&words::ask(), &words::bid(), domain);
    let to_the_end = by_delegate_until(market, words::ask().into(), words::ends_s(&words::ask()));
    vec![
        Case::new("an ask by a delegate that ends with its delegation", market, words::ask(), to_the_end),
        Case::own("a delegation of asks", market, grant(Scope::ASK), SUPPLIER),
        Case::own("a delegation of everything", market, grant(Scope::ALL), SUPPLIER),
        by_delegate("an ask by a delegate", market, words::ask(), supply, Scope::ASK),
        by_delegate("a bid by a delegate for everything", market, words::bid(), consume, Scope::ALL),
        Case::new("leaf 1 of a delegate's bulk signature over two asks", market, asks(2).remove(1), in_bulk),
        by_delegate("a cancel by a delegate", market, words::cancel(), supply, Scope::CANCEL),
        by_delegate("deal terms by the consumer's delegate", market, terms, consume, Scope::DEAL),
        by_delegate(
            "an acknowledgement by a delegate",
            market,
            words::acknowledgement(domain),
            consume,
            Scope::ACKNOWLEDGE,
        ),
        by_delegate("a task by a delegate", market, words::task(domain), consume, Scope::TASK),
        by_delegate("a receipt by a delegate", market, words::receipt(domain), supply, Scope(64 | 8)),
    ]
}

fn deals(market: &Parameters) -> Vec<Case> {
    let domain = &market.domain();
    let terms = words::terms(&words::ask(), &words::bid(), domain);
    let consumer: Address = CONSUMER.address();
    vec![
        Case::own("deal terms by the supplier", market, terms.clone(), SUPPLIER),
        Case::own("deal terms by the consumer", market, terms, CONSUMER).by(consumer),
        Case::own("the consumer cancels", market, words::deal_end(EndCause::Cancelled, domain), CONSUMER),
        Case::own("the supplier fails", market, words::deal_end(EndCause::Failed, domain), SUPPLIER),
        Case::own("an acknowledgement", market, words::acknowledgement(domain), CONSUMER),
    ]
}

fn tasks(market: &Parameters) -> Vec<Case> {
    let domain = &market.domain();
    let bare = protocol::Task {
        kind: ProgramKind::OpenclPipeline,
        arguments: vec![],
        environment: vec![],
        inputs: vec![],
        outputs: vec![],
        ..words::task(domain)
    };
    let trapped =
        protocol::Receipt { outcome: Outcome::Trapped, code: u32::MAX, outputs: vec![], ..words::receipt(domain) };
    vec![
        Case::own("a task", market, words::task(domain), CONSUMER),
        Case::own("a task with empty lists", market, bare, CONSUMER),
        Case::own("a receipt", market, words::receipt(domain), SUPPLIER),
        Case::own("a receipt of a trap without outputs", market, trapped, SUPPLIER),
    ]
}

//! What a delegation must be like to let a delegate sign.

use protocol::{Address, Delegation, Hash, Rejected, Scope};

use crate::keys::{CONSUMER, SUPPLIER, SUPPLIERS_DELEGATE};
use crate::words::{self, NOW_S};
use crate::{Fine, Row, accept_each, refuse_each};

fn good() -> Delegation {
    let domain = words::settled("rules").domain();
    words::delegation(SUPPLIER.address(), SUPPLIERS_DELEGATE.address(), Scope(1 | 4), &domain)
}

fn check(delegation: &Delegation) -> Result<(), Rejected> {
    delegation.check(&SUPPLIER.address(), Scope::ASK, words::settled("rules").id(), NOW_S)
}

#[test]
fn each_bad_delegation_is_refused() {
    const NO: Rejected = Rejected::Delegation;
    let rows: &[Row<Delegation>] = &[
        ("another owner", |d| d.owner = CONSUMER.address(), NO),
        ("another market", |d| d.market.0 = Hash::ZERO, NO),
        ("another scope", |d| d.scope = Scope::BID, NO),
        ("no scope", |d| d.scope = Scope(0), NO),
        ("unknown bits of scope", |d| d.scope = Scope(1 | 256), NO),
        ("the owner as its own delegate", |d| d.delegate = d.owner, NO),
        ("nobody as delegate", |d| d.delegate = Address::ZERO, NO),
        ("over just now", |d| d.not_after = NOW_S, NO),
        ("not begun", |d| d.not_before = NOW_S + 1, NO),
        ("a time that runs backwards", |d| std::mem::swap(&mut d.not_before, &mut d.not_after), NO),
    ];
    refuse_each(&good(), rows, check);
}

#[test]
fn a_delegation_holds_from_its_first_to_its_last_second() {
    let rows: &[Fine<Delegation>] = &[
        ("the first second", |d| d.not_before = NOW_S),
        ("the last second", |d| d.not_after = NOW_S + 1),
        ("for ever", |d| (d.not_before, d.not_after) = (0, u64::MAX)),
        ("everything", |d| d.scope = Scope::ALL),
    ];
    accept_each(&good(), rows, check);
}

#[test]
fn a_scope_covers_exactly_its_bits() {
    let bits: Vec<Scope> = (0..8).map(|bit| Scope(1 << bit)).collect();
    for one in &bits {
        assert!(Scope::ALL.covers(*one) && one.covers(Scope(0)) && !one.covers(Scope::ALL));
        assert!(bits.iter().all(|other| one.covers(*other) == (one == other)));
    }
}

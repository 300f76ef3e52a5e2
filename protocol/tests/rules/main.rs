//! The rules of single words as tables, and what must hold of any word and any bytes on the wire.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod deal;
mod delegation;
#[allow(dead_code)]
#[path = "../vectors/keys.rs"]
mod keys;
mod order;
mod reconcile;
mod signed;
mod wire;
#[allow(dead_code)]
#[path = "../vectors/words.rs"]
mod words;

/// One row of a table: what was changed, the change, and the reason to refuse it.
type Row<T> = (&'static str, fn(&mut T), protocol::Rejected);
/// One row of a table of what is allowed: what was changed, and the change.
type Fine<T> = (&'static str, fn(&mut T));

/// Every row's change to `good` must be refused for the row's reason; `good` itself must pass.
fn refuse_each<T: Clone>(good: &T, rows: &[Row<T>], check: impl Fn(&T) -> Result<(), protocol::Rejected>) {
    assert_eq!(check(good), Ok(()));
    for (what, change, reason) in rows {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(check(&changed), Err(*reason), "{what}");
    }
}

/// Every change to `good` must leave it acceptable.
fn accept_each<T: Clone>(good: &T, rows: &[Fine<T>], check: impl Fn(&T) -> Result<(), protocol::Rejected>) {
    for (what, change) in rows {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(check(&changed), Ok(()), "{what}");
    }
}

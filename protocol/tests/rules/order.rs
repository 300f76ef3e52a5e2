//! What an order, a cancel and a task must be like before anybody looks at a clock or a book.

use protocol::order::{DURATION_MAX_S, EXCLUDED_MAX, LOTS_MAX};
use protocol::{Address, Cancel, Capacity, Flags, Metric, Order, Price, Rejected, Task};

use crate::words::{self, EPOCH};
use crate::{Fine, Row, accept_each, refuse_each};

/// A capacity that no constructor gives, by way of its JSON.
fn raw_capacity(scores: &[(u16, u64)]) -> Capacity {
    let json: Vec<_> =
        scores.iter().map(|(metric, value)| serde_json::json!({ "metric": metric, "value": value })).collect();
    serde_json::from_value(json.into()).unwrap()
}

fn first_excluded_is_owner(order: &mut Order) {
    order.excluded = vec![order.owner];
}

const BAD_ORDERS: &[Row<Order>] = &[
    ("no capacity", |o| o.capacity = Capacity::default(), Rejected::Capacity),
    ("unsorted capacity", |o| o.capacity = raw_capacity(&[(5, 1), (2, 1)]), Rejected::Capacity),
    ("a metric twice", |o| o.capacity = raw_capacity(&[(5, 1), (5, 1)]), Rejected::Capacity),
    ("a score of zero", |o| o.capacity = raw_capacity(&[(5, 0)]), Rejected::Capacity),
    ("an unknown metric", |o| o.capacity = raw_capacity(&[(999, 1)]), Rejected::Capacity),
    ("a metric of id zero", |o| o.capacity = raw_capacity(&[(0, 1)]), Rejected::Capacity),
    ("a rate of three digits", |o| o.capacity = raw_capacity(&[(2, 1_010)]), Rejected::Capacity),
    ("a price of zero", |o| o.price = Price(0), Rejected::PriceZero),
    ("no lots", |o| o.lots = 0, Rejected::Lots),
    ("too many lots", |o| o.lots = LOTS_MAX + 1, Rejected::Lots),
    ("lots whose capacity overflows", |o| o.capacity = raw_capacity(&[(5, u64::MAX)]), Rejected::Lots),
    ("a shortest duration of zero", |o| o.duration_min_s = 0, Rejected::Duration),
    ("no duration at all", |o| (o.duration_min_s, o.duration_max_s) = (0, 0), Rejected::Duration),
    ("a shortest duration above the longest", |o| o.duration_min_s = o.duration_max_s + 1, Rejected::Duration),
    ("too long a duration", |o| o.duration_max_s = DURATION_MAX_S + 1, Rejected::Duration),
    ("too long a billed time", |o| o.billed_min_s = 3_601, Rejected::Duration),
    ("a sum that overflows", |o| o.price = Price(u128::MAX), Rejected::TooLarge),
    ("no life", |o| o.expiry_epoch = o.from_epoch, Rejected::Life),
    ("a life that runs backwards", |o| o.expiry_epoch = o.from_epoch - 1, Rejected::Life),
    ("a life above 24 hours", |o| o.expiry_epoch = o.from_epoch + 43_201, Rejected::Life),
    ("a life until the end of time", |o| (o.from_epoch, o.expiry_epoch) = (0, u64::MAX), Rejected::Life),
    ("a slot that nobody has", |o| o.slot = 1_024, Rejected::Slot),
    ("no owner", |o| o.owner = Address::ZERO, Rejected::Parties),
    ("the owner as counterparty", |o| o.counterparty = o.owner, Rejected::Parties),
    ("17 exclusions", |o| o.excluded = words::owners(17), Rejected::Exclusions),
    ("unsorted exclusions", |o| o.excluded = words::owners(3).into_iter().rev().collect(), Rejected::Exclusions),
    ("an exclusion twice", |o| o.excluded = [words::owners(1), words::owners(1)].concat(), Rejected::Exclusions),
    ("the owner excluded", first_excluded_is_owner, Rejected::Exclusions),
    ("an unknown flag", |o| o.flags = Flags(4), Rejected::Flags),
    ("a known and an unknown flag", |o| o.flags = Flags(1 | 1 << 31), Rejected::Flags),
];

#[test]
fn each_bad_order_is_refused_for_its_own_reason() {
    let market = words::settled("rules");
    for order in [words::ask(), words::bid()] {
        refuse_each(&order, BAD_ORDERS, |order| order.check(&market));
    }
}

#[test]
fn an_order_at_a_limit_is_accepted() {
    let market = words::settled("rules");
    let rows: &[Fine<Order>] = &[
        ("the most lots", |o| o.lots = LOTS_MAX),
        ("the longest duration", |o| o.duration_max_s = DURATION_MAX_S),
        ("one duration", |o| o.duration_min_s = o.duration_max_s),
        ("the longest billed time", |o| o.billed_min_s = 3_600),
        ("nothing billed at least", |o| o.billed_min_s = 0),
        ("the highest price", |o| o.price = Price(u128::MAX / u128::from(o.lots) / u128::from(DURATION_MAX_S))),
        ("one epoch of life", |o| o.expiry_epoch = o.from_epoch + 1),
        ("24 hours of life", |o| o.expiry_epoch = o.from_epoch + 43_200),
        ("the last epochs of time", |o| (o.from_epoch, o.expiry_epoch) = (u64::MAX - 1, u64::MAX)),
        ("the last slot", |o| o.slot = 1_023),
        ("16 exclusions", |o| o.excluded = words::owners(EXCLUDED_MAX as u8)),
        ("every flag", |o| o.flags = Flags(3)),
        ("the last version", |o| o.version = u64::MAX),
        ("every metric", |o| o.capacity = Capacity::new(Metric::ALL.iter().map(|metric| (*metric, 99)))),
    ];
    accept_each(&words::ask(), rows, |order| order.check(&market));
}

#[test]
fn each_bad_cancel_is_refused_for_its_own_reason() {
    let market = words::settled("rules");
    let rows: &[Row<Cancel>] = &[
        ("a slot that nobody has", |c| c.slot = 1_024, Rejected::Slot),
        ("no owner", |c| c.owner = Address::ZERO, Rejected::Parties),
        ("no life", |c| c.expiry_epoch = c.from_epoch, Rejected::Life),
        ("a life that runs backwards", |c| c.expiry_epoch = EPOCH, Rejected::Life),
        ("a life above 24 hours", |c| c.expiry_epoch = c.from_epoch + 43_201, Rejected::Life),
    ];
    refuse_each(&words::cancel(), rows, |cancel| cancel.check(&market));
}

#[test]
fn an_order_does_not_admit_itself_the_excluded_or_a_third_party() {
    let others = words::owners(3);
    let mut order = words::ask();
    assert!(order.admits(&others[0]) && !order.admits(&order.owner));
    order.excluded = vec![others[0]];
    assert!(!order.admits(&others[0]) && order.admits(&others[1]));
    order.counterparty = others[1];
    assert!(!order.admits(&others[0]) && order.admits(&others[1]) && !order.admits(&others[2]));
}

#[test]
fn each_bad_task_is_refused_for_its_own_reason() {
    let task = words::task(&words::settled("rules").domain());
    let rows: &[Row<Task>] = &[
        ("too many arguments", |t| t.arguments = vec![String::new(); 257], Rejected::TooLarge),
        ("too many inputs", |t| t.inputs = vec![words::file("a", 1); 257], Rejected::TooLarge),
        ("too long an argument", |t| t.arguments[0] = "x".repeat(4_097), Rejected::TooLarge),
        ("too long a variable", |t| t.environment[0].1 = "x".repeat(4_097), Rejected::TooLarge),
        ("an input outside", |t| t.inputs[0].path = "/etc/passwd".into(), Rejected::Terms),
        ("an output outside", |t| t.outputs[0] = "a/../../b".into(), Rejected::Terms),
        ("an output twice", |t| t.outputs[1] = t.outputs[0].clone(), Rejected::Terms),
        ("an output over an input", |t| t.outputs[0] = t.inputs[0].path.clone(), Rejected::Terms),
        ("a path of nothing", |t| t.outputs[0].clear(), Rejected::Terms),
    ];
    refuse_each(&task, rows, Task::check);
}

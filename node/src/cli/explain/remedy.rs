//! What would have made an order trade, as the words to type.

use matcher::clearing::explain::{Change, Explanation, Why};
use protocol::quantity::{Scale, display_seconds};
use protocol::{Flags, Metric, Side};

use super::obstacles::known;
use super::typed;

/// With which change it would have traded, or that there is none.
pub fn sentence(said: &Explanation) -> Option<String> {
    let more = if said.traded > 0 { "traded more" } else { "traded" };
    if let Some(Change::Price { price }) = &said.change {
        let would = typed(*price, said.side, said.price);
        let verb = if said.side == Side::Bid { "offered" } else { "asked" };
        // Prices that look alike are told apart to the last digit.
        let own = match would.ends_with("wei/s") {
            true => format!("{}wei/s", said.price.0),
            false => said.price.to_string(),
        };
        return Some(format!("It would have {more} at {would}; it {verb} {own}."));
    }
    match (&said.change, &said.why) {
        (Some(change), _) => Some(format!("It would have {more} {}.", words(change, said.side))),
        (None, Why::Unfit | Why::Scarce | Why::Price(_) | Why::Tie(_)) => {
            Some(format!("No change of one thing alone would have made it {}.", more.replace("traded", "trade")))
        }
        (None, Why::Whole | Why::LeftOut | Why::Alone) => None,
    }
}

/// `with --for 10m`.
fn words(change: &Change, side: Side) -> String {
    let flag = |of_bid: &'static str, of_ask: &'static str| if side == Side::Bid { of_bid } else { of_ask };
    let time = |flag: &str, seconds: u32| format!("with {flag} {}", display_seconds(seconds.into()));
    match change {
        Change::Price { price } => format!("at {price}"),
        Change::DurationMin { seconds } => time(flag("--at-least", "--from"), *seconds),
        Change::DurationMax { seconds } => time(flag("--for", "--to"), *seconds),
        Change::BilledMin { seconds } => time(flag("--max-billed", "--min-billed"), *seconds),
        Change::Capacity { metric, value: 0 } => format!("without {} {}", flag("--want", "--offer"), name(*metric)),
        Change::Capacity { metric, value } => {
            format!("with {} {}={}", flag("--want", "--offer"), name(*metric), figure(*metric, *value))
        }
        Change::Flags { flags } => format!("if it {} {}", flag("needed", "allowed"), network(*flags)),
        Change::IdentityMin { level } => format!("if {} owners did for it", known(*level)),
        Change::Admit { owner } => format!("without --except {owner}"),
        Change::Anyone => "without --only".into(),
    }
}

/// A metric's name.
pub fn name(metric: u16) -> String {
    Metric::from_id(metric).map_or_else(|| format!("metric {metric}"), |metric| metric.to_string())
}

/// A figure in people's units, if it can be read back so; else in base units.
pub fn figure(metric: u16, value: u64) -> String {
    let Some(metric) = Metric::from_id(metric) else { return value.to_string() };
    let unit = metric.row().unit;
    let text = Scale::display(unit, value);
    if value == 0 || Scale::parse(unit, &text) == Ok(value) { text } else { format!("{value}{}", unit.base()) }
}

/// Network needs in words.
pub fn network(flags: Flags) -> &'static str {
    match (flags.covers(Flags::INBOUND), flags.covers(Flags::OUTBOUND)) {
        (false, false) => "no network",
        (true, false) => "inbound network",
        (false, true) => "outbound network",
        (true, true) => "inbound and outbound network",
    }
}

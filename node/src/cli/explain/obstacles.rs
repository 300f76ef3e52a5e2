//! What stands between an order and those that it does not fit, in sentences.

use matcher::clearing::explain::{Explanation, Miss, Obstacle, What};
use protocol::quantity::display_seconds;
use protocol::{Identity, Side};

use super::counted;
use super::remedy::{figure, name, network};
use crate::cli::table::short;

/// A line for every kind of obstacle, and one for the closest order.
pub fn lines(said: &Explanation) -> Vec<String> {
    let facing = if said.side == Side::Ask { Side::Bid } else { Side::Ask };
    let mut lines: Vec<String> = said.obstacles.iter().map(|one| line(one, said.side, facing)).collect();
    if let Some(closest) = &said.closest {
        let misses: Vec<String> = closest.misses.iter().map(miss).collect();
        let (id, owner, price) = (short(&closest.order), closest.owner, closest.price);
        lines.push(format!("  the closest is the {facing} {id} of {owner} at {price}: {}", misses.join("; ")));
    }
    lines
}

fn line(one: &Obstacle, side: Side, facing: Side) -> String {
    let (singular, plural) = words(one.what, side);
    let all = counted(one.orders, facing, singular, plural);
    match (one.alone, one.orders) {
        (0, _) => format!("  {all}, among other things"),
        (alone, orders) if alone == orders => format!("  {all}"),
        (alone, _) => format!("  {all}, {alone} of them for that alone"),
    }
}

/// What keeps orders of the other side from one of `side`: of one, of many.
fn words(what: What, side: Side) -> (&'static str, &'static str) {
    let (is_bid, is_ask) = (side == Side::Bid, side == Side::Ask);
    match what {
        What::Capacity if is_bid => ("offers too little", "offer too little"),
        What::Capacity => ("wants more", "want more"),
        What::Duration => ("runs for other times", "run for other times"),
        What::Billed if is_bid => ("bills too much at least", "bill too much at least"),
        What::Billed => ("accepts less billed time", "accept less billed time"),
        What::Flags if is_bid => ("does not allow its network needs", "do not allow its network needs"),
        What::Flags => ("needs network that it does not allow", "need network that it does not allow"),
        What::AskIdentity if is_ask => ("wants an owner better known", "want an owner better known"),
        What::BidIdentity if is_bid => ("wants an owner better known", "want an owner better known"),
        What::AskIdentity | What::BidIdentity => ("is of an owner too little known", "are of owners too little known"),
        What::ExcludedByAsk if is_bid => ("excludes its owner", "exclude its owner"),
        What::ExcludedByBid if is_ask => ("excludes its owner", "exclude its owner"),
        What::ExcludedByAsk | What::ExcludedByBid => ("is excluded by it", "are excluded by it"),
        What::CounterpartyOfAsk if is_bid => ("trades with somebody else alone", "trade with somebody else alone"),
        What::CounterpartyOfBid if is_ask => ("trades with somebody else alone", "trade with somebody else alone"),
        What::CounterpartyOfAsk | What::CounterpartyOfBid => {
            ("is not of the one owner that it wants", "are not of the one owner that it wants")
        }
        What::SameOwner => ("has the same owner", "have the same owner"),
    }
}

/// One thing that an ask and a bid miss.
fn miss(miss: &Miss) -> String {
    let time = |seconds: u32| display_seconds(seconds.into());
    let span = |(from, to): (u32, u32)| if from == to { time(from) } else { format!("{} to {}", time(from), time(to)) };
    match miss {
        Miss::Capacity { metric, wanted, offered: 0 } => {
            format!("the bid wants {}={}, the ask has none", name(*metric), figure(*metric, *wanted))
        }
        Miss::Capacity { metric, wanted, offered } => {
            let (name, wanted, offered) = (name(*metric), figure(*metric, *wanted), figure(*metric, *offered));
            format!("the bid wants {name}={wanted}, the ask offers {offered}")
        }
        Miss::Duration { ask_s, bid_s } => format!("the ask runs for {}, the bid for {}", span(*ask_s), span(*bid_s)),
        Miss::Billed { asked_s, accepted_s } => {
            format!("the ask bills {} at least, the bid accepts {}", time(*asked_s), time(*accepted_s))
        }
        Miss::Flags { wanted, allowed } => {
            format!("the bid needs {}, the ask allows {}", network(*wanted), network(*allowed))
        }
        Miss::Identity { of, required, level } => {
            format!("the {of}'s owner is {}, not {}", known(*level), known(*required))
        }
        Miss::Excluded { by, owner } => format!("the {by} excludes {owner}"),
        Miss::Counterparty { by, only } => format!("the {by} trades with {only} alone"),
        Miss::SameOwner => "both have the same owner".into(),
    }
}

pub fn known(level: Identity) -> &'static str {
    match level {
        Identity::Anonymous => "anonymous",
        Identity::Registered => "registered",
        Identity::Identified => "identified",
        Identity::Professional => "professional",
    }
}

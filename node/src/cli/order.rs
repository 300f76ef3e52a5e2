//! What asks and bids have in common: placing, listing and withdrawing. Knows nothing of matching.

use clap::Args;
use protocol::quantity::display_seconds;
use protocol::{Address, Side};
use serde_json::json;

use super::context::Context;
use super::error::CliError;
use super::table::{ago, now_ms, short, table};
use super::{ids, node_metrics, units};
use crate::api::words::{ErrorWord, OrderRequest, OrderWord, OutcomeWord, PlacedWord};

/// The arguments that asks and bids share.
#[derive(Debug, Args)]
pub struct Common {
    /// How many such orders, each in a slot of its own: all of them or none.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub count: u8,
    /// How many lots of this capacity.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub lots: u32,
    /// How long one version of the order lives; the node renews it.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub life: String,
    /// Let the order end with its life.
    #[arg(long)]
    pub once: bool,
    /// Trade with this address alone.
    #[arg(long, value_name = "ADDRESS")]
    pub only: Option<String>,
    /// Never trade with this address; may be repeated, at most 16 times.
    #[arg(long, value_name = "ADDRESS")]
    pub except: Vec<String>,
}

impl Common {
    /// `--only` and `--except`.
    pub fn parties(&self) -> Result<(Option<Address>, Vec<Address>), CliError> {
        let only = self.only.as_deref().map(|text| units::address("--only", text)).transpose()?;
        let mut except = Vec::with_capacity(self.except.len());
        for text in &self.except {
            except.push(units::address("--except", text)?);
        }
        except.sort_unstable();
        except.dedup();
        if except.len() > protocol::order::EXCLUDED_MAX {
            let message = format!("--except names {} addresses; an order excludes at most 16", except.len());
            return Err(CliError::user("too_many_exclusions", message).next("leave some out"));
        }
        match only.filter(|only| except.contains(only)) {
            Some(only) => Err(CliError::user("no_counterparty", format!("{only} is both the only one and excepted"))
                .next("leave out --only or --except")),
            None => Ok((only, except)),
        }
    }
}

/// The shortest and the longest deal, in seconds, in this order.
pub fn check_span(flags: (&str, &str), from: u32, to: u32) -> Result<(), CliError> {
    if from > to {
        let message = format!("{} {} is longer than {} {}", flags.0, display(from), flags.1, display(to));
        return Err(CliError::user("bad_duration", message).next(format!("give {} the shorter time", flags.0)));
    }
    let longest = protocol::order::DURATION_MAX_S;
    if to > longest {
        let message = format!("{} {} is longer than a deal can be", flags.1, display(to));
        return Err(CliError::user("bad_duration", message).next(format!("at most {}", display(longest))));
    }
    Ok(())
}

fn display(seconds: u32) -> String {
    display_seconds(seconds.into())
}

/// Places `count` equal orders and says where each stands.
pub fn place(context: &Context, request: &OrderRequest, count: u8) -> Result<(), CliError> {
    let side = request.side;
    if count > 1 {
        let outcomes = context.client()?.place_list(&vec![request; count.into()])?;
        return answer_each(context, &outcomes, |place, outcome| match (&outcome.id, outcome.slot) {
            (Some(id), Some(slot)) => {
                format!("{side} {id} in slot {slot}, from epoch {}", outcome.from_epoch.unwrap_or_default())
            }
            _ => refusal(place, outcome.error.as_ref()),
        });
    }
    let placed = context.client()?.place(request)?;
    context.answer(&placed, |placed: &PlacedWord| {
        format!("{side} {} in slot {}, from epoch {}", placed.id, placed.slot, placed.from_epoch)
    })?;
    let next = match side {
        Side::Ask => "ask list",
        Side::Bid => "deal list",
    };
    context.note(&format!("  next: {}", context.command(next)))
}

/// Lists what became of each of several orders. If one is refused, the exit code says so; if none stands, that is the first
/// one's error.
pub fn answer_each(
    context: &Context,
    outcomes: &[OutcomeWord],
    line: impl Fn(usize, &OutcomeWord) -> String,
) -> Result<(), CliError> {
    let refused = outcomes.iter().filter_map(|outcome| outcome.error.as_ref());
    let count = refused.clone().count();
    if let (Some(first), true) = (refused.clone().next(), count == outcomes.len()) {
        let message = format!("none of {count} orders stands; the first one: {}", first.message);
        let details = serde_json::json!({ "orders": outcomes });
        let error = CliError::user(&first.code, message).with(details);
        return Err(first.next.iter().fold(error, |error, next| error.next(next)));
    }
    context.answer(&outcomes, |outcomes| {
        let lines = outcomes.iter().enumerate().map(|(place, outcome)| line(place + 1, outcome));
        lines.collect::<Vec<_>>().join("\n")
    })?;
    match count {
        0 => Ok(()),
        _ => {
            context.note(&format!("warning: {count} of {} orders are refused", outcomes.len()))?;
            Err(CliError::told())
        }
    }
}

/// The line of an order that is refused.
pub fn refusal(place: usize, error: Option<&ErrorWord>) -> String {
    let (code, message) = error.map_or(("unknown", ""), |error| (&*error.code, &*error.message));
    let next = error.and_then(|error| error.next.as_ref()).map(|next| format!("\n  next: {next}"));
    format!("{place}: refused, {code}: {message}{}", next.unwrap_or_default())
}

/// The node's own orders of one side.
#[derive(Debug, Args)]
pub struct List {
    /// Also those that were withdrawn or have expired.
    #[arg(long)]
    all: bool,
}

impl List {
    /// Lists them.
    pub fn run(self, context: &Context, side: Side) -> Result<(), CliError> {
        let mut orders = context.client()?.orders(side)?;
        orders.retain(|order| self.all || is_standing(order));
        context.answer(&orders, |orders| table_of(&orders.iter().collect::<Vec<_>>()))?;
        match orders.is_empty() {
            true => context.note(&format!("no {side}s: {}", context.command(&format!("{side} create --help")))),
            false => Ok(()),
        }
    }
}

/// Withdraw orders.
#[derive(Debug, Args)]
pub struct Cancel {
    /// The order's id, or its beginning.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// Every one of this side.
    #[arg(long)]
    all: bool,
}

impl Cancel {
    /// Withdraws; deals that were struck go on.
    pub fn run(self, context: &Context, side: Side) -> Result<(), CliError> {
        let client = context.client()?;
        let own = || -> Result<Vec<_>, CliError> {
            Ok(client.orders(side)?.into_iter().filter(is_standing).map(|order| order.id).collect())
        };
        let ids = match &self.id {
            Some(text) => vec![ids::resolve(text, "order", &context.command(&format!("{side} list")), own)?],
            None => own()?,
        };
        ids.iter().try_for_each(|id| client.withdraw(id))?;
        context.answer(&json!({"withdrawn": ids}), |_| {
            let lines: Vec<_> = ids.iter().map(|id| format!("withdrawn {id}")).collect();
            if lines.is_empty() { format!("no {side}s") } else { lines.join("\n") }
        })
    }
}

/// Whether the order trades, or will again when its deals are over.
fn is_standing(order: &OrderWord) -> bool {
    matches!(order.state.as_str(), "live" | "filled")
}

/// Orders as a table.
pub fn table_of(orders: &[&OrderWord]) -> String {
    let now = now_ms();
    let row = |order: &&OrderWord| {
        let owner = if order.is_own { "you".into() } else { order.owner.short() };
        let ends = match order.expires_ms > now {
            true => format!("in {}", display_seconds((order.expires_ms - now) / 1000)),
            false => ago(now, order.expires_ms),
        };
        vec![
            short(&order.id),
            order.side.to_string(),
            owner,
            format!("{}/{}", order.open_lots, order.lots),
            order.price_text.clone(),
            span(order.duration_min_s, order.duration_max_s),
            order.state.clone(),
            ends,
            node_metrics(&order.capacity, "-"),
        ]
    };
    let heads = ["ID", "SIDE", "OWNER", "LOTS", "PRICE", "FOR", "STATE", "ENDS", "ONE LOT"];
    table(&heads, &orders.iter().map(row).collect::<Vec<_>>())
}

fn span(from: u32, to: u32) -> String {
    if from == to { display(from) } else { format!("{}-{}", display(from), display(to)) }
}

//! `souk bid explain`, `souk ask explain`: why an order did not trade, in sentences. Knows nothing of how that is found out.

mod obstacles;
mod remedy;

use clap::Args;
use matcher::clearing::explain::{Explanation, Partner, Party, Rivalry, Why};
use protocol::money::Amount;
use protocol::{Price, Side};

use super::context::Context;
use super::error::CliError;
use super::ids;
use super::table::{grouped, short};

/// Why an order did not trade, or not whole.
#[derive(Debug, Args)]
pub struct Explain {
    /// The order's id, or its beginning.
    id: String,
    /// In which epoch [default: the newest one that it took part in].
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
}

impl Explain {
    /// Asks the node.
    pub fn run(self, context: &Context, side: Side) -> Result<(), CliError> {
        let client = context.client()?;
        let known = || -> Result<Vec<_>, CliError> {
            let book = client.book()?;
            let standing = if side == Side::Ask { book.asks } else { book.bids };
            Ok(client.orders(side)?.into_iter().chain(standing).map(|order| order.id).collect())
        };
        let id = ids::resolve(&self.id, "order", &context.command("market book"), known)?;
        context.answer(&client.explain(&id, self.epoch)?, text)
    }
}

/// An explanation for people.
fn text(said: &Explanation) -> String {
    let mut lines = vec![format!("{} {}", outcome(said), reason(said))];
    lines.extend(remedy::sentence(said));
    lines.extend(said.partners.iter().map(|partner| met(said.side, partner)));
    if let Why::Price(rivalry) | Why::Tie(rivalry) = &said.why {
        lines.extend(held(said.side, rivalry));
    }
    if !matches!(said.why, Why::Whole | Why::LeftOut | Why::Alone) {
        lines.extend(obstacles::lines(said));
    }
    lines.join("\n")
}

/// What became of it.
fn outcome(said: &Explanation) -> String {
    let (side, epoch) = (said.side, said.epoch);
    match (said.traded, said.lots) {
        (0, _) => format!("This {side} did not trade in epoch {epoch}:"),
        (traded, lots) if traded == lots => format!("This {side} traded whole in epoch {epoch}:"),
        (traded, lots) => format!("This {side} traded {traded} of {lots} lots in epoch {epoch}:"),
    }
}

/// Why no more of it traded.
fn reason(said: &Explanation) -> String {
    let facing = if said.side == Side::Ask { Side::Bid } else { Side::Ask };
    let fitting = fits(said.fitting.orders, facing);
    match &said.why {
        Why::Whole => format!("{}.", lots(said.lots.into())),
        Why::LeftOut => "there were more kinds of orders than one epoch clears, and its kind was left out. \
                         Which ones are changes from epoch to epoch."
            .into(),
        Why::Alone => format!("there was no {facing}."),
        Why::Unfit => format!("no {facing} fits it."),
        Why::Scarce => format!("it has every lot that fits it; {fitting}, with {} in all.", lots(said.fitting.lots)),
        Why::Price(rivalry) => format!("{fitting}, but {}", beaten(said.side, &rivalry.marginal)),
        Why::Tie(rivalry) => format!(
            "{fitting}, but not all {side}s of {} could trade; of equals the epoch's rank decides.",
            rivalry.marginal.price,
            side = said.side
        ),
    }
}

/// Who set the price that it did not reach.
fn beaten(side: Side, marginal: &Party) -> String {
    let price = marginal.price;
    match (side, marginal.side) {
        (Side::Bid, Side::Bid) => format!("the lots that it could pay for went to bids of {price} or more."),
        (Side::Bid, Side::Ask) => format!("the cheapest lots that are left for it cost {price}."),
        (Side::Ask, Side::Ask) => format!("the lots that would pay its price went to asks of {price} or less."),
        (Side::Ask, Side::Bid) => format!("the best that is left for it pays {price}."),
    }
}

fn met(side: Side, partner: &Partner) -> String {
    let verb = if side == Side::Ask { "sold to" } else { "bought from" };
    let (count, of) = (lots(partner.lots.lots.into()), partner.lots.owner);
    format!("  {count} {verb} {of} at {}, order {}", partner.price, short(&partner.lots.id))
}

/// Who holds what it wanted.
fn held(side: Side, rivalry: &Rivalry) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let verb = if side == Side::Ask { "sold to bids" } else { "got lots" };
    for holder in &rivalry.holders {
        let (id, owner, price) = (short(&holder.order), holder.owner, holder.price);
        lines.push(format!("  the {side} {id} of {owner} at {price} {verb} that fit it"));
    }
    let more = u64::from(rivalry.holders_in_all).saturating_sub(rivalry.holders.len() as u64);
    lines.extend((more > 0).then(|| format!("  and {} more {side}s", grouped(more))));
    lines
}

/// `3 asks fit it`.
fn fits(count: u32, side: Side) -> String {
    format!("{} it", counted(count, side, "fits", "fit"))
}

/// `1 ask fits`, `3 asks fit`.
fn counted(count: u32, side: Side, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {side} {one}") } else { format!("{} {side}s {many}", grouped(count.into())) }
}

fn lots(count: u64) -> String {
    if count == 1 { "1 lot".into() } else { format!("{} lots", grouped(count)) }
}

/// A price as it has to be typed so that it is read as no worse than `price`: a bid's is rounded up, an ask's down. In wei
/// where what rounding adds would be seen, or where it would not differ from `from`.
fn typed(price: Price, side: Side, from: Price) -> String {
    const NANO: u128 = 1_000_000_000;
    const EXACT_ENOUGH: u128 = 10_000;
    let nanos = price.0.checked_mul(3600).map(|an_hour| match side {
        Side::Bid => an_hour.div_ceil(NANO),
        Side::Ask => an_hour / NANO,
    });
    // Beyond 64 bits there are too many digits to be read again.
    let nanos = nanos.filter(|nanos| (EXACT_ENOUGH..1 << 64).contains(nanos));
    let text = nanos.map(|nanos| format!("{}/h", Amount(nanos * NANO)));
    match text.filter(|text| *text != from.to_string()) {
        Some(text) => text,
        None => format!("{}wei/s", price.0),
    }
}

#[cfg(test)]
mod tests;

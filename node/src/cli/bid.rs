//! `souk bid`: offers to buy.

use clap::{Args, Subcommand};
use protocol::{Flags, Side};

use super::context::Context;
use super::error::CliError;
use super::{explain, order, units};
use crate::api::words::OrderRequest;

/// Offers to buy capacity.
#[derive(Debug, Subcommand)]
pub enum Bid {
    /// Ask the market for capacity.
    Create(Create),
    /// The node's own bids.
    List(order::List),
    /// Withdraw bids; deals that were struck go on.
    Cancel(order::Cancel),
    /// Why a bid won no more, and the smallest change with which it would have.
    Explain(explain::Explain),
}

impl Bid {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Bid::Create(command) => order::place(context, &command.request()?, command.common.count),
            Bid::List(command) => command.run(context, Side::Bid),
            Bid::Cancel(command) => command.run(context, Side::Bid),
            Bid::Explain(command) => command.run(context, Side::Bid),
        }
    }
}

/// Ask the market for capacity.
#[derive(Debug, Args)]
pub struct Create {
    /// What one lot needs at least, METRIC=FIGURE; may be repeated.
    #[arg(long, value_name = "METRIC=FIGURE", required = true)]
    want: Vec<String>,
    /// The most to pay for one lot, such as 0.02SNM/h.
    #[arg(long)]
    price: String,
    /// How long the deal runs; it can be cancelled at any time.
    #[arg(long = "for", value_name = "TIME")]
    duration: String,
    /// Accept a shorter deal, but not less than this.
    #[arg(long, value_name = "TIME")]
    at_least: Option<String>,
    /// The most to accept as minimum billed time.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    max_billed: String,
    #[command(flatten)]
    common: order::Common,
}

impl Create {
    fn request(&self) -> Result<OrderRequest, CliError> {
        let capacity = units::capacity("--want", &self.want)?;
        let price = units::bid_price(&self.price)?;
        let duration_max_s = units::seconds("--for", &self.duration)?;
        let duration_min_s = match &self.at_least {
            Some(text) => units::seconds("--at-least", text)?,
            None => duration_max_s,
        };
        order::check_span(("--at-least", "--for"), duration_min_s, duration_max_s)?;
        let (counterparty, excluded) = self.common.parties()?;
        Ok(OrderRequest {
            side: Side::Bid,
            capacity,
            lots: self.common.lots,
            price,
            duration_min_s,
            duration_max_s,
            billed_min_s: units::seconds("--max-billed", &self.max_billed)?,
            counterparty,
            excluded,
            flags: Flags::default(),
            life_s: units::seconds("--life", &self.common.life)?,
            is_renewed: !self.common.once,
        })
    }
}

//! `souk ask`: offers to sell.

use clap::{Args, Subcommand};
use protocol::{Flags, Side};

use super::context::Context;
use super::error::CliError;
use super::{explain, order, units};
use crate::api::words::OrderRequest;

/// Offers to sell capacity.
#[derive(Debug, Subcommand)]
pub enum Ask {
    /// Offer what was measured, or a part of it.
    Create(Create),
    /// The node's own asks.
    List(order::List),
    /// Withdraw asks; deals that were struck go on.
    Cancel(order::Cancel),
    /// Why an ask sold no more, and the smallest change with which it would have.
    Explain(explain::Explain),
}

impl Ask {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Ask::Create(command) => order::place(context, &command.request()?, command.common.count),
            Ask::List(command) => command.run(context, Side::Ask),
            Ask::Cancel(command) => command.run(context, Side::Ask),
            Ask::Explain(command) => command.run(context, Side::Ask),
        }
    }
}

/// Offer what was measured, or a part of it.
#[derive(Debug, Args)]
pub struct Create {
    /// What one lot is, METRIC=FIGURE; may be repeated [default: everything measured, split by --lots].
    #[arg(long, value_name = "METRIC=FIGURE")]
    offer: Vec<String>,
    /// The least to take for one lot, such as 0.02SNM/h.
    #[arg(long)]
    price: String,
    /// The shortest deal.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    from: String,
    /// The longest deal.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    to: String,
    /// What is billed at least.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    min_billed: String,
    #[command(flatten)]
    common: order::Common,
}

impl Create {
    fn request(&self) -> Result<OrderRequest, CliError> {
        let capacity = units::capacity("--offer", &self.offer)?;
        let price = units::ask_price(&self.price)?;
        let duration_min_s = units::seconds("--from", &self.from)?;
        let duration_max_s = units::seconds("--to", &self.to)?;
        order::check_span(("--from", "--to"), duration_min_s, duration_max_s)?;
        let (counterparty, excluded) = self.common.parties()?;
        Ok(OrderRequest {
            side: Side::Ask,
            capacity,
            lots: self.common.lots,
            price,
            duration_min_s,
            duration_max_s,
            billed_min_s: units::seconds("--min-billed", &self.min_billed)?,
            counterparty,
            excluded,
            flags: Flags::default(),
            life_s: units::seconds("--life", &self.common.life)?,
            is_renewed: !self.common.once,
        })
    }
}

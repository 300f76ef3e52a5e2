//! `souk market book`: every live order that the node knows, best price first. Decides nothing.

use clap::Args;

use crate::api::words::BookWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::order;

/// All live orders.
#[derive(Debug, Args)]
pub struct Book {}

impl Book {
    /// Asks the node for its book.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let book = context.client()?.book()?;
        context.answer(&book, text)?;
        match book.asks.is_empty() && book.bids.is_empty() {
            true => context.note("the book is empty: souk ask create, souk bid create"),
            false => Ok(()),
        }
    }
}

fn text(book: &BookWord) -> String {
    let orders: Vec<_> = book.asks.iter().chain(&book.bids).collect();
    format!("epoch {}\n{}", book.epoch, order::table_of(&orders))
}

//! `souk market verify`: checks a past epoch on this machine, from a file or from what the node answers, and believes neither.

mod signatures;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use matcher::audit::{self, Claimed, Flaw};
use matcher::{Clearing, SealedBook};
use protocol::{Hash, MarketId, Recovery};
use serde::Serialize;

use super::sealed_file;
use crate::api::words::surplus_text;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::here;
use crate::cli::table::{facts, grouped, millis_text};
use crate::market_file::MarketFile;

/// Whether a past epoch was cleared as it had to be, without believing any node.
#[derive(Debug, Args)]
pub struct Verify {
    /// Which epoch of the running node [default: the last one].
    #[arg(long, value_name = "N", conflicts_with = "book")]
    epoch: Option<u64>,
    /// A file that `souk market export` wrote, - for stdin; no node is asked.
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
    /// The file of the market that it must be of [default: the one that was joined].
    #[arg(long, value_name = "FILE")]
    market: Option<PathBuf>,
    /// Believe the certificate, and do not clear again.
    #[arg(long)]
    certificate_only: bool,
}

/// What was found right.
#[derive(Debug, Serialize)]
struct VerifiedWord {
    epoch: u64,
    market: MarketId,
    market_name: String,
    /// Whether it was compared with a market file.
    is_known_market: bool,
    orders: usize,
    asks: usize,
    bids: usize,
    signatures: usize,
    sealed_root: Hash,
    matches: usize,
    lots: u64,
    surplus: String,
    surplus_text: String,
    root: Hash,
    /// Whether it was also cleared again.
    is_cleared_again: bool,
    took: Took,
}

/// How long each part took.
#[derive(Debug, Default, Serialize)]
struct Took {
    signatures_ms: u64,
    certificate_ms: u64,
    clearing_ms: Option<u64>,
}

impl Verify {
    /// Reads, checks, and says what holds; the first thing that does not is the error.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let (name, bytes) = match &self.book {
            Some(path) => (path.display().to_string(), sealed_file::bytes_of(path)?),
            None => ("the node's answer".to_owned(), context.client()?.sealed_book(self.epoch)?.into_bytes()),
        };
        let (claimed, clearing) = sealed_file::parse(&name, &bytes)?;
        drop(bytes);
        let known = here::known_market(&context.data, self.market.as_deref())?;
        ensure_same_market(&name, &claimed, known.as_ref())?;
        if let Some(wanted) = self.epoch.filter(|wanted| *wanted != claimed.epoch) {
            let message = format!("{name} is of epoch {}, not {wanted}", claimed.epoch);
            return Err(CliError::user("other_epoch", message).next("do not trust this node: ask another"));
        }
        let failed = |flaw: Flaw| self.failed(&name, flaw);
        let (market_name, mut took) = (claimed.parameters.name.clone(), Took::default());
        let began = Instant::now();
        let (book, signatures) = sealed(claimed).map_err(failed)?;
        took.signatures_ms = lap(began);
        let began = Instant::now();
        audit::examine(&book, &clearing).map_err(failed)?;
        took.certificate_ms = lap(began);
        if !self.certificate_only {
            let began = Instant::now();
            audit::repeat(&book, &clearing).map_err(failed)?;
            took.clearing_ms = Some(lap(began));
        }
        let word = VerifiedWord {
            is_known_market: known.is_some(),
            is_cleared_again: !self.certificate_only,
            ..word(&book, &clearing, (market_name, signatures, took))
        };
        context.answer(&word, text)
    }

    fn failed(&self, name: &str, flaw: Flaw) -> CliError {
        let next = match (&flaw, &self.book) {
            (Flaw::TooMany { .. }, _) => "check that it is the file that you mean",
            (Flaw::Parameters(_) | Flaw::Market { .. }, _) => {
                "use the version of souk that it was written with; else do not trust where it comes from"
            }
            (_, Some(_)) => "do not trust where the file comes from: get it from another node, by souk market export",
            (_, None) => "do not trust this node: get the epoch from another, by souk market export",
        };
        CliError::user(flaw.code(), format!("{name}: {flaw}")).next(next)
    }
}

fn ensure_same_market(name: &str, claimed: &Claimed, known: Option<&MarketFile>) -> Result<(), CliError> {
    let Some(known) = known.filter(|known| known.id != claimed.market) else { return Ok(()) };
    let (theirs, ours) = (&claimed.parameters.name, &known.market.name);
    let message = format!("{name} is of market {theirs} {}, not of {ours} {}", claimed.market, known.id);
    Err(CliError::user("other_market", message).next("give the file of its market with --market FILE"))
}

/// The book, once every order and every signature is found right; and how many recoveries that took.
fn sealed(claimed: Claimed) -> Result<(SealedBook, usize), Flaw> {
    let screened = claimed.screen()?;
    let work: Vec<Recovery> = screened.work().copied().collect();
    let book = screened.sealed(signatures::first_failed(&work))?;
    Ok((book, work.len()))
}

fn lap(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn word(book: &SealedBook, clearing: &Clearing, parts: (String, usize, Took)) -> VerifiedWord {
    let (market_name, signatures, took) = parts;
    VerifiedWord {
        epoch: book.epoch,
        market: book.market,
        market_name,
        is_known_market: false,
        orders: book.len(),
        asks: book.asks.len(),
        bids: book.bids.len(),
        signatures,
        sealed_root: book.root,
        matches: clearing.pairs.len(),
        lots: clearing.pairs.iter().map(|pair| u64::from(pair.lots)).sum(),
        surplus: clearing.surplus.to_string(),
        surplus_text: surplus_text(&clearing.surplus),
        root: clearing.root,
        is_cleared_again: false,
        took,
    }
}

/// `1 ask`, `2 asks`.
fn many(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(number)) }
}

fn text(word: &VerifiedWord) -> String {
    let count = |number: usize| grouped(number as u64);
    let market = match word.is_known_market {
        true => format!("{} {}, as its file says", word.market_name, word.market),
        false => format!("{} {}, compared with no file", word.market_name, word.market),
    };
    let again = match word.took.clearing_ms {
        Some(ms) => format!("to the same matches, surplus and root, in {}", millis_text(ms)),
        None => "no, as was asked".to_owned(),
    };
    let rows = [
        ("epoch", word.epoch.to_string()),
        ("market", market),
        (
            "orders",
            format!("{} ({}, {})", count(word.orders), many(word.asks as u64, "ask"), many(word.bids as u64, "bid")),
        ),
        ("signatures", format!("{} recovered, in {}", count(word.signatures), millis_text(word.took.signatures_ms))),
        ("sealed root", word.sealed_root.to_string()),
        ("matches", format!("{} of {}", count(word.matches), many(word.lots, "lot"))),
        ("surplus", word.surplus_text.clone()),
        ("root", word.root.to_string()),
        ("certificate", format!("holds, checked in {}", millis_text(word.took.certificate_ms))),
        ("cleared again", again),
    ];
    format!(
        "{}\n\nEvery order was signed by its owner or a delegate, the sealed root is that of these orders, and the matches \
         are\nthe ones that follow from them. Whether these were all the orders, other nodes' sealed roots tell:\n\
         souk market epoch {}",
        facts(&rows),
        word.epoch
    )
}

#[cfg(test)]
mod tests;

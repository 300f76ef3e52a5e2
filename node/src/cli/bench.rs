//! `souk bench`: has the node measure its machine and set aside the share that it sells. Measures nothing itself.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::node_metrics;
use super::progress;
use super::table::table;
use super::units;
use crate::api::words::{BenchRequest, BenchWord};

/// Measure this machine, so that its node can sell capacity.
#[derive(Debug, Args)]
pub struct Bench {
    /// How much of the machine the node may sell, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
    share: u8,
    /// How long to measure.
    #[arg(long, value_name = "TIME", default_value = "3s")]
    time: String,
}

impl Bench {
    /// Has the node measure.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let seconds = units::seconds("--time", &self.time)?;
        let request = BenchRequest { share_percent: self.share, budget_ms: u64::from(seconds) * 1000 };
        let client = context.client()?;
        let bench = progress::during("measuring this machine", || client.measure(&request))?;
        context.answer(&bench, text)?;
        context.note(&format!("  next: {}", context.command("ask create --price 0.02SNM/h")))
    }
}

/// What was measured and what of it is sold.
pub fn text(bench: &BenchWord) -> String {
    let rows: Vec<_> = bench.metrics.iter().map(|metric| vec![metric.id.clone(), metric.text.clone()]).collect();
    let sold = node_metrics(&bench.capacity, "nothing");
    format!("{}\n\nfor sale ({} %): {sold}", table(&["METRIC", "MEASURED"], &rows), bench.share_percent)
}

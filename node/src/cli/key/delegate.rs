//! `souk key delegate`: a cold key lets a node's hot key trade in its name. Runs no node and needs none.

use std::path::PathBuf;

use clap::Args;
use protocol::quantity::display_seconds;
use protocol::{Delegation, Scope};
use serde_json::json;

use crate::cli::context::{Context, quoted};
use crate::cli::error::CliError;
use crate::cli::passphrase::PassphraseSource;
use crate::cli::table::now_ms;
use crate::cli::{here, output, units};

/// It begins so long ago, so that nodes whose clocks are behind take it too.
const BACKDATED_S: u64 = 300;

/// Let the key of a node trade in this key's name, for a time.
#[derive(Debug, Args)]
pub struct Delegate {
    /// The node's address, as `souk key show` says it there.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The market's file [default: the one that was joined].
    #[arg(long, value_name = "FILE")]
    market: Option<PathBuf>,
    /// What it may sign: all, or some of ask,bid,cancel,deal,acknowledge,task,receipt,settle.
    #[arg(long, value_name = "WORDS", default_value = "all")]
    scope: String,
    /// For how long from now on.
    #[arg(long = "for", value_name = "TIME", default_value = "30d")]
    time: String,
    /// Where to write it; without it to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Delegate {
    /// Signs the delegation and writes its file, which holds no secret.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let delegate = units::address("--to", &self.to)?;
        let scope: Scope = self.scope.parse().map_err(|error| {
            CliError::user("bad_scope", format!("--scope {}: {error}", self.scope)).next("--scope all")
        })?;
        let seconds = units::seconds("--for", &self.time)?;
        let market = here::joined_market(&context.data, self.market.as_deref())?;
        let owner = here::stored_address(&context.data)?;
        if owner == delegate || delegate.is_zero() {
            let message = format!("--to {delegate}: an owner needs no delegation to itself, and nobody can act for it");
            return Err(CliError::user("bad_delegate", message).next("give the address of the node's own key"));
        }
        let passphrase = match here::key_needs_passphrase(&context.data)? {
            true => Some(self.passphrase.ask("the key")?),
            false => None,
        };
        let key = here::load_key(&context.data, passphrase.as_deref())?;
        let now_s = now_ms() / 1000;
        let delegation = Delegation {
            owner: key.address(),
            delegate,
            scope,
            not_before: now_s.saturating_sub(BACKDATED_S),
            not_after: now_s + u64::from(seconds),
            market: market.id,
        };
        let text = here::sign_grant(&key, delegation, &market);
        let Some(path) = &self.out else { return Ok(output::line(text.trim_end())?) };
        here::write_shared(path, &text)?;
        let word = json!({"owner": owner, "delegate": delegate, "scope": scope.to_string(), "path": path});
        let lasts = display_seconds(seconds.into());
        context
            .answer(&word, |_| format!("{delegate} may act for {owner}: {scope}, for {lasts}\n  {}", path.display()))?;
        context.note(&format!("  next, on the node's machine: souk key adopt {}", quoted(&path.display().to_string())))
    }
}

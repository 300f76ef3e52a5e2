//! `souk node run`: checks what was typed, opens the key and runs a node in this process. Knows no machine or socket.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::passphrase::PassphraseSource;
use crate::cli::{here, logs};

/// QUIC and TCP on every interface.
const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/7626/quic-v1", "/ip4/0.0.0.0/tcp/7626"];

/// Run a node until Ctrl-C or SIGTERM.
#[derive(Debug, Args)]
pub struct Run {
    /// The market's file; the one that was joined if left out.
    #[arg(long, value_name = "FILE")]
    market: Option<PathBuf>,
    /// Where to listen for peers; may be repeated.
    #[arg(long, value_name = "MULTIADDR", default_values = LISTEN)]
    listen: Vec<String>,
    /// A peer to meet first, ending in /p2p/ID; may be repeated.
    #[arg(long, value_name = "MULTIADDR")]
    bootstrap: Vec<String>,
    /// Where the local API listens; port 0 for any.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7625")]
    api: String,
    /// Do not look for peers on the local network.
    #[arg(long)]
    no_mdns: bool,
    /// Do not ask the router for a port.
    #[arg(long)]
    no_upnp: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// End when stdin closes, so that a child never outlives what started it.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

impl Run {
    /// Runs the node in this process.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let api = api_address(&self.api)?;
        self.listen.iter().try_for_each(|text| multiaddr("--listen", text))?;
        self.bootstrap.iter().try_for_each(|text| multiaddr("--bootstrap", text))?;
        if let Some(path) = &self.market {
            here::read_market(path)?;
        }
        let is_locked = here::key_needs_passphrase(&context.data)?;
        if let Some(warning) = here::permissions_warning(&context.data) {
            context.note(&format!("warning: {warning}"))?;
        }
        let passphrase = match is_locked {
            true => Some(self.passphrase.ask("the node's key")?),
            false => None,
        };
        logs::start(context.verbosity);
        here::run_node(here::NodeConfig {
            data: context.data.clone(),
            market: self.market,
            passphrase,
            listen: self.listen,
            bootstrap: self.bootstrap,
            api,
            is_mdns: !self.no_mdns,
            is_upnp: !self.no_upnp,
            is_bound_to_stdin: self.exit_with_stdin,
        })
    }
}

fn api_address(text: &str) -> Result<SocketAddr, CliError> {
    let wrong =
        |code, why: &str| Err(CliError::user(code, format!("--api {text}: {why}")).next("--api 127.0.0.1:7625"));
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => wrong("api_not_local", "the API has no encryption and stays on this machine"),
        Err(_) => wrong("bad_address", "expected an IP address and a port"),
    }
}

/// The first look only: the network layer reads it in full.
fn multiaddr(flag: &str, text: &str) -> Result<(), CliError> {
    match text.starts_with('/') {
        true => Ok(()),
        false => Err(CliError::user("bad_multiaddr", format!("{flag} {text}: a multiaddress begins with /"))
            .next(format!("write it as {flag} /ip4/127.0.0.1/udp/4001/quic-v1"))),
    }
}

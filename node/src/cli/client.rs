//! The client of a node's local HTTP API: every path the command line uses, with its errors. Knows no command.

use std::path::Path;
use std::time::Duration;

use matcher::clearing::explain::Explanation;
use protocol::{Address, Hash, Side};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::error::CliError;
use super::here;
use crate::api::agreement::EquivocationWord;
use crate::api::words::{
    BenchRequest, BenchWord, BookWord, ConnectRequest, DealWord, EpochWord, Failure, LimitWord, OrderRequest,
    OrderWord, OutcomeWord, PeerWord, PlacedWord, StatusWord, TaskRequest, TaskWord,
};

/// A node on this machine answers at once or never will.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// The longest a plain call may take: more than the API's own 10 s.
const CALL_MAX: Duration = Duration::from_secs(20);
/// What a measurement may take beyond its budget.
const BENCH_SLACK: Duration = Duration::from_secs(60);
/// Bytes of one uploaded piece of a file.
pub const PIECE: usize = 512 * 1024;
/// Bytes of one JSON answer that are read.
const ANSWER_MAX: u64 = 64 << 20;
/// Bytes of a sealed book with its clearing that are read; what is larger is refused. Ten times what a market's default
/// lets a node keep.
pub const BOOK_MAX: u64 = 1 << 30;
/// The longest that sending such a book may take.
const BOOK_TIME_MAX: Duration = Duration::from_secs(600);
/// Bytes of one file that are read into memory.
const FILE_MAX: u64 = 4 << 30;

/// One of a program's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// A piece of a program's stream.
#[derive(Debug)]
pub struct Piece {
    /// The bytes from the asked offset on.
    pub bytes: Vec<u8>,
    /// Whether the task is done or failed, so that no more will come once `bytes` is empty.
    pub is_over: bool,
}

/// A connection to the node that runs on one data folder.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    token: String,
    run: String,
}

impl Client {
    /// The client of the node on `data`; `run` is the command that starts one, for errors. Connects to nothing yet.
    ///
    /// # Errors
    /// `node_not_running` if the folder names no API, or the folder's own.
    pub fn open(data: &Path, run: &str) -> Result<Client, CliError> {
        let Some((address, token)) = here::api_of(data)? else {
            let message = format!("no node runs on {}", data.display());
            return Err(CliError::user("node_not_running", message).next(run));
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(CALL_MAX));
        let agent = config.build().new_agent();
        Ok(Client { agent, base: format!("http://{address}"), token: format!("Bearer {token}"), run: run.into() })
    }

    /// Where the API listens: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.base)
    }

    fn failed(&self, error: &ureq::Error) -> CliError {
        match error {
            ureq::Error::Timeout(_) | ureq::Error::BodyStalled => {
                CliError::ours("node_silent", format!("the node at {} does not answer in time", self.base))
                    .next("look at the node's log; stop it and start it again")
            }
            ureq::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => self.mismatch(error),
            ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
                CliError::user("node_not_running", format!("no node answers at {}", self.base)).next(&*self.run)
            }
            _ => self.mismatch(error),
        }
    }

    fn mismatch(&self, error: &dyn std::error::Error) -> CliError {
        let message = format!("{} answers what this command cannot read: {error}", self.base);
        CliError::ours("api_mismatch", message).next("use the same version of souk for the node and the command")
    }

    fn ensure_ok(&self, response: Response<Body>) -> Result<Response<Body>, CliError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.into_body().with_config().limit(ANSWER_MAX).lossy_utf8(true).read_to_string();
        let text = text.map_err(|error| self.failed(&error))?;
        match serde_json::from_str::<Failure>(&text) {
            Ok(failure) => Err(CliError::from_api(failure.error, status.as_u16())),
            Err(_) => {
                let message = format!("{} answers HTTP status {status} without a reason", self.base);
                Err(CliError::ours("api_mismatch", message)
                    .next("use the same version of souk for the node and the command"))
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, response: Result<Response<Body>, ureq::Error>) -> Result<T, CliError> {
        let response = self.ensure_ok(response.map_err(|error| self.failed(&error))?)?;
        let text = response.into_body().with_config().limit(ANSWER_MAX).read_to_string();
        let text = text.map_err(|error| self.failed(&error))?;
        serde_json::from_str(&text).map_err(|error| self.mismatch(&error))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.read(self.agent.get(self.url(path)).header("Authorization", &self.token).call())
    }

    fn post<T: DeserializeOwned>(&self, path: &str, word: &impl Serialize) -> Result<T, CliError> {
        self.read(self.agent.post(self.url(path)).header("Authorization", &self.token).send_json(word))
    }

    fn command<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.read(self.agent.post(self.url(path)).header("Authorization", &self.token).send_empty())
    }

    /// How the node is.
    pub fn status(&self) -> Result<StatusWord, CliError> {
        self.get("status")
    }

    /// Connected peers.
    pub fn peers(&self) -> Result<Vec<PeerWord>, CliError> {
        self.get("peers")
    }

    /// The limits in force.
    pub fn limits(&self) -> Result<Vec<LimitWord>, CliError> {
        self.get("limits")
    }

    /// The whole book.
    pub fn book(&self) -> Result<BookWord, CliError> {
        self.get("book")
    }

    /// The node's own orders of one side.
    pub fn orders(&self, side: Side) -> Result<Vec<OrderWord>, CliError> {
        self.get(&format!("orders?side={side}"))
    }

    /// Places an order.
    pub fn place(&self, order: &OrderRequest) -> Result<PlacedWord, CliError> {
        self.post("orders", order)
    }

    /// Places several orders: a slot for each or none for any.
    pub fn place_list(&self, orders: &[&OrderRequest]) -> Result<Vec<OutcomeWord>, CliError> {
        self.post("orders", &orders)
    }

    /// Hands in what somebody else signed.
    pub fn hand_in(&self, entries: &serde_json::Value) -> Result<Vec<OutcomeWord>, CliError> {
        self.post("orders/signed", entries)
    }

    /// Withdraws an own order.
    pub fn withdraw(&self, id: &Hash) -> Result<(), CliError> {
        self.delete(&format!("orders/{id}"))
    }

    /// Why an order did not trade, in `epoch` or in the newest one that it took part in.
    pub fn explain(&self, id: &Hash, epoch: Option<u64>) -> Result<Explanation, CliError> {
        match epoch {
            Some(epoch) => self.get(&format!("orders/{id}/explain?epoch={epoch}")),
            None => self.get(&format!("orders/{id}/explain")),
        }
    }

    fn delete(&self, path: &str) -> Result<(), CliError> {
        let response = self.agent.delete(self.url(path)).header("Authorization", &self.token).call();
        self.ensure_ok(response.map_err(|error| self.failed(&error))?).map(|_| ())
    }

    /// Connects to a peer; its address.
    pub fn connect(&self, multiaddr: &str) -> Result<Address, CliError> {
        self.post("peers", &ConnectRequest { multiaddr: multiaddr.to_owned() })
    }

    /// The addresses that are kept out.
    pub fn banned(&self) -> Result<Vec<Address>, CliError> {
        self.get("bans")
    }

    /// Keeps an address out.
    pub fn ban(&self, address: &Address) -> Result<(), CliError> {
        let request = self.agent.put(self.url(&format!("bans/{address}")));
        let response = request.header("Authorization", &self.token).send_empty();
        self.ensure_ok(response.map_err(|error| self.failed(&error))?).map(|_| ())
    }

    /// Lets a banned address in again.
    pub fn unban(&self, address: &Address) -> Result<(), CliError> {
        self.delete(&format!("bans/{address}"))
    }

    /// The last clearings, newest first.
    pub fn epochs(&self) -> Result<Vec<EpochWord>, CliError> {
        self.get("epochs")
    }

    /// One clearing; the last one without a number.
    pub fn epoch(&self, epoch: Option<u64>) -> Result<EpochWord, CliError> {
        match epoch {
            Some(epoch) => self.get(&format!("epochs/{epoch}")),
            None => self.get("epochs/latest"),
        }
    }

    /// All that it takes to check an epoch elsewhere, as JSON; of the last one if none is named.
    pub fn sealed_book(&self, epoch: Option<u64>) -> Result<String, CliError> {
        let epoch = epoch.map_or_else(|| "latest".to_owned(), |epoch| epoch.to_string());
        let request = self.agent.get(self.url(&format!("epochs/{epoch}/book"))).header("Authorization", &self.token);
        let response = request.config().timeout_global(Some(BOOK_TIME_MAX)).build().call();
        let response = self.ensure_ok(response.map_err(|error| self.failed(&error))?)?;
        let text = response.into_body().with_config().limit(BOOK_MAX).read_to_string();
        text.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => CliError::too_large(&format!("the book at {}", self.base), BOOK_MAX),
            error => self.failed(&error),
        })
    }

    /// Owners that signed the same lots twice.
    pub fn equivocations(&self) -> Result<Vec<EquivocationWord>, CliError> {
        self.get("equivocations")
    }

    /// The node's own deals.
    pub fn deals(&self) -> Result<Vec<DealWord>, CliError> {
        self.get("deals")
    }

    /// One own deal.
    pub fn deal(&self, id: &Hash) -> Result<DealWord, CliError> {
        self.get(&format!("deals/{id}"))
    }

    /// The consumer ends a deal.
    pub fn cancel_deal(&self, id: &Hash) -> Result<DealWord, CliError> {
        self.command(&format!("deals/{id}/cancel"))
    }

    /// Measures the node's machine; takes as long as the budget says, and a little.
    pub fn measure(&self, bench: &BenchRequest) -> Result<BenchWord, CliError> {
        let limit = Duration::from_millis(bench.budget_ms).saturating_add(BENCH_SLACK);
        let request = self.agent.post(self.url("bench")).header("Authorization", &self.token);
        self.read(request.config().timeout_global(Some(limit)).build().send_json(bench))
    }

    /// The node's own tasks.
    pub fn tasks(&self) -> Result<Vec<TaskWord>, CliError> {
        self.get("tasks")
    }

    /// One own task.
    pub fn task(&self, id: &Hash) -> Result<TaskWord, CliError> {
        self.get(&format!("tasks/{id}"))
    }

    /// Submits a task.
    pub fn submit(&self, task: &TaskRequest) -> Result<TaskWord, CliError> {
        self.post("tasks", task)
    }

    /// Stops a task.
    pub fn stop_task(&self, id: &Hash) -> Result<TaskWord, CliError> {
        self.command(&format!("tasks/{id}/stop"))
    }

    /// What a task wrote from offset `from` on; waits a few seconds for news.
    pub fn logs(&self, task: &Hash, stream: Stream, from: u64) -> Result<Piece, CliError> {
        let url = self.url(&format!("tasks/{task}/logs?stream={}&from={from}", stream.name()));
        let response = self.agent.get(url).header("Authorization", &self.token).call();
        let response = self.ensure_ok(response.map_err(|error| self.failed(&error))?)?;
        let state = response.headers().get("souk-task-state").and_then(|state| state.to_str().ok());
        let is_over = matches!(state, Some("done" | "failed"));
        let bytes = response.into_body().with_config().limit(ANSWER_MAX).read_to_vec();
        Ok(Piece { bytes: bytes.map_err(|error| self.failed(&error))?, is_over })
    }

    /// Sends one piece of a file.
    pub fn put_piece(&self, content: &Hash, offset: u64, bytes: &[u8], is_last: bool) -> Result<(), CliError> {
        let last = if is_last { "&last=true" } else { "" };
        // Another upload of the same file goes its own way.
        let session = std::process::id();
        let url = self.url(&format!("files/{content}?offset={offset}{last}&session={session}"));
        let request = self.agent.put(url).header("Authorization", &self.token);
        let response = request.header("Content-Type", "application/octet-stream").send(bytes);
        self.ensure_ok(response.map_err(|error| self.failed(&error))?).map(|_| ())
    }

    /// A whole file. No limit on the time: large files take long.
    pub fn file(&self, content: &Hash) -> Result<Vec<u8>, CliError> {
        let request = self.agent.get(self.url(&format!("files/{content}"))).header("Authorization", &self.token);
        let response = request.config().timeout_global(None).build().call();
        let response = self.ensure_ok(response.map_err(|error| self.failed(&error))?)?;
        let bytes = response.into_body().with_config().limit(FILE_MAX).read_to_vec();
        bytes.map_err(|error| self.failed(&error))
    }

    /// The stream of events, as server-sent events; ends when the node does.
    pub fn events(&self) -> Result<impl std::io::Read, CliError> {
        let request = self.agent.get(self.url("events")).header("Authorization", &self.token);
        let response = request.config().timeout_global(None).build().call();
        let response = self.ensure_ok(response.map_err(|error| self.failed(&error))?)?;
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }
}

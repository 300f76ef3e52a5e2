//! The steps of the story, in order. Each asks the nodes' APIs and waits for what it asked for, with a deadline.

use std::path::Path;
use std::time::Duration;

use matcher::DealState;
use protocol::capacity::{Rounding, round_two_digits};
use protocol::quantity::display_seconds;
use protocol::{Flags, Hash, Metric, Price, Side};

use super::report::{EpochRoots, MarketWord, NodeWord, RootWord, SupplierBench};
use super::screen::ProgramLines;
use super::story::{Done, Member, Story};
use crate::api::words::{BenchRequest, DealWord, EpochWord, MetricWord, OrderRequest, OrderWord, TaskWord};
use crate::cli::client::{Client, Stream};
use crate::cli::error::CliError;
use crate::cli::table::{bytes_text, short};
use crate::cli::task::plan::Plan;
use crate::cli::task::save::{Place, Saved};
use crate::cli::task::{follow, verdict};
use crate::cli::{deal, here, node_metrics};

/// Name, role and share of the machine of every node; the first is whom the others meet first.
const NODES: [(&str, &str); 5] = [
    ("supplier-1", "supplier"),
    ("supplier-2", "supplier"),
    ("consumer", "consumer"),
    ("observer-1", "observer"),
    ("observer-2", "observer"),
];
/// Shares of the two suppliers in percent: they differ, so that the market has a choice.
const SHARES: [u8; 2] = [60, 30];
/// Prices of the two suppliers and of the consumer, in millionths of an SNM an hour.
const ASK_PRICES: [u128; 2] = [30_000, 20_000];
const BID_PRICE: u128 = 50_000;
/// How long one supplier measures.
const BENCH_MS: u64 = 1_000;
const EPOCH_MS: u32 = 2_000;
/// How long a process may take to come up, and the five to meet.
const START_MAX: Duration = Duration::from_secs(30);
/// How long an order may take to reach everyone, and an epoch to clear.
const MARKET_MAX: Duration = Duration::from_secs(30);
/// Epochs that are looked at for five equal roots.
const EPOCHS_MAX: u64 = 5;

/// What the bid asks for.
pub struct Wanted {
    /// Metric names and base units; empty for half of the smaller supplier.
    pub capacity: Vec<(String, u64)>,
    /// How long the deal runs.
    pub duration_s: u32,
}

/// The market that `node` is in.
pub fn market_word(node: &Member) -> MarketWord {
    let market = node.status.market.clone();
    MarketWord { id: market.id, name: market.name, chain: market.chain, chain_text: market.chain_text }
}

impl Story {
    /// Five processes that know each other.
    pub fn start(&mut self) -> Result<Done<Vec<Member>>, CliError> {
        let market = self.root.join("souk-market.toml");
        std::fs::create_dir_all(&self.root).map_err(|error| CliError::writing(&self.root, &error))?;
        if !market.exists() {
            here::write_market(&here::new_market("devnet", EPOCH_MS, Vec::new())?, &market)?;
        }
        let (first, others) = (NODES[0], &NODES[1..]);
        self.launch(first.0, &market, &[])?;
        let mut nodes = vec![self.await_up(first)?];
        let meet = nodes[0].word.listeners.clone();
        for (name, _) in others {
            self.launch(name, &market, &meet)?;
        }
        for node in others {
            nodes.push(self.await_up(*node)?);
        }
        for (index, node) in nodes.iter().enumerate() {
            let least = if index == 0 { others.len() } else { 1 };
            self.until(&format!("{} meeting {least} peers", node.word.name), START_MAX, || {
                Ok((node.client.status()?.peers >= least).then_some(()))
            })?;
        }
        let names: Vec<_> =
            nodes.iter().map(|node| format!("{} {}", node.word.name, node.word.address.short())).collect();
        Ok(Done::new(nodes, "started five nodes").details(vec![names.join(" · ")]))
    }

    fn launch(&self, name: &'static str, market: &Path, meet: &[String]) -> Result<(), CliError> {
        let data = self.root.join(name);
        here::data_folder(&data)?;
        if !here::has_key(&data)? {
            here::save_key(&data, &here::generate_key()?, None)?;
        }
        here::forget_api(&data)?;
        let market = market.display().to_string();
        let fixed =
            ["--market", &market, "--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--api", "127.0.0.1:0", "--no-mdns"];
        let meet = meet.iter().flat_map(|address| ["--bootstrap", address.as_str()]);
        let arguments: Vec<String> = fixed.into_iter().chain(meet).map(String::from).collect();
        self.spawn(name, &data, &arguments)
    }

    fn await_up(&self, (name, role): (&'static str, &'static str)) -> Result<Member, CliError> {
        let data = self.root.join(name);
        self.until(&format!("the start of {name}"), START_MAX, || {
            if here::api_of(&data)?.is_none() {
                return Ok(None);
            }
            let client = Client::open(&data, "souk devnet")?;
            let status = match client.status() {
                Err(error) if error.code == "node_not_running" => return Ok(None),
                answer => answer?,
            };
            if status.listeners.is_empty() {
                return Ok(None);
            }
            let (listeners, api) = (status.listeners.clone(), client.base().to_string());
            let word = NodeWord { name, role, address: status.address, listeners, api, data: data.clone() };
            Ok(Some(Member { word, client, status }))
        })
    }

    /// Both suppliers know what they can sell. One after the other: they share one machine.
    pub fn measure(&mut self, suppliers: [&Member; 2]) -> Result<Done<Vec<SupplierBench>>, CliError> {
        let mut benches = Vec::with_capacity(suppliers.len());
        let mut lines = Vec::with_capacity(suppliers.len());
        for (node, share_percent) in suppliers.into_iter().zip(SHARES) {
            let bench = node.client.measure(&BenchRequest { share_percent, budget_ms: BENCH_MS })?;
            let sold = node_metrics(&bench.capacity, "nothing");
            lines.push(format!("{} sells {share_percent} %: {sold}", node.word.name));
            benches.push(SupplierBench { name: node.word.name, bench });
        }
        Ok(Done::new(benches, "measured both suppliers").details(lines))
    }

    /// Two asks that everyone knows, and a bid that both can serve.
    pub fn offer(
        &mut self,
        nodes: &[Member],
        benches: &[SupplierBench],
        wanted: &Wanted,
    ) -> Result<Done<(Vec<OrderWord>, OrderWord)>, CliError> {
        let capacity = wanted_capacity(benches, wanted)?;
        let mut asks = Vec::with_capacity(benches.len());
        for (node, micros) in nodes.iter().zip(ASK_PRICES) {
            let request = request(Side::Ask, Vec::new(), price(micros), (60, 86_400.max(wanted.duration_s)));
            asks.push(place(&node.client, &request)?);
        }
        for node in nodes {
            self.until(&format!("both asks reaching {}", node.word.name), MARKET_MAX, || {
                let book = node.client.book()?;
                let has = |ask: &OrderWord| book.asks.iter().any(|known| known.id == ask.id);
                Ok(asks.iter().all(has).then_some(()))
            })?;
        }
        let span = (wanted.duration_s, wanted.duration_s);
        let bid = place(&nodes[2].client, &request(Side::Bid, capacity, price(BID_PRICE), span))?;
        let mut lines: Vec<_> = asks.iter().zip(nodes).map(|(ask, node)| order_line(ask, node.word.name)).collect();
        lines.push(order_line(&bid, "consumer"));
        Ok(Done::new((asks, bid), "posted two asks and a bid, all signed").details(lines))
    }

    /// An epoch with these orders, cleared by every node for itself.
    pub fn clear(&mut self, nodes: &[Member], bid: &OrderWord) -> Result<Done<EpochRoots>, CliError> {
        let has_bid = |epoch: &EpochWord| epoch.matches.iter().any(|found| found.bid == bid.id);
        let first = self.until("a clearing that matches the bid", MARKET_MAX, || {
            Ok(nodes[2].client.epochs()?.into_iter().find(has_bid).map(|epoch| epoch.epoch))
        })?;
        let mut roots = self.roots_of(nodes, first)?;
        for later in 1..EPOCHS_MAX {
            if roots.are_equal {
                break;
            }
            // An order that came late to one node makes one epoch differ; the next one must not.
            self.screen.clear();
            self.screen.roots(&roots)?;
            roots = self.roots_of(nodes, first + later)?;
        }
        if !roots.are_equal {
            let message = format!("the nodes' roots differ in {EPOCHS_MAX} epochs from {first} on");
            return Err(CliError::ours("roots_differ", message));
        }
        let text = format!("cleared epoch {}: {} orders, {} match", roots.epoch, roots.orders, roots.matches);
        let shown = roots.clone();
        Ok(Done::new(roots, text).showing(move |screen| screen.roots(&shown)))
    }

    fn roots_of(&self, nodes: &[Member], epoch: u64) -> Result<EpochRoots, CliError> {
        let mut roots = Vec::with_capacity(nodes.len());
        let (mut orders, mut matches) = (0, 0);
        for node in nodes {
            let name = node.word.name;
            let found = self.until(&format!("the clearing of epoch {epoch} on {name}"), MARKET_MAX, || {
                match node.client.epoch(Some(epoch)) {
                    Err(error) if error.code == "unknown_epoch" => Ok(None),
                    answer => answer.map(Some),
                }
            })?;
            (orders, matches) = (found.orders, found.matches.len());
            roots.push(RootWord { name, root: found.root, sealed_root: found.sealed_root });
        }
        let are_equal =
            roots.windows(2).all(|pair| (pair[0].root, pair[0].sealed_root) == (pair[1].root, pair[1].sealed_root));
        Ok(EpochRoots { epoch, orders, matches, roots, are_equal })
    }

    /// The deal with both signatures, running.
    pub fn strike(&mut self, consumer: &Member, nodes: &[Member]) -> Result<Done<DealWord>, CliError> {
        let mut failed = String::from("no deal");
        let struck = self.until("a deal signed by both sides", MARKET_MAX, || {
            let mine = consumer.client.deals()?;
            if let Some(deal) = mine.iter().find(|deal| deal.state == DealState::Failed) {
                failed = deal.reason_text.clone().unwrap_or_default();
            }
            Ok(mine.into_iter().find(|deal| deal.state == DealState::Running))
        });
        let deal = struck.map_err(|error| {
            let message = format!("{}; the last try: {failed}", error.message);
            CliError { message, ..error }
        })?;
        let supplier = nodes.iter().find(|node| node.word.address == deal.terms.supplier());
        let name = supplier.map_or("a supplier", |node| node.word.name);
        let epoch_ms = u64::from(consumer.status.market.epoch_ms);
        let after_ms = deal.started_ms.unwrap_or(0).saturating_sub((deal.terms.epoch + 1) * epoch_ms);
        let lines = vec![
            format!("deal {}", deal.id),
            format!("{name} sells {} for {}", node_metrics(&deal.bought, "-"), deal.price_text),
            format!(
                "signed by both {after_ms} ms after the epoch's end, and runs for {}",
                display_seconds(deal.duration_s)
            ),
        ];
        Ok(Done::new(deal, format!("struck a deal with {name}")).details(lines))
    }

    /// The program and its inputs are at the consumer's node, and the task is submitted.
    pub fn send(&mut self, consumer: &Member, deal: &DealWord, plan: &Plan) -> Result<Done<Hash>, CliError> {
        let mut plan = plan.clone();
        plan.request.deal = Some(deal.id);
        let task = plan.submit(&consumer.client)?;
        self.screen.clear();
        let line = format!("{} {}", short(&plan.program()), plan.request.arguments.join(" "));
        Ok(Done::new(task.id, format!("sent the program as task {}", short(&task.id))).details(vec![line]))
    }

    /// Its words as it runs, up to its end.
    pub fn follow(&mut self, consumer: &Member, task: &Hash) -> Result<Done<TaskWord>, CliError> {
        self.screen.clear();
        let screen = self.screen;
        let client = &consumer.client;
        let copy = |stream| {
            let mut lines = ProgramLines::new(screen);
            follow::follow(client, task, stream, &mut |bytes| Ok(lines.push(bytes)?))?;
            Ok::<_, CliError>(lines.finish()?)
        };
        std::thread::scope(|scope| {
            let errors = scope.spawn(|| copy(Stream::Stderr));
            let output = copy(Stream::Stdout);
            output.and(errors.join().expect("copying does not panic"))
        })?;
        let word = follow::wait_over(client, task)?;
        Ok(Done::new(word, "ran it under wasmtime, inside the sandbox"))
    }

    /// The receipt holds, and the outputs have its hashes: recomputed here from the bytes that came.
    pub fn check(&mut self, consumer: &Member, task: &TaskWord) -> Result<Done<Vec<Saved>>, CliError> {
        // Its nodes are gone once this fails: the program's own words are all there is to look at.
        let told = |error: CliError| error.next("correct the program or what it was given; what it wrote stands above");
        verdict::check_of(task, &|arguments| format!("souk {arguments}")).map_err(told)?;
        let place = Place { folder: self.outputs.clone(), is_forced: true };
        let saved = place.save(&consumer.client, &task.outputs)?;
        let mut lines: Vec<_> = task.receipt.iter().map(verdict::summary).collect();
        lines.extend(
            saved
                .iter()
                .map(|file| format!("{} {}, blake3 as the receipt says", file.path.display(), bytes_text(file.bytes))),
        );
        Ok(Done::new(saved, "verified the signed receipt and the outputs").details(lines))
    }

    /// The consumer ends the deal early and sees what it used.
    pub fn cancel(&mut self, consumer: &Member, deal: &DealWord) -> Result<Done<DealWord>, CliError> {
        let over = consumer.client.cancel_deal(&deal.id)?;
        let lines = vec![deal::usage_text(&over)];
        Ok(Done::new(over, "cancelled the deal from the consumer's side").details(lines))
    }
}

/// Half of the smaller supplier in every metric that both have, or what the user wants if one of them has it.
fn wanted_capacity(benches: &[SupplierBench], wanted: &Wanted) -> Result<Vec<(String, u64)>, CliError> {
    let value = |bench: &SupplierBench, name: &str| {
        bench.bench.capacity.iter().find(|one| one.metric == name).map_or(0, |one| one.value)
    };
    if !wanted.capacity.is_empty() {
        let serves = |bench: &SupplierBench| wanted.capacity.iter().all(|(name, least)| value(bench, name) >= *least);
        return match benches.iter().any(serves) {
            true => Ok(wanted.capacity.clone()),
            false => Err(CliError::user("no_supplier", "neither supplier of this devnet has what --want asks for")
                .next(format!("want less than {}", node_metrics(&benches[0].bench.capacity, "nothing")))),
        };
    }
    let half = |one: &MetricWord| {
        let least = benches.iter().map(|bench| value(bench, &one.metric)).min().unwrap_or(0);
        let is_rate =
            one.metric.parse::<Metric>().is_ok_and(|metric| metric.row().kind == protocol::capacity::Kind::Rate);
        let half = if is_rate { round_two_digits(least / 2, Rounding::Up) } else { least / 2 };
        (half > 0).then(|| (one.metric.clone(), half))
    };
    Ok(benches.iter().take(1).flat_map(|bench| bench.bench.capacity.iter().filter_map(half)).collect())
}

fn price(micros: u128) -> Price {
    const SECONDS: u128 = 3_600;
    Price(micros * (protocol::money::WEI_PER_SNM / 1_000_000) / SECONDS)
}

fn request(side: Side, capacity: Vec<(String, u64)>, price: Price, span: (u32, u32)) -> OrderRequest {
    OrderRequest {
        side,
        capacity,
        lots: 1,
        price,
        duration_min_s: span.0,
        duration_max_s: span.1,
        billed_min_s: 60,
        counterparty: None,
        excluded: Vec::new(),
        flags: Flags::default(),
        life_s: 3_600,
        is_renewed: side == Side::Ask,
    }
}

/// Places the order and reads it back as it was signed.
fn place(client: &Client, request: &OrderRequest) -> Result<OrderWord, CliError> {
    let placed = client.place(request)?;
    let found = client.orders(request.side)?.into_iter().find(|order| order.slot == placed.slot);
    found.ok_or_else(|| CliError::ours("order_lost", format!("the {} that was placed is not listed", request.side)))
}

fn order_line(order: &OrderWord, name: &str) -> String {
    format!(
        "{} {} by {name}: {} at {}",
        order.side,
        short(&order.id),
        node_metrics(&order.capacity, "-"),
        order.price_text
    )
}

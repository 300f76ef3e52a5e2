//! What a run comes to: a row for each message at each node, and their summary. Knows files, no nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use protocol::talk::OrdersMessage;
use protocol::wire::{self, GOSSIP_MAX};
use protocol::{Entry, Hash};
use serde_json::{Value, json};

use super::run::Run;

pub const HEADER: &str = "message,origin,node,published_us,arrived_us,admitted_us,copies";

/// One message at one node that is not its origin. Times are from the publish call on.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    pub message: usize,
    pub origin: usize,
    pub node: usize,
    /// After the warm-up.
    pub published_us: u64,
    /// The first copy by gossip; none where neighbours brought it by comparing their sets, or nobody did.
    pub arrived_us: Option<u64>,
    pub admitted_us: Option<u64>,
    pub copies: u32,
}

/// Of one run.
pub struct Trace {
    pub deliveries: Vec<Delivery>,
    /// Copies that came back to where a message came from.
    pub copies_back: u32,
    /// Bytes of all received copies, without any envelope.
    pub payload_bytes: u64,
    pub bulk_bytes: usize,
    pub single_bytes: usize,
}

/// The first copy and how many, by message and node.
type Arrivals = BTreeMap<(usize, usize), (Instant, u32)>;

impl Trace {
    pub fn of(run: &Run) -> Trace {
        let (arrivals, mut trace) = arrivals(run);
        for (message, placed) in run.placed.iter().enumerate() {
            let since = |at: Instant| at.saturating_duration_since(placed.at).as_micros() as u64;
            for node in 0..run.plan.nodes {
                let arrival = arrivals.get(&(message, node));
                if node == placed.node {
                    trace.copies_back += arrival.map_or(0, |arrival| arrival.1);
                    continue;
                }
                let admitted: Option<Vec<Instant>> =
                    placed.ids.iter().map(|id| run.admitted[node].get(id).copied()).collect();
                trace.deliveries.push(Delivery {
                    message,
                    origin: placed.node,
                    node,
                    published_us: (placed.at - run.began).as_micros() as u64,
                    arrived_us: arrival.map(|arrival| since(arrival.0)),
                    admitted_us: admitted.and_then(|all| all.into_iter().max()).map(since),
                    copies: arrival.map_or(0, |arrival| arrival.1),
                });
            }
        }
        trace
    }

    pub fn deliveries_csv(&self) -> String {
        let mut text = format!("{HEADER}\n");
        let show = |time: Option<u64>| time.map(|us| us.to_string()).unwrap_or_default();
        for one in &self.deliveries {
            let (arrived, admitted) = (show(one.arrived_us), show(one.admitted_us));
            let Delivery { message, origin, node, published_us, copies, .. } = one;
            writeln!(text, "{message},{origin},{node},{published_us},{arrived},{admitted},{copies}").unwrap();
        }
        text
    }
}

fn arrivals(run: &Run) -> (Arrivals, Trace) {
    let message_of: BTreeMap<Hash, usize> = run
        .placed
        .iter()
        .enumerate()
        .flat_map(|(number, placed)| placed.ids.iter().map(move |id| (*id, number)))
        .collect();
    let mut trace = Trace { deliveries: Vec::new(), copies_back: 0, payload_bytes: 0, bulk_bytes: 0, single_bytes: 0 };
    let mut arrivals = Arrivals::new();
    for (node, heard) in run.heard.iter().enumerate() {
        for (bytes, heard) in heard {
            let Ok(OrdersMessage(entries)) = wire::decode(bytes, GOSSIP_MAX) else { continue };
            trace.payload_bytes += bytes.len() as u64 * u64::from(heard.copies);
            match entries.len() {
                1 => trace.single_bytes = trace.single_bytes.max(bytes.len()),
                _ => trace.bulk_bytes = trace.bulk_bytes.max(bytes.len()),
            }
            let messages: BTreeSet<usize> =
                entries.iter().filter_map(|entry: &Entry| message_of.get(&entry.id(&run.domain)).copied()).collect();
            for message in messages {
                let arrival = arrivals.entry((message, node)).or_insert((heard.first, 0));
                *arrival = (arrival.0.min(heard.first), arrival.1 + heard.copies);
            }
        }
    }
    (arrivals, trace)
}

/// A row for each node.
pub fn nodes_csv(run: &Run) -> String {
    let mut text = String::from("node,connections,mesh_start,mesh_end,bytes_in,bytes_out\n");
    for node in 0..run.plan.nodes {
        let (connections, (bytes_in, bytes_out)) = (run.connections[node], run.bytes[node]);
        let [start, end] = [0, 1].map(|when| run.mesh[when][node].len());
        writeln!(text, "{node},{connections},{start},{end},{bytes_in},{bytes_out}").unwrap();
    }
    text
}

/// A row for each pair of which the first has the second in its mesh, at the start or at the end.
pub fn links_csv(run: &Run) -> String {
    let edges = |when: usize| -> BTreeSet<(usize, usize)> {
        let of = |(node, peers): (usize, &Vec<usize>)| peers.iter().map(move |peer| (node, *peer)).collect::<Vec<_>>();
        run.mesh[when].iter().enumerate().flat_map(of).collect()
    };
    let (start, end) = (edges(0), edges(1));
    let mut text = String::from("a,b,start,end\n");
    for edge in start.union(&end) {
        let [at_start, at_end] = [&start, &end].map(|set| u8::from(set.contains(edge)));
        writeln!(text, "{},{},{at_start},{at_end}", edge.0, edge.1).unwrap();
    }
    text
}

/// Percentiles of one column.
fn parts(mut values: Vec<u64>) -> Value {
    values.sort_unstable();
    let part = |per_mille: usize| values.get((values.len().saturating_sub(1)) * per_mille / 1000).copied();
    json!({ "p50": part(500), "p90": part(900), "p99": part(990), "max": part(1000), "count": values.len() })
}

/// Arrival in per mille of the shortest way over `links`.
fn ratios(run: &Run, trace: &Trace, links: &[[usize; 2]]) -> Value {
    let shortest = run.plan.shortest_us(links);
    let of = |one: &Delivery| Some(one.arrived_us? * 1000 / shortest[one.origin][one.node].max(1));
    parts(trace.deliveries.iter().filter_map(of).collect())
}

pub fn summary(run: &Run, trace: &Trace) -> Value {
    let all = &trace.deliveries;
    let arrived: Vec<u64> = all.iter().filter_map(|one| one.arrived_us).collect();
    let admitted: Vec<u64> = all.iter().filter_map(|one| one.admitted_us).collect();
    let copies: u64 = all.iter().map(|one| u64::from(one.copies)).sum();
    let is_bulk = |one: &&Delivery| run.placed[one.message].ids.len() > 1;
    let by_sync = all.iter().filter(|one| one.admitted_us < one.arrived_us || one.arrived_us.is_none()).count();
    let of_bulk = |bulk: bool| all.iter().filter(|one| is_bulk(one) == bulk).filter_map(|one| one.arrived_us).collect();
    let copies_of = |bulk: bool| {
        let some: Vec<u64> = all.iter().filter(|one| is_bulk(one) == bulk).map(|one| u64::from(one.copies)).collect();
        some.iter().sum::<u64>() as f64 / some.len().max(1) as f64
    };
    let mesh: Vec<[usize; 2]> =
        run.mesh[1].iter().enumerate().flat_map(|(a, peers)| peers.iter().map(move |b| [a, *b])).collect();
    let degrees = |when: usize| parts(run.mesh[when].iter().map(|peers| peers.len() as u64).collect());
    let shortest = run.plan.shortest_us(&run.plan.dials);
    let bounds = all.iter().map(|one| shortest[one.origin][one.node]).collect();
    json!({
        "commit": commit(),
        "messages": run.placed.len(),
        "arrived_us": parts(arrived.clone()),
        "arrived_single_us": parts(of_bulk(false)),
        "arrived_bulk_us": parts(of_bulk(true)),
        "admitted_us": parts(admitted.clone()),
        "shortest_us": parts(bounds),
        "arrived_per_mille_of_shortest_over_connections": ratios(run, trace, &run.plan.dials),
        "arrived_per_mille_of_shortest_over_mesh": ratios(run, trace, &mesh),
        "copies_per_delivery": copies as f64 / all.len().max(1) as f64,
        "copies_per_delivery_single": copies_of(false),
        "copies_per_delivery_bulk": copies_of(true),
        "copies_back_per_message": f64::from(trace.copies_back) / run.placed.len().max(1) as f64,
        "delivery_ratio": admitted.len() as f64 / all.len().max(1) as f64,
        "gossip_ratio": arrived.len() as f64 / all.len().max(1) as f64,
        "admitted_before_gossip": by_sync,
        "single_bytes": trace.single_bytes,
        "bulk_bytes": trace.bulk_bytes,
        "payload_bytes_in": trace.payload_bytes,
        "bytes_in_per_node": parts(run.bytes.iter().map(|bytes| bytes.0).collect()),
        "bytes_out_per_node": parts(run.bytes.iter().map(|bytes| bytes.1).collect()),
        "connections": parts(run.connections.iter().map(|count| *count as u64).collect()),
        "mesh_start": degrees(0),
        "mesh_end": degrees(1),
        "lines_late_us_at_most": { "p50": run.late.p50_us, "p99": run.late.p99_us, "max": run.late.max_us },
        "gossip_dropped": run.counters.iter().map(|counters| counters.gossip_dropped).sum::<u64>(),
        "gossip_limited": run.counters.iter().map(|counters| counters.gossip_limited).sum::<u64>(),
        "took_ms": run.took.as_millis() as u64,
        "cpu_of_one_core": run.cpu.as_secs_f64() / run.took.as_secs_f64(),
    })
}

fn commit() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = std::process::Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()).unwrap_or_default();
    if text.is_empty() { "unknown".into() } else { text }
}

/// Where the files of a run go.
pub fn folder() -> PathBuf {
    let beside_the_build = || {
        let here = std::env::current_exe().unwrap();
        here.ancestors().nth(3).unwrap().join("calibration")
    };
    std::env::var_os("SOUK_CALIBRATION").map_or_else(beside_the_build, PathBuf::from)
}

/// Writes all files of a run.
pub fn write(folder: &Path, run: &Run, trace: &Trace) {
    std::fs::create_dir_all(folder).unwrap();
    let put = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    put("real-deliveries.csv", trace.deliveries_csv());
    put("real-nodes.csv", nodes_csv(run));
    put("real-links.csv", links_csv(run));
    put("real-summary.json", serde_json::to_string_pretty(&summary(run, trace)).unwrap());
}

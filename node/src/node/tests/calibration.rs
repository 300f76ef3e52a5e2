//! The real half of the simulator's calibration: a plan that whole nodes run in one process over cables of known delay, and
//! what a step of a node costs. docs/simulation.md says what is compared with it.

mod costs;
mod passing;
mod plan;
mod run;
mod trace;

use plan::{Plan, Size};
use run::Run;
use trace::{Trace, folder, links_csv, nodes_csv, summary, write};

/// Enough for every kind of message and a way of several hops.
const SMALL: Size = Size { nodes: 8, dials: 2, messages: 5, bulk_every: 5, interval_ms: 400, warmup_ms: 0 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_nodes_hear_every_order_and_none_sooner_than_the_cables_let_it() {
    let plan = Plan::make(7, SMALL);
    assert_eq!(plan.orders(), 20);
    let run = Run::of(plan).await;
    let trace = Trace::of(&run);
    assert_eq!(trace.deliveries.len(), 5 * 7);
    let shortest = run.plan.shortest_us(&run.plan.dials);
    for one in &trace.deliveries {
        let bound = shortest[one.origin][one.node];
        let admitted = one.admitted_us.expect("every order is in every book");
        assert!(bound >= 5_000 && admitted >= bound, "{one:?} came sooner than {bound} us");
        assert!(one.arrived_us.is_none_or(|arrived| arrived >= bound), "{one:?} came sooner than {bound} us");
        assert_eq!(one.arrived_us.is_some(), one.copies > 0);
    }
    assert!(trace.deliveries.iter().filter(|one| one.copies > 0).count() >= 30, "gossip brings nearly all");
    assert_eq!(run.connections.iter().sum::<usize>(), 2 * run.plan.dials.len(), "none but those of the plan");
    for (text, columns, rows) in
        [(trace.deliveries_csv(), 7, 5 * 7), (nodes_csv(&run), 6, 8), (links_csv(&run), 4, run.plan.dials.len())]
    {
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > rows, "{text}");
        assert!(lines.iter().all(|line| line.split(',').count() == columns), "{text}");
        let is_number = |cell: &str| cell.is_empty() || cell.parse::<u64>().is_ok();
        assert!(lines[1..].iter().all(|line| line.split(',').all(is_number)), "{text}");
    }
    assert_eq!(summary(&run, &trace)["delivery_ratio"], 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes and wants the machine to itself"]
async fn fifty_real_nodes_write_their_traces() {
    let run = Run::of(Plan::read()).await;
    let trace = Trace::of(&run);
    write(&folder(), &run, &trace);
    eprintln!("{:#}", summary(&run, &trace));
    eprintln!("written to {}", folder().display());
}

#[test]
#[ignore = "measures processor time, so it wants the machine to itself"]
fn the_cost_of_each_step_is_measured() {
    let groups = [costs::words(), costs::hearing(), costs::ticks(), costs::heartbeats(), passing::passing()];
    let mut text = costs::head();
    for (name, value) in groups.into_iter().flatten() {
        assert!(value > 0, "{name} took nothing");
        let unit = if name.starts_with("bytes") { "" } else { "_ns" };
        text.push_str(&format!("{name}{unit} = {value}\n"));
    }
    let path = folder().join("costs.toml");
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::write(&path, &text).unwrap();
    eprintln!("{text}written to {}", path.display());
}

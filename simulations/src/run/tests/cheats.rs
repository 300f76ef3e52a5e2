//! What strategies reach in a small market, and that honest peers keep to the rules meanwhile.

use super::*;
use crate::scenario::Cheat;

fn cheat(strategy: &str, peers_percent: f64, extra_peers: u32) -> Cheat {
    Cheat { strategy: strategy.into(), peers_percent, extra_peers, at_s: 0.0, for_s: 0.0, with: BTreeMap::new() }
}

fn market(cheats: Vec<Cheat>) -> Outcome {
    let traders = Traders { orders_per_s: 4.0, ..Traders::default() };
    let scenario = Scenario { traders, cheats, warmup_s: 6, ..Scenario::plain("cheats", 10, 40) };
    outcome(&scenario, &options(2, 1))
}

#[test]
fn silent_suppliers_swallow_proposals_and_cost_few_deals() {
    let (honest, cheated) = (market(Vec::new()), market(vec![cheat("never-countersign", 30.0, 0)]));
    assert_eq!((honest.broken, cheated.broken), (vec![], vec![]));
    let swallowed = cheated.figures.cheats["never_countersign.proposals_swallowed"];
    assert!(
        swallowed > 5.0 && 10 * cheated.figures.struck > 9 * honest.figures.struck,
        "{swallowed}: {:?}",
        cheated.figures
    );
}

#[test]
fn a_flood_of_one_owner_fills_no_more_than_its_slots_and_nobody_honest_is_cut_off() {
    let outcome = market(vec![cheat("order-flood", 0.0, 1)]);
    assert_eq!((outcome.broken.len(), outcome.figures.honest_banned), (0, 0), "{:?}", outcome.broken);
    assert!(outcome.figures.cheats["order_flood.orders_sent"] > 10_000.0);
    let most = outcome.rows.iter().map(|row| row.orders).max().unwrap();
    assert!(most < 64 + 300 && outcome.figures.delivered_ppm > 990_000, "{most} orders, {:?}", outcome.figures);
}

#[test]
fn an_unknown_strategy_is_named() {
    let scenario = Scenario { cheats: vec![cheat("none-such", 10.0, 0)], ..Scenario::plain("cheats", 10, 1) };
    let error = run(&scenario, &options(1, 1), &mut |_| {}).unwrap_err();
    assert_eq!(error, ScenarioError::Strategy { name: "none-such".into() });
}

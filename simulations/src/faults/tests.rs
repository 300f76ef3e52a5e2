//! Plans: who is hit, when it begins and when it is over.

use super::*;

fn plan(fault: Fault, seed: u64) -> Plan {
    let scenario = Scenario { faults: vec![fault], ..Scenario::plain("x", 20, 100) };
    Plan::new(&scenario, (20, 20), seed)
}

fn fault(kind: FaultKind, (at_s, for_s): (f64, f64)) -> Fault {
    Fault { at_s, for_s, peers_percent: 25.0, every_s: 0.0, kind }
}

#[test]
fn a_fault_hits_its_share_begins_after_the_warm_up_and_is_over_in_time() {
    let crash = fault(FaultKind::Crash { keeps_disk: true }, (5.0, 7.0));
    let plan = plan(crash.clone(), 1);
    let times: Vec<_> =
        plan.blows.iter().map(|blow| (blow.at / SECOND, blow.peers.len(), blow.strike.clone())).collect();
    assert_eq!(times, [(15, 5, Strike::Crash), (22, 5, Strike::Restart { keeps_disk: true })]);
    assert_eq!((plan.over, plan.disks.len()), (22 * SECOND, 5));
    assert_eq!(plan.blows[0].peers, plan.blows[1].peers);
    assert_ne!(plan, self::plan(crash.clone(), 2), "another seed hits others");
    assert_eq!(plan, self::plan(crash, 1));
}

#[test]
fn a_fault_that_comes_again_does_so_until_the_run_is_over() {
    let plan = plan(Fault { every_s: 30.0, ..fault(FaultKind::Partition, (0.0, 1.0)) }, 3);
    let cuts: Vec<_> = plan.blows.iter().filter(|blow| matches!(blow.strike, Strike::Cut { .. })).collect();
    assert_eq!(cuts.iter().map(|blow| blow.at / SECOND).collect::<Vec<_>>(), [10, 40, 70, 100]);
    assert!(cuts.windows(2).all(|pair| pair[0].peers != pair[1].peers), "each time others");
}

#[test]
fn as_many_join_as_leave_and_whoever_left_stays_away() {
    let plan = plan(fault(FaultKind::Churn { percent_a_minute: 100.0 }, (0.0, 60.0)), 4);
    let gone: Vec<u32> =
        plan.blows.iter().filter(|blow| blow.strike == Strike::Crash).flat_map(|blow| blow.peers.clone()).collect();
    let come = plan.blows.iter().filter(|blow| blow.strike == Strike::Join).count();
    assert!((10..32).contains(&gone.len()), "about 20: {}", gone.len());
    assert_eq!((gone.len(), plan.joiners as usize), (come, come));
    let distinct: BTreeSet<u32> = gone.iter().copied().collect();
    assert_eq!(distinct.len(), gone.len());
}

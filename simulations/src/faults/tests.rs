//! Plans: who is hit, when it begins and when it is over.

use super::*;

fn scenario(faults: &str) -> Scenario {
    let text = format!(
        "{{\"name\":\"x\",\"question\":\"\",\"nodes\":20,\"seconds\":100,\"warmup_s\":10,\"faults\":[{faults}]}}"
    );
    serde_json::from_str(&text).expect("it is a scenario")
}

fn plan(faults: &str, seed: u64) -> Plan {
    Plan::new(&scenario(faults), (20, 20), seed)
}

#[test]
fn a_fault_hits_its_share_begins_after_the_warm_up_and_is_over_in_time() {
    let crash = r#"{"at_s":5,"for_s":7,"peers_percent":25,"kind":{"crash":{"keeps_disk":true}}}"#;
    let plan = plan(crash, 1);
    let times: Vec<_> = plan.blows.iter().map(|blow| (blow.at / SECOND, blow.peers.len(), blow.strike.clone())).collect();
    assert_eq!(times, [(15, 5, Strike::Crash), (22, 5, Strike::Restart { keeps_disk: true })]);
    assert_eq!((plan.over, plan.disks.len()), (22 * SECOND, 5));
    assert_eq!(plan.blows[0].peers, plan.blows[1].peers);
    assert_ne!(plan, self::plan(crash, 2), "another seed hits others");
    assert_eq!(plan, self::plan(crash, 1));
}

#[test]
fn a_fault_that_comes_again_does_so_until_the_run_is_over() {
    let plan = plan(r#"{"at_s":0,"for_s":1,"every_s":30,"kind":"partition","peers_percent":50}"#, 3);
    let cuts: Vec<_> = plan.blows.iter().filter(|blow| matches!(blow.strike, Strike::Cut { .. })).collect();
    assert_eq!(cuts.iter().map(|blow| blow.at / SECOND).collect::<Vec<_>>(), [10, 40, 70, 100]);
    assert!(cuts.windows(2).all(|pair| pair[0].peers != pair[1].peers), "each time others");
}

#[test]
fn as_many_join_as_leave_and_whoever_left_stays_away() {
    let plan = plan(r#"{"at_s":0,"for_s":60,"kind":{"churn":{"percent_a_minute":100}}}"#, 4);
    let gone: Vec<u32> =
        plan.blows.iter().filter(|blow| blow.strike == Strike::Crash).flat_map(|blow| blow.peers.clone()).collect();
    let come = plan.blows.iter().filter(|blow| blow.strike == Strike::Join).count();
    assert!((10..32).contains(&gone.len()), "about 20: {}", gone.len());
    assert_eq!((gone.len(), plan.joiners as usize), (come, come));
    let distinct: BTreeSet<u32> = gone.iter().copied().collect();
    assert_eq!(distinct.len(), gone.len());
}

//! A rumour among dummy nodes: order, time, and that threads and windows change nothing.

use super::*;
use crate::random::Random;

struct Gossip {
    random: Random,
    count: u32,
    heard: Vec<(Nanos, u64)>,
}

impl Node for Gossip {
    type Event = u64;

    fn handle(&mut self, now: Nanos, rumour: u64, out: &mut Out<'_, u64>) {
        if let Some(&(last, _)) = self.heard.last() {
            assert!(last <= now, "time goes on");
        }
        self.heard.push((now, rumour));
        if rumour % 8 < 7 {
            let to = self.random.below(self.count.into()) as u32;
            out.send(to, now + self.random.between(5 * MS, 20 * MS), rumour + 1);
        } else {
            out.at(now + self.random.below(2 * MS), rumour + 1);
            out.at(now + self.random.below(9 * SECOND), rumour + 1);
        }
    }

    fn digest(rumour: &u64) -> u64 {
        *rumour
    }
}

fn world(seed: u64, lookahead: Nanos, threads: usize) -> Engine<Gossip> {
    let node = |stream| Gossip { random: Random::new(seed, stream), count: 7, heard: Vec::new() };
    let mut engine = Engine::new((0..7).map(node).collect(), lookahead, threads);
    (0..20).for_each(|rumour| engine.inject(rumour % 7, rumour as u64 * MS, rumour as u64));
    engine
}

#[test]
fn threads_and_windows_change_nothing() {
    let run = |lookahead, threads, steps: u64| {
        let mut engine = world(1, lookahead, threads);
        (1..=steps).for_each(|step| engine.run_until(step * 6 * SECOND / steps));
        let heard: Vec<_> = engine.nodes().map(|node| node.heard.clone()).collect();
        (engine.events(), engine.trace_hash(), heard)
    };
    let first = run(5 * MS, 1, 1);
    assert!(first.0 > 1_000, "{} events", first.0);
    for (lookahead, threads, steps) in [(5 * MS, 2, 1), (5 * MS, 3, 1), (MS, 1, 1), (MS / 7, 2, 1), (5 * MS, 2, 17)] {
        assert!(run(lookahead, threads, steps) == first, "{lookahead} ns, {threads} threads, {steps} steps");
    }
}

#[test]
fn another_seed_or_another_event_gives_another_trace() {
    let trace = |seed, more: Option<u64>| {
        let mut engine = world(seed, MS, 1);
        more.into_iter().for_each(|rumour| engine.inject(3, SECOND, rumour));
        engine.run_until(2 * SECOND);
        engine.trace_hash()
    };
    assert_ne!(trace(1, None), trace(2, None));
    assert_ne!(trace(1, None), trace(1, Some(5)));
    assert_ne!(trace(1, Some(5)), trace(1, Some(6)));
}

#[test]
#[should_panic(expected = "faster than any may be")]
fn a_message_faster_than_the_lookahead_is_a_mistake() {
    let mut engine = world(1, 6 * MS, 1);
    engine.run_until(SECOND);
}

#[test]
fn a_run_goes_to_its_end_and_no_further() {
    let mut engine = world(1, 5 * MS, 2);
    engine.run_until(7 * MS);
    assert_eq!(engine.now(), 7 * MS);
    assert!(engine.nodes().all(|node| node.heard.iter().all(|(at, _)| *at < 7 * MS)));
}

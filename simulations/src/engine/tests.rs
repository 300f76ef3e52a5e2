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

struct Bomb {
    number: u32,
}

impl Node for Bomb {
    type Event = ();

    fn handle(&mut self, now: Nanos, (): (), out: &mut Out<'_, ()>) {
        assert!(self.number != 4 || now < 300 * MS, "the fifth goes off");
        out.at(now + 3 * MS, ());
    }

    fn digest(_: &()) -> u64 {
        0
    }
}

#[test]
#[should_panic(expected = "the fifth goes off")]
fn a_panic_in_one_thread_ends_the_run_and_keeps_nobody_waiting() {
    let mut engine = Engine::new((0..6).map(|number| Bomb { number }).collect(), MS, 3);
    (0..6).for_each(|number| engine.inject(number, 0, ()));
    engine.run_until(SECOND);
}

#[test]
fn events_know_who_caused_them() {
    struct Asker(Vec<u32>);
    impl Node for Asker {
        type Event = bool;

        fn handle(&mut self, now: Nanos, is_first: bool, out: &mut Out<'_, bool>) {
            self.0.push(out.cause());
            if is_first {
                out.send(1 - out.me(), now + MS, false);
                out.at(now + 2 * MS, false);
            }
        }

        fn digest(is_first: &bool) -> u64 {
            u64::from(*is_first)
        }
    }
    let mut engine = Engine::new(vec![Asker(Vec::new()), Asker(Vec::new())], MS, 2);
    engine.inject(0, 0, true);
    engine.run_until(SECOND);
    assert_eq!((&engine.node(0).0, &engine.node(1).0), (&vec![u32::MAX, 0], &vec![0]));
}

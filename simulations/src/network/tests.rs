//! What arrives when: latency, order, queues, loss, chance.

use super::*;

fn links() -> Links {
    let latency = Latency::Uniform { min_ms: 10.0, max_ms: 150.0 };
    Links { latency, jitter_percent: 0.0, ..Links::default() }
}

fn network(links: &Links) -> Network {
    Network::new(links, 100, 7, None).unwrap()
}

fn parcel(to: u32, bytes: u32) -> Parcel {
    Parcel { from: 0, to, bytes, is_gossip: true }
}

#[test]
fn latency_is_the_same_both_ways_and_no_message_is_faster_than_the_lookahead() {
    let mut nic = Nic::default();
    let mut random = Random::new(1, 1);
    for links in [links(), Links { jitter_percent: 40.0, ..links() }, Links::default()] {
        let network = network(&links);
        for to in 1..100 {
            assert_eq!(network.latency(0, to), network.latency(to, 0));
            let now = to.into();
            let arrivals = network.carry(&mut nic, &mut random, parcel(to, 100), now);
            assert!(arrivals.first.unwrap() >= now + network.lookahead());
        }
    }
    let mean = (1..100).map(|to| network(&links()).latency(0, to)).sum::<Nanos>() / 99;
    assert!((70 * MS..90 * MS).contains(&mean), "{mean} ns on average between 10 and 150 ms");
}

#[test]
fn messages_queue_behind_one_another_on_the_senders_line() {
    let network = network(&Links { uplink_mbit: 8.0, ..links() });
    let (mut nic, mut random) = (Nic::default(), Random::new(1, 1));
    let bytes = 10_000;
    let line = Nanos::from(on_wire(bytes)) * 1_000;
    let first = network.carry(&mut nic, &mut random, parcel(1, bytes), 0).first.unwrap();
    let second = network.carry(&mut nic, &mut random, parcel(2, bytes), 0).first.unwrap();
    assert_eq!(first, network.latency(0, 1) + line);
    assert_eq!(second, network.latency(0, 2) + 2 * line);
    assert_eq!(nic.sent_bytes, 2 * u64::from(on_wire(bytes)));
}

#[test]
fn a_queue_that_is_too_long_drops_gossip_and_keeps_requests() {
    let network = network(&Links { uplink_mbit: 0.08, ..links() });
    let (mut nic, mut random) = (Nic::default(), Random::new(1, 1));
    let arrived =
        (0..100).filter(|_| network.carry(&mut nic, &mut random, parcel(1, 1_000), 0).first.is_some()).count();
    assert!((40..50).contains(&arrived), "{arrived} of 100 messages of 0.11 s within 5 s");
    let request = Parcel { is_gossip: false, ..parcel(1, 1_000) };
    assert!(network.carry(&mut nic, &mut random, request, 0).first.is_some());
    assert_eq!(nic.overflowed, 100 - arrived as u64);
}

#[test]
fn a_connection_keeps_its_order_whatever_is_lost_and_others_do_not_wait() {
    let network = network(&Links { loss_percent: 20.0, jitter_percent: 10.0, ..links() });
    let (mut nic, mut random) = (Nic::default(), Random::new(3, 1));
    let mut arrive = |to, now| network.carry(&mut nic, &mut random, parcel(to, 100), now).first;
    let arrivals: Vec<Nanos> = (0..500).filter_map(|at| arrive(1, at * MS)).collect();
    assert!(arrivals.is_sorted());
    let late = arrivals.iter().zip(0..).filter(|(arrival, at)| **arrival > at * MS + 200 * MS + network.latency(0, 1));
    assert!(late.count() > 100, "what is behind a lost message waits for it");
    let other = arrive(2, 500 * MS).unwrap();
    assert!(other < 500 * MS + 2 * network.latency(0, 2), "another connection does not");
}

#[test]
fn what_is_lost_dropped_doubled_and_overtaken_is_as_often_as_asked() {
    let links = Links { dropped_percent: 5.0, duplicated_percent: 10.0, reordered_percent: 3.0, ..links() };
    let network = network(&links);
    let mut random = Random::new(3, 1);
    let (mut never, mut twice, mut late) = (0, 0, 0);
    for at in 0..100_000 {
        let arrivals = network.carry(&mut Nic::default(), &mut random, parcel(1, 100), at * MS);
        never += usize::from(arrivals.first.is_none());
        twice += usize::from(arrivals.again.is_some());
        let undisturbed = at * MS + network.latency(0, 1) + MS;
        late += usize::from(arrivals.first.is_some_and(|first| first > undisturbed));
        assert_eq!(
            arrivals.into_iter().count(),
            usize::from(arrivals.first.is_some()) + usize::from(arrivals.again.is_some())
        );
    }
    assert!((4_700..5_300).contains(&never) && (9_100..9_900).contains(&twice) && (2_600..3_100).contains(&late));
}

#[test]
fn a_slow_downlink_delays_what_a_fast_uplink_sent() {
    let network = network(&Links { uplink_mbit: 80.0, downlink_mbit: 8.0, ..links() });
    let mut nic = Nic::default();
    let line = Nanos::from(on_wire(10_000)) * 1_000;
    let first = network.received(&mut nic, 10_000, SECOND);
    assert_eq!(first, SECOND + line - line / 10);
    assert_eq!(network.received(&mut nic, 10_000, SECOND), first + line);
    let even = Network::new(&links(), 2, 1, None).unwrap();
    assert_eq!(even.received(&mut Nic::default(), 10_000, SECOND), SECOND, "an equal line adds nothing");
}

#[test]
fn cuts_stop_messages_until_they_are_mended() {
    let network = network(&links());
    let mut cuts = Cuts::none();
    cuts.part([0]);
    let cut = network.with_cuts(cuts);
    let (mut nic, mut random) = (Nic::default(), Random::new(1, 1));
    assert_eq!(cut.carry(&mut nic, &mut random, parcel(1, 10), 0), Arrivals::default());
    assert!(network.carry(&mut nic, &mut random, parcel(1, 10), 0).first.is_some());
    let mut lossy = Cuts::none();
    lossy.lose([1], 500_000);
    let lossy = network.with_cuts(lossy);
    let late = (0..1_000).filter(|at| {
        let arrivals = lossy.carry(&mut Nic::default(), &mut random, parcel(1, 10), at * SECOND);
        arrivals.first.is_none_or(|first| first > at * SECOND + 200 * MS + network.latency(0, 1))
    });
    assert!((450..550).contains(&late.count()));
}

#[test]
fn a_plan_is_read_and_refused_with_its_line() {
    let matrix = Matrix::parse("# one way\n0 2000 3000\n2000, 0, 4000\n5000 4000 0\n").unwrap();
    let links = Links { latency: Latency::Plan { file: "plan.txt".into() }, jitter_percent: 0.0, ..links() };
    let network = Network::new(&links, 3, 1, Some(matrix.clone())).unwrap();
    assert_eq!((network.latency(0, 1), network.latency(2, 0), network.lookahead()), (2 * MS, 4 * MS, 2 * MS));
    assert_eq!(Network::new(&links, 3, 1, None).unwrap_err(), MatrixError::Missing);
    assert_eq!(Network::new(&links, 4, 1, Some(matrix)).unwrap_err(), MatrixError::TooFew { plan: 3, peers: 4 });
    assert_eq!(Matrix::parse("0 1\n1 x\n").unwrap_err(), MatrixError::Number { line: 2, word: "x".into() });
    assert_eq!(Matrix::parse("0 1\n1\n").unwrap_err(), MatrixError::Shape { line: 2, found: 1, expected: 2 });
}

//! What misconduct costs, and that good conduct costs nothing.

use super::*;

fn score(room: &Room, of: u32, at: u32) -> Score {
    room.overlays[at as usize].score(of).unwrap()
}

#[test]
fn ten_invalid_messages_end_a_peers_gossip_and_time_heals() {
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    room.verdict = Verdict::Reject;
    for number in 0..9 {
        room.heard(0, 1, Frame::Message(message(1, number, 100)));
    }
    assert!(score(&room, 1, 0) > GRAYLIST_THRESHOLD);
    (9..11).for_each(|number| room.heard(0, 1, Frame::Message(message(1, number, 100))));
    assert!(score(&room, 1, 0) < GRAYLIST_THRESHOLD);
    let delivered = room.delivered.len();
    room.heard(0, 1, Frame::Message(message(1, 99, 100)));
    assert_eq!(room.delivered.len(), delivered, "nothing of it is looked at");
    room.beat(1);
    assert!(room.mesh(0).is_empty());
    room.beat(600);
    assert!(score(&room, 1, 0) > GOSSIP_THRESHOLD);
}

#[test]
fn whoever_repeats_an_invalid_message_pays_as_well() {
    let mut room = Room::new(3, |_| {});
    room.connect(0, 1);
    room.connect(0, 2);
    room.verdict = Verdict::Reject;
    room.heard(0, 1, Frame::Message(message(9, 0, 100)));
    room.heard(0, 2, Frame::Message(message(9, 0, 100)));
    assert_eq!((score(&room, 1, 0), score(&room, 2, 0)), (-4 * POINT, -4 * POINT));
}

#[test]
fn grafts_within_a_backoff_are_punished_and_two_kinds_of_haste_differ() {
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    room.heard(0, 1, Frame::Prune { topic: Topic::Orders, backoff_s: 60 });
    (0..4).for_each(|_| room.heard(0, 1, Frame::Graft(Topic::Orders)));
    // Eight penalties are two above the threshold: -10 x 2^2, and nothing for time or deliveries.
    assert_eq!(score(&room, 1, 0), -40 * POINT);
    assert!(room.mesh(0).is_empty());
    room.beat(15);
    let before = score(&room, 1, 0);
    room.heard(0, 1, Frame::Graft(Topic::Orders));
    assert!(score(&room, 1, 0) < before - 10 * POINT, "one more, and the backoff is longer again");
}

#[test]
fn a_promise_that_is_not_kept_counts_and_one_that_is_kept_does_not() {
    let have = |from: u32, numbers: std::ops::Range<u32>| Frame::IHave {
        topic: Topic::Orders,
        ids: Arc::new(numbers.map(|number| MessageId::new(from, number)).collect()),
    };
    let mut room = Room::new(3, |_| {});
    room.connect(0, 1);
    room.connect(0, 2);
    (room.silent, room.now) = (Some(2), 2 * SECOND);
    room.heard(0, 1, have(1, 0..12));
    room.heard(0, 2, have(2, 0..12));
    (0..12).for_each(|number| room.heard(0, 1, Frame::Message(message(1, number, 10))));
    room.beat(5);
    assert!(score(&room, 1, 0) > 0);
    // Twelve broken promises are six above the threshold.
    assert!(score(&room, 2, 0) < -300 * POINT, "{}", score(&room, 2, 0));
}

#[test]
fn ihaves_beyond_the_limits_are_not_looked_at() {
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    room.take_sent(|_| true);
    for number in 0..20 {
        let ids = Arc::new(vec![MessageId::new(1, number)]);
        room.heard(0, 1, Frame::IHave { topic: Topic::Orders, ids });
    }
    assert_eq!(room.take_sent(|frame| matches!(frame, Frame::IWant(_))).len(), 10);
    let ids = Arc::new((100..1_000).map(|number| MessageId::new(1, number)).collect());
    room.beat(1);
    room.heard(0, 1, Frame::IHave { topic: Topic::Orders, ids });
    assert!(room.take_sent(|frame| matches!(frame, Frame::IWant(_))).is_empty(), "no decoder takes more than 16 KiB");
    assert_eq!(room.overlays[0].counters().refused, 1);
}

#[test]
fn worthless_messages_use_up_an_allowance_and_news_does_not() {
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    (0..2_000).for_each(|number| room.heard(0, 1, Frame::Message(message(1, number, 100))));
    assert_eq!(room.delivered.len(), 2_000);
    room.now += 3 * SECOND;
    room.verdict = Verdict::Ignore;
    (2_000..3_000).for_each(|number| room.heard(0, 1, Frame::Message(message(1, number, 100))));
    assert_eq!(room.delivered.len(), 2_500);
    assert_eq!(room.overlays[0].counters().limited, 500);
    room.overlays[0].disconnect(room.now, 1);
    room.connect(0, 1);
    room.heard(0, 1, Frame::Message(message(1, 9_999, 100)));
    assert_eq!(room.delivered.len(), 2_500, "coming back does not renew it");
}

#[test]
fn a_peer_with_sixteen_faults_is_left_alone_for_ten_minutes() {
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    let mut out = Vec::new();
    (0..15).for_each(|_| room.overlays[0].blame(room.now, 1, &mut out));
    assert!(out.is_empty() && score(&room, 1, 0) < 0);
    room.overlays[0].blame(room.now, 1, &mut out);
    assert_eq!(out, vec![Do::LeaveAlone { peer: 1 }]);
    assert!(!room.overlays[0].is_connected(1));
    assert!(!room.overlays[0].connect(room.now + 599 * SECOND, link(1, false), &mut out));
    assert!(room.overlays[0].connect(room.now + 600 * SECOND, link(1, false), &mut out));
}

#[test]
fn many_peers_at_one_address_lose_score() {
    let mut room = Room::new(1, |_| {});
    for peer in 1..=70 {
        room.overlays[0].connect(room.now, Link { place: 1_000, ..link(peer, false) }, &mut Vec::new());
        assert_eq!(score(&room, 1, 0) < 0, peer > 64, "{peer}");
    }
    assert_eq!(score(&room, 3, 0), -5 * 36 * POINT);
}

#[test]
fn honest_peers_are_never_below_zero() {
    let mut room = Room::full(20, |_| {});
    for number in 0..100 {
        room.publish(number % 20, message(number % 20, number, 2_000));
        room.beat(1);
    }
    for at in 0..20 {
        assert!((0..20).filter(|of| *of != at).all(|of| score(&room, of, at) >= 0));
    }
    assert!(room.left_alone.is_empty());
}

#[test]
fn scores_decay_as_the_nodes_do() {
    let mut standing = standing::Standing::new(&Limits::default(), 0);
    (0..100).for_each(|_| standing.delivered_first(0));
    let rules = Rules::new(&Mesh::default());
    assert_eq!(standing.score(0, 1, &rules), 5 * POINT);
    (0..300).for_each(|_| standing.decay());
    let left = standing.score(0, 1, &rules);
    assert!((left - POINT / 2).abs() < POINT / 100, "{left}: a tenth after 300 s");
    standing.measure(50_000_000, &rules);
    assert_eq!(standing.score(0, 1, &rules) - left, 5 * POINT, "half as near as can be");
}

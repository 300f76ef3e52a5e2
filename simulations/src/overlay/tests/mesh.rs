//! Who is in whose mesh.

use super::*;

#[test]
fn a_mesh_grows_at_once_to_its_low_mark_and_links_have_two_ends() {
    let mut room = Room::full(30, |_| {});
    assert!((0..30).all(|peer| room.mesh(peer).len() >= 6), "without a heartbeat");
    room.beat(5);
    for peer in 0..30 {
        let mesh = room.mesh(peer);
        assert!((6..=10).contains(&mesh.len()), "{} of {peer}", mesh.len());
        assert!(mesh.iter().all(|other| room.mesh(*other).contains(&peer)), "one-sided links of {peer}");
    }
}

#[test]
fn a_mesh_that_is_too_large_is_pruned_to_its_degree_and_keeps_what_it_dialed() {
    let mut room = Room::new(21, |_| {});
    (1..=3).for_each(|peer| room.connect(0, peer));
    (4..=20).for_each(|peer| room.connect(peer, 0));
    assert_eq!(room.mesh(0).len(), 10, "at the high mark nobody else is let in");
    (1..=3).for_each(|peer| room.heard(0, peer, Frame::Graft(Topic::Orders)));
    room.beat(1);
    let mesh = room.mesh(0);
    assert_eq!(mesh.len(), 8);
    assert!([1, 2, 3].iter().all(|peer| mesh.contains(peer)), "{mesh:?}");
}

#[test]
fn a_pruned_peer_is_not_grafted_until_its_backoff_is_over() {
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    room.heard(0, 1, Frame::Prune { topic: Topic::Orders, backoff_s: 20 });
    room.take_sent(|_| true);
    room.beat(19);
    assert!(room.take_sent(|frame| matches!(frame, Frame::Graft(Topic::Orders))).iter().all(|(from, _)| *from != 0));
    room.beat(4);
    assert!(room.mesh(0).contains(&1));
}

#[test]
fn the_best_peers_stay_when_a_mesh_shrinks() {
    for seed_of_life in 0..4 {
        let mut room = Room::new(21, |_| {});
        (1..=20).for_each(|peer| room.connect(peer, 0));
        let (topic, best) = (Topic::Orders, room.mesh(0)[3 + seed_of_life]);
        (0..40).for_each(|number| room.heard(0, best, Frame::Message(message(best, number, 10))));
        let outsider = (1..=20).find(|peer| !room.mesh(0).contains(peer)).unwrap();
        room.overlays[0].neighbours.get_mut(outsider).unwrap().is_outbound = true;
        room.overlays[0].neighbours.get_mut(outsider).unwrap().backoff = [0; 2];
        room.heard(0, outsider, Frame::Graft(topic));
        room.beat(1);
        assert!(room.mesh(0).len() == 8 && room.mesh(0).contains(&best));
    }
}

#[test]
fn a_poor_mesh_takes_in_better_peers() {
    let mut room = Room::new(1, |rules| (rules.degree_low, rules.degree, rules.degree_high) = (1, 2, 4));
    for peer in 1..=20 {
        room.overlays[0].connect(room.now, link(peer, true), &mut Vec::new());
        room.heard(0, peer, Frame::Subscribe);
    }
    room.beat(1);
    let outside: Vec<u32> = (1..=20).filter(|peer| !room.mesh(0).contains(peer)).collect();
    let before = room.mesh(0).len();
    for peer in &outside {
        (0..200).for_each(|number| room.heard(0, *peer, Frame::Message(message(*peer, number, 10))));
    }
    room.beat(58);
    assert_eq!(room.mesh(0).len(), before);
    room.beat(1);
    assert_eq!(room.mesh(0).len(), before + 2, "the sixtieth heartbeat grafts two");
}

#[test]
fn a_mesh_of_dialed_peers_takes_the_nearest_and_any() {
    let dialed = |rules: &mut Rules| {
        (rules.choice, rules.degree_low) = (Choice::Dialed { near: 2, any: 1 }, 1);
    };
    let mut room = Room::new(1, dialed);
    for peer in 1..=20 {
        let round_trip = Nanos::from(peer) * SECOND;
        room.overlays[0].connect(room.now, Link { round_trip, ..link(peer, peer % 2 == 0) }, &mut Vec::new());
        room.heard(0, peer, Frame::Subscribe);
    }
    room.heard(0, 1, Frame::Prune { topic: Topic::Orders, backoff_s: 3_000 });
    room.beat(3);
    let mesh = room.mesh(0);
    assert!(mesh.len() == 3 && mesh[..2] == [2, 4] && mesh[2].is_multiple_of(2), "{mesh:?}");
    room.heard(0, 7, Frame::Graft(Topic::Orders));
    room.beat(3);
    assert_eq!(room.mesh(0).len(), 4, "whoever grafts is let in");
}

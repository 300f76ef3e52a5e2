//! How messages spread among overlays, whoever is in whose mesh.

use super::*;

#[test]
fn a_message_reaches_everyone_once_and_copies_are_counted() {
    let mut room = Room::full(40, |_| {});
    room.beat(2);
    assert!(room.publish(7, message(7, 0, 300)));
    let mut reached: Vec<u32> = room.delivered.iter().map(|(peer, _)| *peer).collect();
    reached.sort_unstable();
    assert_eq!(reached, (0..40).filter(|peer| *peer != 7).collect::<Vec<_>>());
    let copies: u64 = room.overlays.iter().map(|overlay| overlay.counters().copies).sum();
    let sent: u64 = room.overlays.iter().map(|overlay| overlay.counters().sent).sum();
    assert_eq!(copies, sent);
    assert!((39 * 4..39 * 11).contains(&copies), "{copies}");
    assert!(!room.publish(7, message(7, 0, 300)), "it was seen");
}

#[test]
fn a_published_message_goes_to_the_mesh_or_to_all() {
    for (is_flood_publish, least, most) in [(false, 8, 12), (true, 29, 29)] {
        let mut room = Room::full(30, |rules| rules.is_flood_publish = is_flood_publish);
        room.beat(1);
        room.take_sent(|_| true);
        room.publish(0, message(0, 0, 300));
        let sent = room.take_sent(Frame::is_message).iter().filter(|(from, _)| *from == 0).count();
        assert!((least..=most).contains(&sent), "{sent}");
    }
}

#[test]
fn what_is_ignored_or_refused_is_not_sent_on_nor_told_of() {
    for verdict in [Verdict::Ignore, Verdict::Reject] {
        let mut room = Room::full(20, |_| {});
        room.verdict = verdict;
        room.publish(0, message(0, 0, 300));
        let reached = room.delivered.len();
        assert_eq!(reached, room.mesh(0).len().max(8), "its mesh and no further");
        room.take_sent(|_| true);
        room.beat(1);
        let told = room.take_sent(|frame| matches!(frame, Frame::IHave { .. }));
        assert!(told.iter().all(|(from, _)| *from == 0), "{told:?}");
    }
}

#[test]
fn lazy_gossip_brings_what_the_mesh_did_not() {
    let mut room = Room::full(16, |_| {});
    room.silent = Some(0);
    room.publish(0, message(0, 0, 300));
    assert!(room.delivered.is_empty());
    room.silent = None;
    room.beat(1);
    let mut reached: Vec<u32> = room.delivered.iter().map(|(peer, _)| *peer).collect();
    reached.sort_unstable();
    reached.dedup();
    assert_eq!(reached.len(), 15, "told, asked for, and sent on");
    assert!(room.overlays[0].counters().answered > 0);
}

#[test]
fn a_message_can_be_asked_for_three_times_and_for_five_heartbeats() {
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    room.publish(0, message(0, 0, 300));
    let want = || Frame::IWant(Arc::new(vec![MessageId::new(0, 0)]));
    room.take_sent(|_| true);
    (0..5).for_each(|_| room.heard(0, 1, want()));
    assert_eq!(room.take_sent(Frame::is_message).len(), 3);
    let mut room = Room::new(2, |_| {});
    room.connect(0, 1);
    room.publish(0, message(0, 0, 300));
    room.beat(4);
    room.take_sent(|_| true);
    room.heard(0, 1, want());
    assert_eq!(room.take_sent(Frame::is_message).len(), 1);
    room.beat(1);
    room.take_sent(|_| true);
    room.heard(0, 1, want());
    assert!(room.take_sent(Frame::is_message).is_empty());
}

#[test]
fn large_messages_are_announced_and_spare_copies() {
    let copies = |bytes, announce| {
        let mut room = Room::full(30, |rules| rules.announce_above_bytes = announce);
        room.beat(1);
        room.publish(0, message(0, 0, bytes));
        let spared: u64 = room.overlays.iter().map(|overlay| overlay.counters().spared).sum();
        (room.overlays.iter().map(|overlay| overlay.counters().copies).sum::<u64>(), spared)
    };
    let (plain, none) = copies(2_000, u32::MAX);
    let (fewer, spared) = copies(2_000, 1_000);
    assert!(none == 0 && spared > 0 && fewer < plain, "{fewer} of {plain}");
    assert_eq!(copies(800, 1_000), (plain, 0));
}

#[test]
fn peers_that_sent_a_message_while_it_was_looked_at_do_not_get_it_back() {
    let mut room = Room::full(9, |_| {});
    room.beat(1);
    let one = message(20, 0, 100);
    let id = one.id;
    let mesh = room.mesh(0);
    let mut out = Vec::new();
    for peer in &mesh[..3] {
        room.overlays[0].heard(room.now, *peer, Frame::Message(one.clone()), &mut out);
    }
    assert_eq!(out, vec![Do::Deliver { from: mesh[0], message: one.clone() }]);
    out.clear();
    room.overlays[0].judge(room.now, (mesh[0], id), Verdict::Accept, &mut out);
    let told: Vec<u32> =
        out.iter().filter_map(|one| if let Do::Send { to, .. } = one { Some(*to) } else { None }).collect();
    assert_eq!(told, mesh[3..]);
}

#[test]
fn a_frame_takes_what_it_takes_on_the_wire() {
    let frame = Frame::Message(message(0, 0, 300));
    assert_eq!(frame.bytes(), 300 + 76 + 13);
    let ids = Arc::new((0..10).map(|number| MessageId::new(0, number)).collect());
    assert_eq!(Frame::<Shared>::IWant(ids).bytes(), 340 + 11);
}

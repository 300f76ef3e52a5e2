//! Overlays in one room: frames arrive at once and in order, so that each rule is seen by itself.

use std::collections::VecDeque;

use super::*;
use crate::engine::SECOND;
use crate::scenario::Mesh;

mod conduct;
mod gossip;
mod mesh;

type Shared = Arc<Message>;

/// Some overlays whose frames arrive at once, and what they delivered.
struct Room {
    now: Nanos,
    overlays: Vec<Overlay>,
    delivered: Vec<(u32, MessageId)>,
    /// What becomes of messages.
    verdict: Verdict,
    /// Frames that were sent: from, to, what.
    sent: Vec<(u32, u32, Frame<Shared>)>,
    /// Whoever passes no messages on.
    silent: Option<u32>,
    left_alone: Vec<(u32, u32)>,
}

fn message(origin: u32, number: u32, bytes: usize) -> Shared {
    let id = MessageId::new(origin, number);
    Arc::new(Message { id, topic: Topic::Orders, born: 0, contents: vec![0; bytes] })
}

fn link(peer: u32, is_outbound: bool) -> Link {
    Link { peer, is_outbound, round_trip: SECOND, place: peer }
}

impl Room {
    fn new(count: u32, change: impl Fn(&mut Rules)) -> Room {
        let mut rules = Rules::new(&Mesh { is_flood_publish: false, ..Mesh::default() });
        change(&mut rules);
        let rules = Arc::new(rules);
        let overlays = (0..count).map(|peer| Overlay::new(rules.clone(), Random::new(1, peer.into()))).collect();
        let (delivered, sent, left_alone) = (Vec::new(), Vec::new(), Vec::new());
        Room { now: SECOND, overlays, delivered, verdict: Verdict::Accept, sent, silent: None, left_alone }
    }

    /// All are connected with all; the lower number dials.
    fn full(count: u32, change: impl Fn(&mut Rules)) -> Room {
        let mut room = Room::new(count, change);
        (0..count).for_each(|b| (0..b).for_each(|a| room.connect(a, b)));
        room
    }

    fn connect(&mut self, dialer: u32, dialed: u32) {
        let mut first = Vec::new();
        self.overlays[dialer as usize].connect(self.now, link(dialed, true), &mut first);
        let mut second = Vec::new();
        self.overlays[dialed as usize].connect(self.now, link(dialer, false), &mut second);
        self.settle(vec![(dialer, first), (dialed, second)]);
    }

    fn heard(&mut self, to: u32, from: u32, frame: Frame<Shared>) {
        let mut out = Vec::new();
        self.overlays[to as usize].heard(self.now, from, frame, &mut out);
        self.settle(vec![(to, out)]);
    }

    fn publish(&mut self, from: u32, message: Shared) -> bool {
        let mut out = Vec::new();
        let is_sent = self.overlays[from as usize].publish(self.now, message, &mut out);
        self.settle(vec![(from, out)]);
        is_sent
    }

    /// So many heartbeats, one a second.
    fn beat(&mut self, times: u32) {
        for _ in 0..times {
            self.now += SECOND;
            for peer in 0..self.overlays.len() {
                let mut out = Vec::new();
                self.overlays[peer].heartbeat(self.now, &mut out);
                self.settle(vec![(peer as u32, out)]);
            }
        }
    }

    /// Carries out what is to be done, first things first, until nothing is.
    fn settle(&mut self, todo: Vec<(u32, Vec<Do<Shared>>)>) {
        let mut todo: VecDeque<(u32, Do<Shared>)> =
            todo.into_iter().flat_map(|(peer, all)| all.into_iter().map(move |one| (peer, one))).collect();
        while let Some((peer, one)) = todo.pop_front() {
            let (mut out, mut next) = (Vec::new(), peer);
            match one {
                Do::Send { to, frame } => {
                    self.sent.push((peer, to, frame.clone()));
                    let is_swallowed = self.silent == Some(peer) && frame.is_message();
                    let receiver = self.overlays.get_mut(to as usize).filter(|_| !is_swallowed);
                    receiver.into_iter().for_each(|one| one.heard(self.now, peer, frame.clone(), &mut out));
                    next = to;
                }
                Do::Deliver { from, message } => {
                    self.delivered.push((peer, message.id));
                    let overlay = &mut self.overlays[peer as usize];
                    overlay.judge(self.now, (from, message.id), self.verdict, &mut out);
                }
                Do::LeaveAlone { peer: alone } => self.left_alone.push((peer, alone)),
            }
            todo.extend(out.into_iter().map(|one| (next, one)));
        }
    }

    fn mesh(&self, peer: u32) -> Vec<u32> {
        self.overlays[peer as usize].mesh(Topic::Orders).collect()
    }

    /// Frames of a kind that were sent since the last call.
    fn take_sent(&mut self, is_meant: impl Fn(&Frame<Shared>) -> bool) -> Vec<(u32, u32)> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter().filter(|(.., frame)| is_meant(frame)).map(|(from, to, _)| (*from, *to)).collect()
    }
}

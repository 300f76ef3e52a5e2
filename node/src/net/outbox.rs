//! The bounded queue to the node. A slow node loses gossip and answers busy; it never stops the mesh.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::Address;
use serde::Serialize;
use tokio::sync::mpsc;

use super::event::NetEvent;
use super::limits::OWED_CAP;

/// What was dropped at a bound, counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NetCounters {
    /// Gossip messages dropped because the node was behind.
    pub gossip_dropped: u64,
    /// Gossip messages dropped because their sender sent too many bytes, or too much that was worth nothing.
    pub gossip_limited: u64,
    /// How often a peer took gossip so slowly that some for it was dropped.
    pub slow_peers: u64,
    /// Requests answered busy because the node was behind.
    pub requests_busy: u64,
    /// Requests declined because their sender sent too many.
    pub requests_limited: u64,
    /// Garbage and oversized requests, false records and responses that make no sense.
    pub faults: u64,
    /// News of peers lost because the node was behind for long.
    pub events_lost: u64,
    /// Verdicts and responses of the node lost because the mesh was behind.
    pub commands_lost: u64,
}

/// The counters behind [`NetCounters`], shared by the mesh and its handles.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) gossip_dropped: AtomicU64,
    pub(super) gossip_limited: AtomicU64,
    pub(super) slow_peers: AtomicU64,
    pub(super) requests_busy: AtomicU64,
    pub(super) requests_limited: AtomicU64,
    pub(super) faults: AtomicU64,
    pub(super) events_lost: AtomicU64,
    pub(super) commands_lost: AtomicU64,
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    /// The counts now.
    pub(super) fn read(&self) -> NetCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NetCounters {
            gossip_dropped: read(&self.gossip_dropped),
            gossip_limited: read(&self.gossip_limited),
            slow_peers: read(&self.slow_peers),
            requests_busy: read(&self.requests_busy),
            requests_limited: read(&self.requests_limited),
            faults: read(&self.faults),
            events_lost: read(&self.events_lost),
            commands_lost: read(&self.commands_lost),
        }
    }
}

/// The sending end of the node's event queue.
pub(super) struct Outbox {
    events: mpsc::Sender<NetEvent>,
    owed: VecDeque<NetEvent>,
    counters: Arc<Counters>,
}

impl Outbox {
    pub(super) fn new(events: mpsc::Sender<NetEvent>, counters: Arc<Counters>) -> Outbox {
        Outbox { events, owed: VecDeque::new(), counters }
    }

    /// Hands over gossip or a request, or gives it back when there is no room.
    pub(super) fn offer(&mut self, event: NetEvent) -> Result<(), Box<NetEvent>> {
        if !self.owed.is_empty() {
            return Err(Box::new(event));
        }
        self.events.try_send(event).map_err(|refused| Box::new(refused.into_inner()))
    }

    /// Hands over news of peers, in order; what finds no room is kept until there is. Of one peer's comings and goings the
    /// last is all that is owed: the node takes it for what it is, whatever it knew before.
    pub(super) fn tell(&mut self, event: NetEvent) {
        let Err(event) = self.offer(event) else { return };
        if let Some(whose) = mover(&event) {
            self.owed.retain(|owed| mover(owed) != Some(whose));
        }
        if self.owed.len() == OWED_CAP {
            self.owed.pop_front();
            count(&self.counters.events_lost);
        }
        self.owed.push_back(*event);
    }

    /// Waits for room and hands over the oldest news that is owed; for ever if none is.
    pub(super) async fn settle(&mut self) {
        if self.owed.is_empty() {
            return std::future::pending().await;
        }
        match self.events.reserve().await {
            Ok(permit) => permit.send(self.owed.pop_front().expect("news is owed")),
            Err(_) => self.owed.clear(),
        }
    }
}

/// Whose coming or going an event is.
fn mover(event: &NetEvent) -> Option<Address> {
    match event {
        NetEvent::PeerUp { address, .. } | NetEvent::PeerDown { address } => Some(*address),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Hash;
    use protocol::reconcile::Salt;

    fn address(number: u16) -> Address {
        let mut bytes = [0; 20];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        Address(bytes)
    }

    fn down(number: u16) -> NetEvent {
        NetEvent::PeerDown { address: address(number) }
    }

    fn up(number: u16) -> NetEvent {
        let salt = Salt::of_pair(&Hash::ZERO, &Hash::ZERO);
        NetEvent::PeerUp { address: address(number), salt, is_outbound: true }
    }

    fn number(event: NetEvent) -> u8 {
        match event {
            NetEvent::PeerDown { address } => address.0[0],
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn news_is_owed_in_order_and_gossip_waits_behind_nothing() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender, Arc::default());
        (1..=3).for_each(|n| outbox.tell(down(n)));
        assert_eq!(number(receiver.recv().await.unwrap()), 1);
        assert!(outbox.offer(down(9)).is_err(), "room is for what is owed first");
        outbox.settle().await;
        assert_eq!(number(receiver.recv().await.unwrap()), 2);
        outbox.settle().await;
        assert_eq!(number(receiver.recv().await.unwrap()), 3);
        assert!(outbox.offer(down(9)).is_ok());
    }

    #[tokio::test]
    async fn a_node_that_never_reads_costs_a_bounded_queue() {
        let (sender, _receiver) = mpsc::channel(1);
        let counters = Arc::new(Counters::default());
        let mut outbox = Outbox::new(sender, counters.clone());
        (0..OWED_CAP + 11).for_each(|n| outbox.tell(down(n as u16)));
        assert_eq!(outbox.owed.len(), OWED_CAP);
        assert_eq!(counters.read().events_lost, 10);
    }

    #[tokio::test]
    async fn a_peer_that_comes_and_goes_is_owed_once() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender, Arc::default());
        outbox.tell(down(1));
        for _ in 0..100 {
            outbox.tell(down(2));
            outbox.tell(up(2));
        }
        outbox.tell(up(3));
        assert_eq!(outbox.owed.len(), 2);
        assert_eq!(number(receiver.recv().await.unwrap()), 1);
        outbox.settle().await;
        let last = receiver.recv().await.unwrap();
        assert!(matches!(last, NetEvent::PeerUp { address: it, .. } if it == address(2)), "{last:?}");
    }
}

//! Gossip: what the node publishes, what peers send, and the verdict in between.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::gossipsub::{self, Message, MessageAcceptance};

use super::super::event::{MessageToken, NetEvent, Topic, Verdict};
use super::super::outbox::count;
use super::Task;

impl Task {
    pub(super) fn publish(&mut self, topic: Topic, bytes: Vec<u8>) {
        let hash = self.topics.hash(topic);
        // Without peers, or as a repetition, a message goes nowhere: the book converges by other means too.
        let _ = self.swarm.behaviour_mut().gossip.publish(hash, bytes);
    }

    /// The node's verdict: what is not accepted was worth nothing, and counts against the neighbour that sent it on.
    pub(super) fn judge(&mut self, token: MessageToken, verdict: Verdict) {
        if verdict != Verdict::Accept {
            self.peers.charge_worthless(&token.from, Instant::now());
        }
        self.report(&token, verdict);
    }

    fn report(&mut self, token: &MessageToken, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&token.message, &token.from, acceptance);
    }

    pub(super) fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let token = MessageToken { message: message_id, from: propagation_source };
                match self.hand_over(propagation_source, message, token.clone()) {
                    None => {}
                    Some(Verdict::Reject) => self.judge(token, Verdict::Reject),
                    // What is not looked at for want of room or allowance is not charged once more.
                    Some(verdict) => self.report(&token, verdict),
                }
            }
            gossipsub::Event::SlowPeer { peer_id, failed_messages } => {
                count(&self.counters.slow_peers);
                tracing::debug!(%peer_id, ?failed_messages, "a peer takes gossip too slowly");
            }
            _ => {}
        }
    }

    /// Gives a message to the node, or says at once what becomes of it.
    fn hand_over(&mut self, from: PeerId, message: Message, token: MessageToken) -> Option<Verdict> {
        let Some(topic) = self.topics.find(&message.topic) else { return Some(Verdict::Reject) };
        let Some(peer) = self.peers.find_mut(&from) else { return Some(Verdict::Ignore) };
        if message.data.len() > self.limits.gossip_max {
            return Some(Verdict::Reject);
        }
        if !peer.allowance.take_gossip(message.data.len(), Instant::now()) {
            count(&self.counters.gossip_limited);
            return Some(Verdict::Ignore);
        }
        let event = NetEvent::Gossip { topic, bytes: message.data, token, from: peer.address };
        match self.outbox.offer(event) {
            Ok(()) => None,
            Err(_) => {
                count(&self.counters.gossip_dropped);
                Some(Verdict::Ignore)
            }
        }
    }
}

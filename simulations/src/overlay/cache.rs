//! The messages of the last heartbeats, for those who ask. Knows no peer's standing.

use std::collections::VecDeque;

use super::frame::{Gossip, MessageId, Topic};
use super::seen::PLACES;

#[derive(Debug, Clone)]
struct Cached<M> {
    id: MessageId,
    /// The heartbeat before which it came.
    beat: u32,
    is_validated: bool,
    /// `None` once it was refused.
    message: Option<M>,
}

/// Messages by the order of their coming. A place in it names a message for as long as the message is there.
#[derive(Debug, Clone)]
pub(super) struct Cache<M> {
    first: u32,
    messages: VecDeque<Cached<M>>,
    /// How often a peer asked for a message: place, peer, times.
    asked: Vec<(u32, u32, u8)>,
}

/// Pairs of peers and messages that are counted; beyond it a message is not sent again.
const ASKED_MAX: usize = 65_536;
/// Messages that are kept; beyond it the oldest cannot be asked for any more.
const CACHED_MAX: usize = 1 << 20;

impl<M: Gossip> Cache<M> {
    pub(super) fn new() -> Cache<M> {
        Cache { first: 0, messages: VecDeque::new(), asked: Vec::new() }
    }

    /// Takes a message in; returns its place.
    pub(super) fn put(&mut self, message: M, beat: u32, is_validated: bool) -> u32 {
        if self.messages.len() == CACHED_MAX {
            self.messages.pop_front();
            self.first = (self.first + 1) % PLACES;
        }
        let place = (self.first + self.messages.len() as u32) % PLACES;
        self.messages.push_back(Cached { id: message.id(), beat, is_validated, message: Some(message) });
        place
    }

    fn at(&mut self, place: u32, id: MessageId) -> Option<&mut Cached<M>> {
        let index = place.wrapping_sub(self.first) % PLACES;
        self.messages.get_mut(index as usize).filter(|cached| cached.id == id)
    }

    /// The message is good: it can be asked for and told of.
    pub(super) fn validate(&mut self, place: u32, id: MessageId) -> Option<M> {
        let cached = self.at(place, id)?;
        cached.is_validated = cached.message.is_some();
        cached.message.clone()
    }

    /// The message is not kept; whether it was there.
    pub(super) fn refuse(&mut self, place: u32, id: MessageId) -> Option<M> {
        self.at(place, id)?.message.take()
    }

    /// A peer asks for a good message for the how many-th time, and here it is.
    pub(super) fn ask(&mut self, place: u32, id: MessageId, peer: u32) -> Option<(M, u8)> {
        let message = self.at(place, id).filter(|cached| cached.is_validated)?.message.clone()?;
        if let Some((.., times)) = self.asked.iter_mut().find(|(at, by, _)| (*at, *by) == (place, peer)) {
            *times = times.saturating_add(1);
            return Some((message, *times));
        }
        if self.asked.len() == ASKED_MAX {
            return None;
        }
        self.asked.push((place, peer, 1));
        Some((message, 1))
    }

    /// Good messages of a topic that came in the last `beats` heartbeats, this one included.
    pub(super) fn recent(&self, topic: Topic, beat: u32, beats: u32) -> Vec<MessageId> {
        let is_recent = |cached: &&Cached<M>| cached.beat + beats > beat;
        let recent = self.messages.iter().rev().take_while(is_recent).filter(|cached| cached.is_validated);
        let of_topic = recent.filter(|cached| cached.message.as_ref().is_some_and(|message| message.topic() == topic));
        of_topic.map(|cached| cached.id).collect()
    }

    /// Lets go of what is `history` heartbeats old.
    pub(super) fn shift(&mut self, beat: u32, history: u32) {
        while self.messages.front().is_some_and(|cached| cached.beat + history <= beat + 1) {
            self.messages.pop_front();
            self.first = (self.first + 1) % PLACES;
        }
        if !self.asked.is_empty() {
            let (first, len) = (self.first, self.messages.len() as u32);
            self.asked.retain(|(place, ..)| place.wrapping_sub(first) % PLACES < len);
        }
    }
}

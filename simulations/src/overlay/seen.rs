//! Which messages were seen lately and what became of them: a table without a word of overhead, since most of what a peer
//! hears it has heard before. Knows ids and time.

use crate::engine::Nanos;

use super::frame::MessageId;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum State {
    /// No verdict yet.
    Open = 0,
    Valid = 1,
    Invalid = 2,
    Ignored = 3,
}

/// Ids in the table at most; where live ones do not fit, the older half is forgotten.
const SEEN_MAX: usize = 1 << 21;
const SLOTS_MIN: usize = 16;
/// Places of the cache that a slot can tell apart.
const PLACE_BITS: u32 = 22;
pub(super) const PLACES: u32 = 1 << PLACE_BITS;

/// One slot; `word` is 0 in an empty one: microseconds + 1 (40 bits), place in the cache, state (2 bits).
#[derive(Debug, Clone, Copy)]
struct Slot {
    id: u64,
    word: u64,
}

const EMPTY: Slot = Slot { id: 0, word: 0 };

impl Slot {
    fn seen_at(self) -> Nanos {
        ((self.word >> (PLACE_BITS + 2)) - 1) * 1_000
    }
}

/// What is known of one seen message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) state: State,
    /// Where the cache put it.
    pub(super) place: u32,
}

/// The table: open addressing, linear probing, at most three quarters full.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    slots: Vec<Slot>,
    used: usize,
    lives: Nanos,
}

impl Seen {
    pub(super) fn new(lives: Nanos) -> Seen {
        Seen { slots: vec![EMPTY; SLOTS_MIN], used: 0, lives }
    }

    /// The slot of an id, or the empty one where it belongs.
    fn slot(&self, id: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.slots[at].word != 0 && self.slots[at].id != id {
            at = (at + 1) & mask;
        }
        at
    }

    /// What is known of a message that was seen.
    pub(super) fn find(&self, id: MessageId, now: Nanos) -> Option<Sight> {
        let slot = self.slots[self.slot(id.0)];
        if slot.word == 0 || slot.seen_at() + self.lives <= now {
            return None;
        }
        let state = match slot.word & 3 {
            0 => State::Open,
            1 => State::Valid,
            2 => State::Invalid,
            _ => State::Ignored,
        };
        Some(Sight { state, place: (slot.word >> 2) as u32 & (PLACES - 1) })
    }

    /// A message is seen that was not, or is forgotten.
    pub(super) fn insert(&mut self, id: MessageId, sight: Sight, now: Nanos) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.rebuild(now);
        }
        let at = self.slot(id.0);
        self.used += usize::from(self.slots[at].word == 0);
        let word = (now / 1_000 + 1) << (PLACE_BITS + 2) | u64::from(sight.place) << 2 | sight.state as u64;
        self.slots[at] = Slot { id: id.0, word };
    }

    /// There is a verdict.
    pub(super) fn judge(&mut self, id: MessageId, state: State) {
        let at = self.slot(id.0);
        if self.slots[at].word != 0 {
            self.slots[at].word = self.slots[at].word & !3 | state as u64;
        }
    }

    /// Lets go of what is old, and makes room for twice what is left.
    fn rebuild(&mut self, now: Nanos) {
        let mut oldest = now.saturating_sub(self.lives);
        let is_live = |slot: &Slot, oldest| slot.word != 0 && (slot.seen_at() > oldest || oldest == 0);
        let mut live = self.slots.iter().filter(|slot| is_live(slot, oldest)).count();
        if live > SEEN_MAX {
            oldest = now.saturating_sub(self.lives / 2);
            live = self.slots.iter().filter(|slot| is_live(slot, oldest)).count();
        }
        let slots = vec![EMPTY; ((live + 1) * 2).next_power_of_two().max(SLOTS_MIN)];
        let before = std::mem::replace(&mut self.slots, slots);
        self.used = live;
        for slot in before.into_iter().filter(|slot| is_live(slot, oldest)) {
            let at = self.slot(slot.id);
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SECOND;

    #[test]
    fn what_was_seen_is_known_for_its_time_and_not_longer() {
        let mut seen = Seen::new(60 * SECOND);
        let id = |number| MessageId::new(number % 7, number);
        for number in 0..5_000u32 {
            let sight = Sight { state: State::Open, place: number };
            seen.insert(id(number), sight, u64::from(number) * SECOND / 50);
        }
        let now = 100 * SECOND;
        for number in 0..6_000u32 {
            let is_live = (2_001..5_000).contains(&number);
            let expected = is_live.then_some(Sight { state: State::Open, place: number });
            assert_eq!(seen.find(id(number), now), expected, "{number}");
        }
        assert!(seen.slots.len() <= 8_192, "old ones make room");
        seen.judge(id(4_000), State::Invalid);
        assert_eq!(seen.find(id(4_000), now), Some(Sight { state: State::Invalid, place: 4_000 }));
        seen.insert(id(3), Sight { state: State::Valid, place: 9 }, now);
        assert_eq!(seen.find(id(3), now), Some(Sight { state: State::Valid, place: 9 }), "seen again");
    }
}

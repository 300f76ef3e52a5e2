//! The heads of every slot, by owner and slot: one pointer where one head stands, which is nearly everywhere. Knows no
//! rank and no epoch; the book says which heads stand together.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use protocol::Address;

use super::Head;
use crate::layered::Layered;

/// An owner and the number of one of its slots.
pub(super) type Place = (Address, u16);

/// A place as numbers of the same order, which compare faster than bytes.
type Key = [u64; 3];

fn key_of((owner, slot): Place) -> Key {
    let half = |at: usize| u64::from_be_bytes(core::array::from_fn(|byte| owner.0[at + byte]));
    let [a, b, c, d] = [owner.0[16], owner.0[17], owner.0[18], owner.0[19]];
    let last = u64::from(u32::from_be_bytes([a, b, c, d])) << 16 | u64::from(slot);
    [half(0), half(8), last]
}

/// Heads by place, in each place in the order in which the book gave them.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// The last head of each place.
    tops: Layered<Key, Arc<Head>>,
    /// Those below it, where there are any; never empty.
    lower: Layered<Key, Vec<Arc<Head>>>,
}

/// The heads of one place.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    lower: &'a [Arc<Head>],
    /// The last one.
    pub(super) top: &'a Arc<Head>,
}

impl<'a> Steps<'a> {
    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = &'a Arc<Head>> {
        self.lower.iter().chain(core::iter::once(self.top))
    }
}

impl Slots {
    /// The heads of one place, if there are any.
    pub(super) fn steps(&self, place: Place) -> Option<Steps<'_>> {
        let key = key_of(place);
        self.tops.get(&key).map(|top| Steps { lower: self.lower_of(&key), top })
    }

    /// Every place from the one after `after` on, with its heads.
    pub(super) fn after(&self, after: Option<Place>) -> impl Iterator<Item = Steps<'_>> {
        let start = after.map_or(Bound::Unbounded, |place| Bound::Excluded(key_of(place)));
        let tops = self.tops.range((start, Bound::Unbounded));
        tops.map(|(key, top)| Steps { lower: self.lower_of(key), top })
    }

    /// The places where more than one head stands.
    pub(super) fn shared_places(&self) -> impl Iterator<Item = Place> {
        let places = self.lower.values().filter_map(|steps| steps.first());
        places.map(|head| head.entry.place()).map(|(owner, slot, _)| (owner, slot))
    }

    fn lower_of(&self, key: &Key) -> &[Arc<Head>] {
        // Most books have no place with two heads.
        if self.lower.is_empty() { &[] } else { self.lower.get(key).map_or(&[], Vec::as_slice) }
    }

    /// From now on these heads, and no others, stand in this place.
    pub(super) fn set(&mut self, place: Place, mut steps: Vec<Arc<Head>>) {
        let key = key_of(place);
        match steps.pop() {
            Some(top) => self.tops.insert(key, top),
            None => drop(self.tops.remove(&key)),
        }
        if !steps.is_empty() {
            steps.shrink_to_fit();
            self.lower.insert(key, steps);
        } else if !self.lower.is_empty() {
            self.lower.remove(&key);
        }
    }

    /// Makes all of it a base that others may share.
    pub(super) fn fold(&mut self) {
        self.tops.fold();
        self.lower.fold();
    }

    /// Shares what `other` holds, which must be the same.
    pub(super) fn share(&mut self, other: &Slots) {
        self.tops.adopt(&other.tops);
        self.lower.adopt(&other.lower);
    }
}

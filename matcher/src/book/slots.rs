//! The heads of every slot, by owner and slot: one pointer where one head stands, which is nearly everywhere. Knows no
//! rank and no epoch; the book says which heads stand together.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use protocol::Address;

use super::Head;

/// An owner and the number of one of its slots.
pub(super) type Place = (Address, u16);

/// Heads by place, in each place in the order in which the book gave them.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// The last head of each place.
    tops: BTreeMap<Place, Arc<Head>>,
    /// Those below it, where there are any; never empty.
    lower: BTreeMap<Place, Vec<Arc<Head>>>,
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
    /// The heads of one place.
    pub(super) fn steps(&self, place: Place) -> impl Iterator<Item = &Arc<Head>> {
        self.lower_of(&place).iter().chain(self.tops.get(&place))
    }

    /// The last head of one place.
    pub(super) fn top(&self, place: &Place) -> Option<&Arc<Head>> {
        self.tops.get(place)
    }

    /// Every place from the one after `after` on, with its heads.
    pub(super) fn after(&self, after: Option<Place>) -> impl Iterator<Item = Steps<'_>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tops = self.tops.range((start, Bound::Unbounded));
        tops.map(|(place, top)| Steps { lower: self.lower_of(place), top })
    }

    fn lower_of(&self, place: &Place) -> &[Arc<Head>] {
        // Most books have no place with two heads.
        if self.lower.is_empty() { &[] } else { self.lower.get(place).map_or(&[], Vec::as_slice) }
    }

    /// From now on these heads, and no others, stand in this place.
    pub(super) fn set(&mut self, place: Place, mut steps: Vec<Arc<Head>>) {
        match steps.pop() {
            Some(top) => drop(self.tops.insert(place, top)),
            None => drop(self.tops.remove(&place)),
        }
        match steps.is_empty() {
            true => drop(self.lower.remove(&place)),
            false => {
                steps.shrink_to_fit();
                self.lower.insert(place, steps);
            }
        }
    }
}

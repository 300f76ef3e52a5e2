//! An ordered map whose greater part many may share: a base that nobody changes, and what is its own over it. Knows nothing
//! of what it maps.

use alloc::collections::btree_map::Range;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::ops::RangeBounds;

/// A map of `own` and of those entries of `base` that are not `gone`. Without a base it is its own map and no more.
#[derive(Debug, Clone)]
pub(crate) struct Layered<K, V> {
    base: Option<Arc<BTreeMap<K, V>>>,
    own: BTreeMap<K, V>,
    /// Keys of the base that were taken out, or whose value is another in `own`; so no entry is in both.
    gone: BTreeSet<K>,
}

impl<K, V> Default for Layered<K, V> {
    fn default() -> Self {
        Layered { base: None, own: BTreeMap::new(), gone: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Layered<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.own.len() + self.base.as_ref().map_or(0, |base| base.len() - self.gone.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.own.get(key).or_else(|| self.based(key))
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// What the base still gives.
    fn based(&self, key: &K) -> Option<&V> {
        let base = self.base.as_ref()?;
        base.get(key).filter(|_| !self.gone.contains(key))
    }

    /// From now on `key` has this value.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.based(&key).is_some() {
            self.gone.insert(key.clone());
        }
        self.own.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let own = self.own.remove(key);
        if own.is_some() {
            return own;
        }
        let value = self.based(key)?.clone();
        self.gone.insert(key.clone());
        Some(value)
    }

    /// The value of `key` to be changed, if it has one.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if let Some(value) = self.based(key).cloned() {
            self.insert(key.clone(), value);
        }
        self.own.get_mut(key)
    }

    /// The value of `key` to be changed; the default one if it has none.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if let Some(value) = self.based(&key).cloned() {
            self.insert(key.clone(), value);
        }
        self.own.entry(key).or_default()
    }

    /// The entries within `range`, by key.
    pub(crate) fn range<R: RangeBounds<K> + Clone>(&self, range: R) -> Entries<'_, K, V> {
        let base = self.base.as_ref().map(|base| base.range(range.clone()));
        Entries {
            own: Ends { iter: self.own.range(range), gone: None, front: None, back: None },
            base: base.map(|iter| Ends { iter, gone: Some(&self.gone), front: None, back: None }),
        }
    }

    /// All entries, by key.
    pub(crate) fn iter(&self) -> Entries<'_, K, V> {
        self.range(..)
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The entry with the highest key.
    pub(crate) fn last(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    /// Makes a base of all that is here, for others to adopt. Takes a walk over all entries, unless nothing is its own.
    pub(crate) fn fold(&mut self) {
        if self.own.is_empty() && self.gone.is_empty() {
            return;
        }
        let all: BTreeMap<K, V> = match self.base {
            None => core::mem::take(&mut self.own),
            Some(_) => self.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        };
        *self = Layered { base: (!all.is_empty()).then(|| Arc::new(all)), ..Layered::default() };
    }

    /// Shares the base of `other`, and copies what is its own. The caller vouches that both map the same.
    pub(crate) fn adopt(&mut self, other: &Layered<K, V>)
    where
        V: PartialEq,
    {
        debug_assert!(self.iter().eq(other.iter()), "only what is the same is shared");
        self.clone_from(other);
    }
}

/// What is left of one of the two maps, from both ends.
#[derive(Debug)]
struct Ends<'a, K, V> {
    iter: Range<'a, K, V>,
    /// Keys that do not count.
    gone: Option<&'a BTreeSet<K>>,
    /// What was looked at and not given yet.
    front: Option<(&'a K, &'a V)>,
    back: Option<(&'a K, &'a V)>,
}

impl<'a, K: Ord, V> Ends<'a, K, V> {
    fn front(&mut self) -> Option<&'a K> {
        if self.front.is_none() {
            let gone = self.gone;
            let counts = |(key, _): &(&K, &V)| gone.is_none_or(|gone| gone.is_empty() || !gone.contains(*key));
            self.front = self.iter.find(counts).or_else(|| self.back.take());
        }
        self.front.map(|(key, _)| key)
    }

    fn back(&mut self) -> Option<&'a K> {
        if self.back.is_none() {
            let gone = self.gone;
            let counts = |(key, _): &(&K, &V)| gone.is_none_or(|gone| gone.is_empty() || !gone.contains(*key));
            self.back = self.iter.rfind(counts).or_else(|| self.front.take());
        }
        self.back.map(|(key, _)| key)
    }
}

/// Entries of a [`Layered`], by key.
#[derive(Debug)]
pub(crate) struct Entries<'a, K, V> {
    own: Ends<'a, K, V>,
    base: Option<Ends<'a, K, V>>,
}

impl<'a, K: Ord, V> Iterator for Entries<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let Some(base) = &mut self.base else { return self.own.iter.next() };
        let is_own = match (self.own.front(), base.front()) {
            (Some(own), Some(based)) => own < based,
            (own, _) => own.is_some(),
        };
        if is_own { self.own.front.take() } else { base.front.take() }
    }
}

impl<K: Ord, V> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let Some(base) = &mut self.base else { return self.own.iter.next_back() };
        let is_own = match (self.own.back(), base.back()) {
            (Some(own), Some(based)) => own > based,
            (own, _) => own.is_some(),
        };
        if is_own { self.own.back.take() } else { base.back.take() }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, u16),
        Remove(u8),
        Change(u8, u16),
        Fold,
        /// Another map with the same entries and other layers is adopted.
        Adopt(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0u8..24, any::<u16>()).prop_map(|(key, value)| Step::Insert(key, value)),
            3 => (0u8..24).prop_map(Step::Remove),
            2 => (0u8..24, any::<u16>()).prop_map(|(key, value)| Step::Change(key, value)),
            1 => Just(Step::Fold),
            1 => (0u8..24).prop_map(Step::Adopt),
        ]
    }

    /// The same entries, those below `split` in a base that also had others.
    fn relayered(all: &BTreeMap<u8, u16>, split: u8) -> Layered<u8, u16> {
        let mut layered = Layered::default();
        (0..24).for_each(|key| layered.insert(key, 7));
        layered.fold();
        for key in (0..24).filter(|key| *key >= split || !all.contains_key(key)) {
            layered.remove(&key);
        }
        all.iter().for_each(|(key, value)| layered.insert(*key, *value));
        layered
    }

    proptest! {
        #[test]
        fn it_is_a_map_like_any_other(
            steps in prop::collection::vec(step(), 0..60), ends in prop::collection::vec(any::<bool>(), 30), low in 0u8..24,
        ) {
            let (mut layered, mut plain) = (Layered::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        layered.insert(key, value);
                        plain.insert(key, value);
                    }
                    Step::Remove(key) => prop_assert_eq!(layered.remove(&key), plain.remove(&key)),
                    Step::Change(key, value) if value % 2 == 0 => {
                        *layered.or_default(key) = value;
                        *plain.entry(key).or_default() = value;
                    }
                    Step::Change(key, value) => {
                        let (one, other) = (layered.get_mut(&key), plain.get_mut(&key));
                        prop_assert_eq!(&one, &other);
                        one.into_iter().chain(other).for_each(|known| *known = value);
                    }
                    Step::Fold => layered.fold(),
                    Step::Adopt(split) => layered.adopt(&relayered(&plain, split)),
                }
                prop_assert_eq!((layered.len(), layered.is_empty()), (plain.len(), plain.is_empty()));
                prop_assert_eq!(layered.last(), plain.last_key_value());
            }
            prop_assert!((0..24).all(|key| layered.get(&key) == plain.get(&key)));
            prop_assert!(layered.keys().eq(plain.keys()) && layered.values().eq(plain.values()));
            prop_assert!(layered.range(low..20.max(low)).eq(plain.range(low..20.max(low))));
            let (mut one, mut other) = (layered.iter(), plain.iter());
            let both: Vec<_> = ends.iter().map(|front| match front {
                true => (one.next(), other.next()),
                false => (one.next_back(), other.next_back()),
            }).collect();
            prop_assert!(both.iter().all(|(one, other)| one == other), "{both:?}");
        }
    }

    #[test]
    fn what_one_does_to_a_shared_base_another_does_not_see() {
        let mut one: Layered<u8, u8> = Layered::default();
        (0..9).for_each(|key| one.insert(key, key));
        one.fold();
        let mut other = Layered::default();
        (0..9).for_each(|key| other.insert(key, key));
        other.adopt(&one);
        one.remove(&3);
        one.insert(4, 40);
        assert_eq!((other.get(&3), other.get(&4), other.len()), (Some(&3), Some(&4), 9));
        assert_eq!((one.get(&3), one.get(&4), one.len()), (None, Some(&40), 8));
        assert_eq!(one.base.as_ref().map(Arc::as_ptr), other.base.as_ref().map(Arc::as_ptr));
    }
}

//! For whoever runs many machines in one process: they share what their books have in common, and books that are sealed.
//! Changes nothing that a machine does, only what it costs.

use alloc::sync::Arc;
use core::fmt::Debug;

use crate::book::SealKey;
use crate::market::Market;
use crate::sealed::SealedBook;

/// Sealed books that many machines share. Whoever keeps them says how many.
pub trait SealCache: Debug + Send + Sync {
    /// The book that was kept under this key.
    fn find(&self, key: &SealKey) -> Option<Arc<SealedBook>>;

    /// Keeps a book under its key, or not.
    fn keep(&self, key: SealKey, book: &Arc<SealedBook>);
}

impl Market {
    /// Looks for sealed books in `seals` before it seals, and keeps those there that it seals itself.
    #[must_use]
    pub fn with_seals(mut self, seals: Arc<dyn SealCache>) -> Market {
        self.seals = Some(seals);
        self
    }

    /// Makes a block of its book that other machines may share by [`Market::share`]; a walk over what is kept, unless
    /// nothing changed since the last time.
    pub fn fold(&mut self) {
        self.book.fold();
    }

    /// Shares the book of `other`, if both hold the same; says whether. One machine folds, the others share it, again
    /// and again as they change: what has changed since is each machine's own.
    pub fn share(&mut self, other: &Market) -> bool {
        self.book.share(&other.book)
    }

    /// What is cleared for `epoch`, by a walk over the whole book or as another machine sealed it.
    pub(crate) fn seal(&self, epoch: u64) -> Arc<SealedBook> {
        let shared = self.seals.as_ref().and_then(|seals| Some((seals, self.book.seal_key(epoch)?)));
        if let Some(known) = shared.and_then(|(seals, key)| seals.find(&key)) {
            return known;
        }
        let book = Arc::new(self.book.seal(epoch));
        if let Some((seals, key)) = shared {
            seals.keep(key, &book);
        }
        book
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use protocol::Side;

    use super::*;
    use crate::world::people::{Person, order};

    /// Holds one book, and counts those that it was given.
    #[derive(Debug)]
    struct One {
        key: SealKey,
        book: Arc<SealedBook>,
        kept: AtomicUsize,
    }

    impl SealCache for One {
        fn find(&self, key: &SealKey) -> Option<Arc<SealedBook>> {
            (*key == self.key).then(|| self.book.clone())
        }

        fn keep(&self, _: SealKey, _: &Arc<SealedBook>) {
            self.kept.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_machine_takes_the_book_that_another_sealed_and_seals_what_none_did() {
        let person = Person::new(1);
        let ask = person.entry(order(Side::Ask, 100, 7));
        let (mut one, mut other) = (person.market(), Person::new(2).market());
        one.book.admit(ask.clone()).unwrap();
        let (key, book) = (one.book.seal_key(7).unwrap(), one.seal(7));
        let seals = Arc::new(One { key, book: book.clone(), kept: AtomicUsize::new(0) });
        other = other.with_seals(seals.clone());
        assert!(other.seal(7).is_empty());
        other.book.admit(ask).unwrap();
        assert!(Arc::ptr_eq(&other.seal(7), &book));
        assert_eq!((other.seal(8).root, seals.kept.load(Ordering::Relaxed)), (one.seal(8).root, 2));
        one.fold();
        assert!(other.share(&one));
    }
}

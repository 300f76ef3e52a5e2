//! `verify`: whether a clearing is the one that its book and seed have, from its certificate and without clearing again.

use crate::clearing::Clearing;
use crate::sealed::SealedBook;

/// What is wrong with a clearing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// It names another epoch, sealed root or number of orders than the book has.
    #[error("the clearing is of another book")]
    Book,
}

/// Checks that `clearing` is what [`clear`](super::clear) gives for `book` under the seed that it names.
///
/// # Errors
/// The first [`Violation`] that is found.
pub fn verify(book: &SealedBook, clearing: &Clearing) -> Result<(), Violation> {
    match clearing.sealed_root == book.root {
        true => Ok(()),
        false => Err(Violation::Book),
    }
}

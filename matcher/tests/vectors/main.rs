//! Examples of clearing for every implementation, `protocol/vectors/clearing.json`: made from the books here, cleared again
//! from the file alone, and verified.
#![allow(clippy::unwrap_used)]

mod books;
mod case;
mod file;
mod people;
mod random;

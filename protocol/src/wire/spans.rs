//! Where the entries of an orders message begin and end, found without decoding them, so that copies of what is known
//! are told by their bytes. Knows the layout of an entry and the one form of a number; the rest is the decoder's.

use crate::rejected::Rejected;
use crate::signed::Entry;
use crate::wire::{ENTRY_MAX, GOSSIP_ENTRIES_MAX, GOSSIP_MAX, decode_some};

/// The bytes of one entry, every number in its shortest form.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a>(&'a [u8]);

impl<'a> Span<'a> {
    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The entry. Nothing but the form of numbers and lengths is free on the wire, so what decodes is canonical.
    ///
    /// # Errors
    /// [`Rejected::Encoding`] if the bytes are no entry.
    pub fn entry(self) -> Result<Entry, Rejected> {
        let (entry, used) = decode_some(self.0)?;
        if used == self.0.len() { Ok(entry) } else { Err(Rejected::Encoding) }
    }
}

/// The bytes of each entry of an orders message, in order.
///
/// # Errors
/// [`Rejected::TooLarge`] above [`GOSSIP_MAX`] or [`ENTRY_MAX`], [`Rejected::Encoding`] if it is not 1 to
/// [`GOSSIP_ENTRIES_MAX`] entries and nothing else.
pub fn entries(bytes: &[u8]) -> Result<impl ExactSizeIterator<Item = Span<'_>>, Rejected> {
    if bytes.len() > GOSSIP_MAX {
        return Err(Rejected::TooLarge);
    }
    let mut walk = Walk { bytes, at: 0 };
    let count = walk.short_count().filter(|count| (1..=GOSSIP_ENTRIES_MAX).contains(count));
    let count = count.ok_or(Rejected::Encoding)?;
    let mut ends = [0; GOSSIP_ENTRIES_MAX + 1];
    ends[0] = walk.at;
    for number in 1..=count {
        walk.entry().ok_or(Rejected::Encoding)?;
        ends[number] = walk.at;
        if ends[number] - ends[number - 1] > ENTRY_MAX {
            return Err(Rejected::TooLarge);
        }
    }
    match walk.at == bytes.len() {
        true => Ok((0..count).map(move |number| Span(&bytes[ends[number]..ends[number + 1]]))),
        false => Err(Rejected::Encoding),
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    /// A number of variable length in its shortest form.
    fn number(&mut self) -> Option<()> {
        let more = match *self.bytes.get(self.at)? {
            0..=250 => return self.skip(1),
            251 => 2,
            252 => 4,
            253 => 8,
            254 => 16,
            255 => return None,
        };
        let begin = self.at + 1;
        self.skip(1 + more)?;
        let value = &self.bytes[begin..self.at];
        // What fits half of the bytes, or one byte below 251, has a shorter form.
        let is_short =
            if more == 2 { value[1] == 0 && value[0] < 251 } else { value[more / 2..].iter().all(|&byte| byte == 0) };
        (!is_short).then_some(())
    }

    fn numbers(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.number())
    }

    /// A length below 251; nothing in an entry is longer.
    fn short_count(&mut self) -> Option<usize> {
        let count = usize::from(*self.bytes.get(self.at)?);
        self.skip(1)?;
        (count <= 250).then_some(count)
    }

    fn option(&mut self) -> Option<bool> {
        let is_some = *self.bytes.get(self.at)?;
        self.skip(1)?;
        (is_some <= 1).then_some(is_some == 1)
    }

    fn entry(&mut self) -> Option<()> {
        let variant = *self.bytes.get(self.at)?;
        self.skip(1)?;
        match variant {
            0 => self.order()?,
            1 => {
                // Owner, then slot, version and both epochs.
                self.skip(20)?;
                self.numbers(4)?;
            }
            _ => return None,
        }
        self.authority()
    }

    fn order(&mut self) -> Option<()> {
        // Side, owner, slot and version.
        self.number()?;
        self.skip(20)?;
        self.numbers(2)?;
        let scores = self.short_count()?;
        self.numbers(scores * 2)?;
        // Lots, price, three times and two epochs; the counterparty.
        self.numbers(7)?;
        self.skip(20)?;
        let excluded = self.short_count()?;
        self.skip(excluded * 20)?;
        // Identity and flags; the tag.
        self.numbers(2)?;
        self.skip(32)
    }

    fn authority(&mut self) -> Option<()> {
        self.skip(65)?;
        if self.option()? {
            // The place of the leaf, then its siblings.
            self.skip(1)?;
            let siblings = self.short_count()?;
            self.skip(siblings * 32)?;
        }
        if self.option()? {
            // Owner and delegate; scope and both times; market and signature.
            self.skip(40)?;
            self.numbers(3)?;
            self.skip(32 + 65)?;
        }
        Some(())
    }
}

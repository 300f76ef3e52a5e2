//! Listing a folder: by name, with our numbers, whatever the file system's order and numbers are.

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as wasi, WasiSnapshotPreview1};
use wasmtime_wasi::runtime::in_tokio;
use wiggle::GuestMemory;

use super::disk::{CALL_MAX, Disk, original};
use super::memory::{bytes_mut, split, write};
use super::{MODULE, State, errno};

/// WASI's `dirent`: next cookie, number, length of the name, type; the name follows.
const ENTRY: usize = 24;
/// Bytes of the largest folder's listing; a larger folder cannot be listed.
const LISTING_MAX: usize = 32 << 20;
const LISTING_FIRST: usize = 16 << 10;

/// One folder, as it was when the program began to list it.
#[derive(Debug)]
pub struct Listing {
    descriptor: u32,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    number: u64,
    kind: u8,
    name: Vec<u8>,
}

impl Listing {
    /// The entries in `bytes`, sorted: the folder itself, its parent, then by name.
    fn new(descriptor: u32, bytes: &[u8], disk: &mut Disk) -> Listing {
        let mut entries = Vec::new();
        let mut rest = bytes;
        while let Some((head, tail)) = rest.split_first_chunk::<ENTRY>() {
            let number = u64::from_le_bytes(std::array::from_fn(|index| head[8 + index]));
            let length = u32::from_le_bytes(std::array::from_fn(|index| head[16 + index])) as usize;
            let Some((name, next)) = tail.split_at_checked(length) else { break };
            entries.push(Entry { number, kind: head[20], name: name.to_vec() });
            rest = next;
        }
        entries.sort_by(|a, b| a.key().cmp(&b.key()));
        for entry in &mut entries {
            entry.number = disk.number(entry.number);
        }
        Listing { descriptor, entries }
    }

    /// Fills `target` from entry `cookie` on, and says how much was filled: less than all only at the end.
    fn fill(&self, cookie: u64, target: &mut [u8]) -> usize {
        let mut filled = 0;
        let skipped = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (index, entry) in self.entries.iter().enumerate().skip(skipped) {
            let bytes = entry.bytes(index as u64 + 1);
            let room = target.len() - filled;
            let length = bytes.len().min(room);
            target[filled..filled + length].copy_from_slice(&bytes[..length]);
            filled += length;
            if length == room {
                break;
            }
        }
        filled
    }
}

impl Entry {
    fn key(&self) -> (bool, bool, &[u8]) {
        (self.name != b".", self.name != b"..", &self.name)
    }

    fn bytes(&self, next: u64) -> Vec<u8> {
        let mut bytes = vec![0; ENTRY];
        bytes[..8].copy_from_slice(&next.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..20].copy_from_slice(&(self.name.len() as u32).to_le_bytes());
        bytes[20] = self.kind;
        bytes.extend_from_slice(&self.name);
        bytes
    }
}

/// Puts the call into `linker`.
pub fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "fd_readdir", fd_readdir)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the shape of the call is WASI's")]
fn fd_readdir(
    mut caller: Caller<'_, State>,
    descriptor: u32,
    at: u32,
    length: u32,
    cookie: u64,
    result: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let is_begun = state.disk.listing.as_ref().is_some_and(|listing| listing.descriptor == descriptor);
    if cookie == 0 || !is_begun {
        let bytes = match read_folder(state, descriptor)? {
            Ok(bytes) => bytes,
            Err(error) => return Ok(error),
        };
        state.disk.listing = Some(Listing::new(descriptor, &bytes, &mut state.disk));
    }
    let target = bytes_mut(memory, at, length)?;
    let filled = state.disk.listing.as_ref().map_or(0, |listing| listing.fill(cookie, target));
    write(memory, result, &(filled as u32).to_le_bytes())?;
    Ok(errno::SUCCESS)
}

/// The whole folder in the form of `fd_readdir`, or WASI's error number.
fn read_folder(state: &mut State, descriptor: u32) -> wasmtime::Result<Result<Vec<u8>, i32>> {
    let mut length = LISTING_FIRST;
    while length <= LISTING_MAX {
        // The result's address is in front, the entries behind it.
        let mut scratch = vec![0; 8 + length];
        let error = original!(fd_readdir, state, &mut scratch, descriptor.cast_signed(), 8, length as i32, 0, 0)?;
        if error != errno::SUCCESS {
            return Ok(Err(error));
        }
        let used = scratch.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
        if used < length {
            return Ok(Ok(scratch[8..8 + used].to_vec()));
        }
        length *= 4;
    }
    Ok(Err(errno::NOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(entries: &[(u64, &str)]) -> Vec<u8> {
        let entry = |(number, name): &(u64, &str)| Entry { number: *number, kind: 4, name: name.as_bytes().to_vec() };
        entries.iter().flat_map(|pair| entry(pair).bytes(99)).collect()
    }

    #[test]
    fn a_folder_is_listed_by_name_whatever_its_order_was() {
        let listing = |entries| Listing::new(3, &raw(entries), &mut Disk::new(0)).entries;
        let one = listing(&[(9, "b"), (7, "."), (7, ".."), (8, "a"), (3, "!")]);
        let other = listing(&[(17, ".."), (18, "a"), (17, "."), (13, "!"), (19, "b")]);
        assert_eq!(one, other);
        let names: Vec<&[u8]> = one.iter().map(|entry| &entry.name[..]).collect();
        assert_eq!(names, [&b"."[..], b"..", b"!", b"a", b"b"]);
    }

    #[test]
    fn a_listing_in_pieces_is_the_listing() {
        let listing = Listing::new(3, &raw(&[(1, "x"), (2, "yy"), (3, "zzz")]), &mut Disk::new(0));
        let mut whole = [0; 200];
        let length = listing.fill(0, &mut whole);
        assert_eq!(length, 3 * ENTRY + 6);
        let mut piece = [0; ENTRY + 2];
        assert_eq!(listing.fill(1, &mut piece), piece.len());
        assert_eq!(piece, whole[ENTRY + 1..][..ENTRY + 2]);
        assert_eq!(listing.fill(3, &mut piece), 0);
        assert_eq!(listing.fill(u64::MAX, &mut piece), 0);
    }
}

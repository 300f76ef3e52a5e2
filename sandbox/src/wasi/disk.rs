//! The task's folder: how much may be written to it, and what a file says of itself. A file has a number by the order
//! in which it was first seen, and no times; a full budget looks like a full disk.

use std::collections::HashMap;

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as wasi, WasiSnapshotPreview1};
use wasmtime_wasi::runtime::in_tokio;
use wiggle::GuestMemory;

use super::console::vector;
use super::listing::Listing;
use super::memory::{bytes, read, split, write};
use super::{MODULE, State, errno};

/// Bytes that a new file, folder or link costs, beside its content.
const ENTRY_COST: u64 = 4096;
/// Bytes that one call of the host may copy.
pub const CALL_MAX: usize = 128 << 20;
/// WASI's `filestat`: device, number, type, links, size and three times, eight bytes each.
const STAT: usize = 64;
const STAT_TYPE: usize = 16;
const STAT_LINKS: usize = 24;
const STAT_SIZE: usize = 32;
const STAT_TIMES: usize = 40;
/// WASI's file type of folders.
const DIRECTORY: u8 = 3;
/// The flag of `path_open` that creates, and of a descriptor that only appends.
const CREATE: u32 = 1;
const APPEND: u8 = 1;
/// `whence` of a seek from the present position.
const FROM_HERE: i32 = 1;

/// What a job has done to its folder.
#[derive(Debug)]
pub struct Disk {
    /// Bytes that may still be written. Deleting gives nothing back.
    left: u64,
    /// The numbers of files seen: the file system's, and ours.
    numbers: HashMap<u64, u64>,
    /// The folder listed last, so that a listing in many calls is one listing.
    pub listing: Option<Listing>,
}

impl Disk {
    /// At most `max` bytes are written.
    pub fn new(max: u64) -> Disk {
        Disk { left: max, numbers: HashMap::new(), listing: None }
    }

    /// The number of a file that the file system numbers `number`: 1 for the first seen.
    pub fn number(&mut self, number: u64) -> u64 {
        let next = self.numbers.len() as u64 + 1;
        *self.numbers.entry(number).or_insert(next)
    }

    /// Takes out of `stat` what depends on the machine.
    fn mask(&mut self, stat: &mut [u8; STAT]) {
        let [a, b, c, d, e, f, g, h, ..] = stat[8..] else { return };
        let number = self.number(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        stat[..8].copy_from_slice(&1u64.to_le_bytes());
        stat[8..16].copy_from_slice(&number.to_le_bytes());
        stat[STAT_TIMES..].fill(0);
        if stat[STAT_TYPE] == DIRECTORY {
            stat[STAT_LINKS..STAT_SIZE].copy_from_slice(&1u64.to_le_bytes());
            stat[STAT_SIZE..STAT_TIMES].fill(0);
        }
    }
}

/// Puts the calls of the folder into `linker`.
pub fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "fd_pwrite", fd_pwrite)?;
    linker.func_wrap(MODULE, "fd_filestat_get", fd_filestat_get)?;
    linker.func_wrap(MODULE, "fd_filestat_set_size", fd_filestat_set_size)?;
    linker.func_wrap(MODULE, "path_filestat_get", path_filestat_get)?;
    linker.func_wrap(MODULE, "path_open", path_open)?;
    linker.func_wrap(MODULE, "path_create_directory", path_create_directory)?;
    linker.func_wrap(MODULE, "path_symlink", path_symlink)?;
    linker.func_wrap(MODULE, "path_link", path_link)?;
    Ok(())
}

/// Calls wasmtime's own WASI on `$memory`, which can be the program's or a piece of ours.
macro_rules! original {
    ($name:ident, $state:expr, $memory:expr $(, $argument:expr)*) => {{
        $state.wasi.set_hostcall_fuel(CALL_MAX);
        in_tokio(wasi::$name(&mut $state.wasi, &mut GuestMemory::Unshared($memory) $(, $argument)*))
    }};
}
pub(super) use original;

/// One write to a file.
pub struct Write {
    /// Descriptor of the file.
    pub descriptor: u32,
    /// Address of the list of vectors.
    pub vectors: u32,
    /// Length of that list.
    pub count: u32,
    /// Where in the file; at its position if `None`.
    pub offset: Option<u64>,
    /// Address for the bytes written.
    pub result: u32,
}

/// Writes to a file, unless it would grow beyond the budget.
pub fn write_file(memory: &mut [u8], state: &mut State, write: Write) -> wasmtime::Result<i32> {
    let Write { descriptor, vectors, count, offset, result } = write;
    let before = size(state, descriptor)?;
    if let Some(before) = before {
        let mut length: u64 = 0;
        for index in 0..count {
            length = length.saturating_add(vector(memory, vectors, index)?.1.into());
        }
        let start = match offset {
            Some(offset) => offset,
            None => position(state, descriptor, before)?,
        };
        if length > 0 && start.saturating_add(length).saturating_sub(before) > state.disk.left {
            return Ok(errno::NOSPC);
        }
    }
    let [fd, vectors, count, result] = [descriptor, vectors, count, result].map(u32::cast_signed);
    let error = match offset {
        Some(offset) => original!(fd_pwrite, state, memory, fd, vectors, count, offset.cast_signed(), result)?,
        None => original!(fd_write, state, memory, fd, vectors, count, result)?,
    };
    if let (Some(before), Some(after)) = (before, size(state, descriptor)?) {
        state.disk.left = state.disk.left.saturating_sub(after.saturating_sub(before));
    }
    Ok(error)
}

/// Closes what is not a standard stream.
pub fn close_file(memory: &mut [u8], state: &mut State, descriptor: u32) -> wasmtime::Result<i32> {
    original!(fd_close, state, memory, descriptor.cast_signed())
}

/// Moves a descriptor to another number.
pub fn renumber_file(memory: &mut [u8], state: &mut State, from: u32, to: u32) -> wasmtime::Result<i32> {
    original!(fd_renumber, state, memory, from.cast_signed(), to.cast_signed())
}

#[expect(clippy::too_many_arguments, reason = "the shape of the call is WASI's")]
fn fd_pwrite(
    mut caller: Caller<'_, State>,
    descriptor: u32,
    vectors: u32,
    count: u32,
    offset: u64,
    result: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    write_file(memory, state, Write { descriptor, vectors, count, offset: Some(offset), result })
}

fn fd_filestat_set_size(mut caller: Caller<'_, State>, descriptor: u32, wanted: u64) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let growth = wanted.saturating_sub(size(state, descriptor)?.unwrap_or(wanted));
    if growth > state.disk.left {
        return Ok(errno::NOSPC);
    }
    let error = original!(fd_filestat_set_size, state, memory, descriptor.cast_signed(), wanted.cast_signed())?;
    if error == errno::SUCCESS {
        state.disk.left -= growth;
    }
    Ok(error)
}

fn fd_filestat_get(mut caller: Caller<'_, State>, descriptor: u32, result: u32) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let mut stat = [0; STAT];
    let error = original!(fd_filestat_get, state, &mut stat, descriptor.cast_signed(), 0)?;
    if error == errno::SUCCESS {
        state.disk.mask(&mut stat);
        write(memory, result, &stat)?;
    }
    Ok(error)
}

#[expect(clippy::too_many_arguments, reason = "the shape of the call is WASI's")]
fn path_filestat_get(
    mut caller: Caller<'_, State>,
    descriptor: u32,
    flags: u32,
    path: u32,
    length: u32,
    result: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let (error, mut stat) = stat_path(state, descriptor, flags, bytes(memory, path, length)?)?;
    if error == errno::SUCCESS {
        state.disk.mask(&mut stat);
        write(memory, result, &stat)?;
    }
    Ok(error)
}

#[expect(clippy::too_many_arguments, reason = "the shape of the call is WASI's")]
fn path_open(
    mut caller: Caller<'_, State>,
    descriptor: u32,
    flags: u32,
    path: u32,
    length: u32,
    open_flags: u32,
    rights: u64,
    rights_inheriting: u64,
    descriptor_flags: u32,
    result: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let is_new = open_flags & CREATE != 0
        && stat_path(state, descriptor, flags, bytes(memory, path, length)?)?.0 != errno::SUCCESS;
    if is_new && state.disk.left < ENTRY_COST {
        return Ok(errno::NOSPC);
    }
    let [fd, flags, path, length] = [descriptor, flags, path, length].map(u32::cast_signed);
    let [open_flags, descriptor_flags, result] = [open_flags, descriptor_flags, result].map(u32::cast_signed);
    let [rights, inheriting] = [rights, rights_inheriting].map(u64::cast_signed);
    let error = original!(
        path_open,
        state,
        memory,
        fd,
        flags,
        path,
        length,
        open_flags,
        rights,
        inheriting,
        descriptor_flags,
        result
    )?;
    if is_new && error == errno::SUCCESS {
        state.disk.left -= ENTRY_COST;
    }
    Ok(error)
}

fn path_create_directory(
    mut caller: Caller<'_, State>,
    descriptor: u32,
    path: u32,
    length: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let [fd, path, length] = [descriptor, path, length].map(u32::cast_signed);
    charge(state, |state| original!(path_create_directory, state, memory, fd, path, length))
}

#[expect(clippy::too_many_arguments, reason = "the shape of the call is WASI's")]
fn path_symlink(
    mut caller: Caller<'_, State>,
    target: u32,
    target_length: u32,
    descriptor: u32,
    path: u32,
    length: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let [target, target_length, fd, path, length] =
        [target, target_length, descriptor, path, length].map(u32::cast_signed);
    charge(state, |state| original!(path_symlink, state, memory, target, target_length, fd, path, length))
}

#[expect(clippy::too_many_arguments, reason = "the shape of the call is WASI's")]
fn path_link(
    mut caller: Caller<'_, State>,
    from: u32,
    flags: u32,
    old: u32,
    old_length: u32,
    to: u32,
    new: u32,
    new_length: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let [from, flags, old, old_length, to] = [from, flags, old, old_length, to].map(u32::cast_signed);
    let [new, new_length] = [new, new_length].map(u32::cast_signed);
    charge(state, |state| original!(path_link, state, memory, from, flags, old, old_length, to, new, new_length))
}

/// Makes one entry of a folder, if the budget has room for it.
fn charge(state: &mut State, make: impl FnOnce(&mut State) -> wasmtime::Result<i32>) -> wasmtime::Result<i32> {
    if state.disk.left < ENTRY_COST {
        return Ok(errno::NOSPC);
    }
    let error = make(state)?;
    if error == errno::SUCCESS {
        state.disk.left -= ENTRY_COST;
    }
    Ok(error)
}

/// What `path` is, with WASI's error number.
fn stat_path(state: &mut State, descriptor: u32, flags: u32, path: &[u8]) -> wasmtime::Result<(i32, [u8; STAT])> {
    let mut scratch = vec![0; STAT];
    scratch.extend_from_slice(path);
    let [fd, flags] = [descriptor, flags].map(u32::cast_signed);
    let (at, length) = (STAT as i32, i32::try_from(path.len()).unwrap_or(i32::MAX));
    let error = original!(path_filestat_get, state, &mut scratch, fd, flags, at, length, 0)?;
    Ok((error, read(&scratch, 0)?))
}

/// Size of an open file; `None` if it is not one.
fn size(state: &mut State, descriptor: u32) -> wasmtime::Result<Option<u64>> {
    let mut stat = [0; STAT];
    let error = original!(fd_filestat_get, state, &mut stat, descriptor.cast_signed(), 0)?;
    let size = read(&stat, STAT_SIZE as u32).map(u64::from_le_bytes)?;
    Ok((error == errno::SUCCESS && stat[STAT_TYPE] != DIRECTORY).then_some(size))
}

/// Where the next write to a file of `size` bytes goes.
fn position(state: &mut State, descriptor: u32, size: u64) -> wasmtime::Result<u64> {
    let mut scratch = [0; 24];
    let error = original!(fd_fdstat_get, state, &mut scratch, descriptor.cast_signed(), 0)?;
    if error == errno::SUCCESS && scratch[2] & APPEND != 0 {
        return Ok(size);
    }
    let error = original!(fd_seek, state, &mut scratch, descriptor.cast_signed(), 0, FROM_HERE, 0)?;
    Ok(if error == errno::SUCCESS { read(&scratch, 0).map(u64::from_le_bytes)? } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_numbered_by_when_it_was_seen_first_and_has_no_times() {
        let mut disk = Disk::new(0);
        let stat = |number: u64, kind: u8| {
            let mut stat = [0xaa; STAT];
            stat[8..16].copy_from_slice(&number.to_le_bytes());
            stat[STAT_TYPE] = kind;
            stat
        };
        let (mut first, mut second, mut again) = (stat(77, 4), stat(5, DIRECTORY), stat(77, 4));
        disk.mask(&mut first);
        disk.mask(&mut second);
        disk.mask(&mut again);
        assert_eq!((first[8], second[8]), (1, 2));
        assert_eq!(first, again);
        assert_eq!(first[STAT_SIZE..], [[0xaa; 8], [0; 8], [0; 8], [0; 8]].concat());
        assert_eq!(second[STAT_SIZE..], [0; 32]);
    }
}

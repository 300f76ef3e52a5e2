//! The program's memory as bytes. A pointer outside it is a trap, as WASI prescribes.

use wasmtime::{Caller, Extern};

use super::State;

/// What a host call cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// A pointer, or pointer and length, outside the memory.
    #[error("a call of the host points outside the program's memory")]
    Outside,
    /// The module exports no memory.
    #[error("the program exports no memory named `memory`, which every call of the host needs")]
    Missing,
}

/// The memory of the caller and everything else of it.
pub fn split<'a>(caller: &'a mut Caller<'_, State>) -> Result<(&'a mut [u8], &'a mut State), MemoryError> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory.data_and_store_mut(caller)),
        _ => Err(MemoryError::Missing),
    }
}

/// `length` bytes from `at`.
pub fn bytes(memory: &[u8], at: u32, length: u32) -> Result<&[u8], MemoryError> {
    let (at, length) = (at as usize, length as usize);
    memory.get(at..).and_then(|rest| rest.get(..length)).ok_or(MemoryError::Outside)
}

/// `length` bytes from `at`, to be written.
pub fn bytes_mut(memory: &mut [u8], at: u32, length: u32) -> Result<&mut [u8], MemoryError> {
    let (at, length) = (at as usize, length as usize);
    memory.get_mut(at..).and_then(|rest| rest.get_mut(..length)).ok_or(MemoryError::Outside)
}

/// The fixed-size value at `at`, least byte first.
pub fn read<const N: usize>(memory: &[u8], at: u32) -> Result<[u8; N], MemoryError> {
    bytes(memory, at, N as u32).and_then(|bytes| bytes.first_chunk().copied().ok_or(MemoryError::Outside))
}

/// Puts `value` at `at`.
pub fn write(memory: &mut [u8], at: u32, value: &[u8]) -> Result<(), MemoryError> {
    let length = u32::try_from(value.len()).map_err(|_| MemoryError::Outside)?;
    bytes_mut(memory, at, length).map(|bytes| bytes.copy_from_slice(value))
}

/// An address `count` elements of `size` bytes after `at`.
pub fn offset(at: u32, count: u32, size: u32) -> Result<u32, MemoryError> {
    count.checked_mul(size).and_then(|bytes| at.checked_add(bytes)).ok_or(MemoryError::Outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_memory_is_touched() {
        let mut memory = [7; 8];
        assert_eq!(bytes(&memory, 8, 0), Ok(&[][..]));
        assert_eq!(read::<4>(&memory, 4), Ok([7; 4]));
        for (at, length) in [(9, 0), (5, 4), (u32::MAX, u32::MAX), (0, 9)] {
            assert_eq!(bytes(&memory, at, length), Err(MemoryError::Outside));
            assert_eq!(bytes_mut(&mut memory, at, length), Err(MemoryError::Outside));
        }
        assert_eq!(write(&mut memory, 7, &[1, 2]), Err(MemoryError::Outside));
        assert_eq!(offset(8, u32::MAX, 8), Err(MemoryError::Outside));
        assert_eq!(memory, [7; 8]);
    }
}

//! Standard output and standard error: streamed to the node as they are written, up to the limit, then only counted.
//! Descriptors 1 and 2 are always these; nothing else can take their place.

use protocol::task::STREAM_MAX;
use wasmtime::{Caller, Linker};

use super::disk::{self, Write};
use super::memory::{MemoryError, bytes, offset, read, split, write};
use super::{MODULE, PipeClosed, State, errno};
use crate::frames::{CHUNK_MAX, Frame, FramePipe};

/// Descriptors below this one are the standard streams.
const STREAMS: u32 = 3;

/// Where a program prints.
#[derive(Debug)]
pub struct Console {
    pipe: FramePipe,
    stdout: Counter,
    stderr: Counter,
}

/// What one stream has carried.
#[derive(Debug, Default)]
struct Counter {
    sent: u64,
    dropped: u64,
    is_closed: bool,
}

impl Console {
    /// Prints into `pipe`.
    pub fn new(pipe: FramePipe) -> Console {
        Console { pipe, stdout: Counter::default(), stderr: Counter::default() }
    }

    /// Sends a frame that is not the program's.
    ///
    /// # Errors
    /// If the node has closed its end.
    pub fn send(&mut self, frame: &Frame) -> Result<(), PipeClosed> {
        Ok(self.pipe.send(frame)?)
    }

    /// A sentence about what was not kept, empty if everything was.
    pub fn dropped(&self) -> String {
        let sentence = |name, dropped| match dropped {
            0 => String::new(),
            dropped => format!("; {dropped} bytes of {name} beyond the first {STREAM_MAX} were dropped"),
        };
        sentence("stdout", self.stdout.dropped) + &sentence("stderr", self.stderr.dropped)
    }

    fn counter(&mut self, descriptor: u32) -> Option<&mut Counter> {
        match descriptor {
            1 => Some(&mut self.stdout),
            2 => Some(&mut self.stderr),
            _ => None,
        }
    }

    /// Prints `text` on descriptor 1 or 2. Waits while the pipe is full.
    fn print(&mut self, descriptor: u32, text: &[u8]) -> Result<(), PipeClosed> {
        let Some(counter) = self.counter(descriptor) else { return Ok(()) };
        let room = usize::try_from(STREAM_MAX - counter.sent).unwrap_or(usize::MAX);
        let (kept, rest) = text.split_at(text.len().min(room));
        counter.sent += kept.len() as u64;
        counter.dropped = counter.dropped.saturating_add(rest.len() as u64);
        for chunk in kept.chunks(CHUNK_MAX) {
            let frame = if descriptor == 1 { Frame::Stdout(chunk.to_vec()) } else { Frame::Stderr(chunk.to_vec()) };
            self.pipe.send(&frame)?;
        }
        Ok(())
    }
}

/// Puts the calls of standard streams into `linker`.
pub fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "fd_close", fd_close)?;
    linker.func_wrap(MODULE, "fd_renumber", fd_renumber)?;
    Ok(())
}

fn fd_write(
    mut caller: Caller<'_, State>,
    descriptor: u32,
    vectors: u32,
    count: u32,
    result: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let Some(counter) = state.console.counter(descriptor) else {
        return disk::write_file(memory, state, Write { descriptor, vectors, count, offset: None, result });
    };
    if counter.is_closed {
        return Ok(errno::BADF);
    }
    let mut written: u32 = 0;
    for index in 0..count {
        let (at, length) = vector(memory, vectors, index)?;
        // The result is 32 bits wide: what does not fit is left for the next call, as WASI allows.
        let Some(sum) = written.checked_add(length) else { break };
        state.console.print(descriptor, bytes(memory, at, length)?)?;
        written = sum;
    }
    write(memory, result, &written.to_le_bytes())?;
    Ok(errno::SUCCESS)
}

/// Element `index` of a list of vectors: address and length.
pub fn vector(memory: &[u8], vectors: u32, index: u32) -> Result<(u32, u32), MemoryError> {
    let [a, b, c, d, e, f, g, h] = read(memory, offset(vectors, index, 8)?)?;
    Ok((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
}

/// A standard stream only stops taking bytes: its number must not be given to a file.
fn fd_close(mut caller: Caller<'_, State>, descriptor: u32) -> wasmtime::Result<i32> {
    if descriptor >= STREAMS {
        let (memory, state) = split(&mut caller)?;
        return disk::close_file(memory, state, descriptor);
    }
    let state = caller.data_mut();
    Ok(match state.console.counter(descriptor) {
        Some(counter) if counter.is_closed => errno::BADF,
        Some(counter) => {
            counter.is_closed = true;
            errno::SUCCESS
        }
        None => errno::SUCCESS,
    })
}

fn fd_renumber(mut caller: Caller<'_, State>, from: u32, to: u32) -> wasmtime::Result<i32> {
    if from < STREAMS || to < STREAMS {
        return Ok(errno::NOTSUP);
    }
    let (memory, state) = split(&mut caller)?;
    disk::renumber_file(memory, state, from, to)
}

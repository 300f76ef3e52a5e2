//! Virtual time: every reading is one step later than the last, and sleeping only moves the clock. Nothing here looks
//! at a real clock.

use wasmtime::{Caller, Linker};

use super::memory::{offset, read, split, write};
use super::{MODULE, State, errno};

/// Nanoseconds between two readings.
const STEP_NS: u64 = 1_000_000;
/// The wall clock's first second: 2020-01-01T00:00:00Z.
const WALL_START_NS: u64 = 1_577_836_800 * 1_000_000_000;
/// WASI's clock ids: wall clock, monotonic, and two of processor time that read as the monotonic one.
const REALTIME: u32 = 0;
const CLOCKS: u32 = 4;
/// Sizes of `subscription` and `event`.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;
/// Tags of subscriptions: to a clock, and the last of those to files.
const TAG_CLOCK: u8 = 0;
const TAG_WRITE: u8 = 2;
/// The flag of a subscription that names a time instead of a duration.
const ABSOLUTE: u16 = 1;
/// Things that one call may wait for; more are an error.
const SUBSCRIPTIONS_MAX: u32 = 4096;

/// The job's clock.
#[derive(Debug, Default)]
pub struct Clock {
    /// Nanoseconds since the job's start.
    elapsed: u64,
}

impl Clock {
    /// Reads a clock, which moves it.
    fn now(&mut self, id: u32) -> Option<u64> {
        self.elapsed = self.elapsed.saturating_add(STEP_NS);
        self.start(id).map(|start| self.elapsed.saturating_add(start))
    }

    /// What a clock showed at the job's start.
    fn start(&self, id: u32) -> Option<u64> {
        (id < CLOCKS).then_some(if id == REALTIME { WALL_START_NS } else { 0 })
    }

    /// When a subscription falls due, in nanoseconds since the job's start.
    fn due(&self, id: u32, timeout: u64, is_absolute: bool) -> Option<u64> {
        let start = self.start(id)?;
        Some(if is_absolute { timeout.saturating_sub(start) } else { self.elapsed.saturating_add(timeout) })
    }
}

/// Puts the clock's calls into `linker`.
pub fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "clock_res_get", clock_res_get)?;
    linker.func_wrap(MODULE, "clock_time_get", clock_time_get)?;
    linker.func_wrap(MODULE, "poll_oneoff", poll_oneoff)?;
    Ok(())
}

fn clock_res_get(mut caller: Caller<'_, State>, id: u32, result: u32) -> wasmtime::Result<i32> {
    let (memory, _) = split(&mut caller)?;
    if id >= CLOCKS {
        return Ok(errno::INVAL);
    }
    write(memory, result, &STEP_NS.to_le_bytes())?;
    Ok(errno::SUCCESS)
}

fn clock_time_get(mut caller: Caller<'_, State>, id: u32, _precision: u64, result: u32) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    let Some(now) = state.clock.now(id) else { return Ok(errno::INVAL) };
    write(memory, result, &now.to_le_bytes())?;
    Ok(errno::SUCCESS)
}

/// Files are always ready; if none is waited for, the clock moves to the earliest time.
fn poll_oneoff(
    mut caller: Caller<'_, State>,
    input: u32,
    output: u32,
    count: u32,
    result: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Ok(errno::INVAL);
    }
    let mut subscriptions = Vec::with_capacity(count as usize);
    for index in 0..count {
        let bytes = read(memory, offset(input, index, SUBSCRIPTION)?)?;
        subscriptions.push(Subscription::read(&bytes, &state.clock));
    }
    let first = subscriptions.iter().map(|subscription| subscription.due).min().unwrap_or(0);
    state.clock.elapsed = state.clock.elapsed.max(first);
    let mut ready = 0;
    for subscription in subscriptions.iter().filter(|subscription| subscription.due <= state.clock.elapsed) {
        write(memory, offset(output, ready, EVENT)?, &subscription.event())?;
        ready += 1;
    }
    write(memory, result, &ready.to_le_bytes())?;
    Ok(errno::SUCCESS)
}

/// One thing that a program waits for.
struct Subscription {
    userdata: [u8; 8],
    tag: u8,
    /// When it falls due, in nanoseconds since the start; now for files and for a clock that does not exist.
    due: u64,
    error: i32,
}

impl Subscription {
    fn read(bytes: &[u8; SUBSCRIPTION as usize], clock: &Clock) -> Subscription {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let tag = bytes[8];
        let (id, timeout, flags) = (word(16) as u32, word(24), word(40) as u16);
        let due = match tag {
            TAG_CLOCK => clock.due(id, timeout, flags & ABSOLUTE != 0),
            _ => Some(clock.elapsed),
        };
        let error = if due.is_some() && tag <= TAG_WRITE { errno::SUCCESS } else { errno::INVAL };
        Subscription { userdata: word(0).to_le_bytes(), tag, due: due.unwrap_or(clock.elapsed), error }
    }

    /// The event that says it is due. A file's says that one byte at least can be read or written.
    fn event(&self) -> [u8; EVENT as usize] {
        let mut event = [0; EVENT as usize];
        event[..8].copy_from_slice(&self.userdata);
        event[8] = self.error as u8;
        event[10] = self.tag;
        event[16] = u8::from(self.tag != TAG_CLOCK);
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_is_one_step_later_and_the_wall_clock_has_a_date() {
        let mut clock = Clock::default();
        assert_eq!(clock.now(1), Some(STEP_NS));
        assert_eq!(clock.now(REALTIME), Some(WALL_START_NS + 2 * STEP_NS));
        assert_eq!(clock.now(9), None);
    }

    #[test]
    fn a_wait_is_due_after_its_timeout_or_at_its_time() {
        let clock = Clock { elapsed: 100 };
        assert_eq!(clock.due(1, 50, false), Some(150));
        assert_eq!(clock.due(1, 50, true), Some(50));
        assert_eq!(clock.due(REALTIME, WALL_START_NS + 7, true), Some(7));
        assert_eq!(clock.due(7, 50, false), None);
    }

    #[test]
    fn an_unknown_clock_or_kind_is_an_error_event() {
        let clock = Clock { elapsed: 100 };
        let mut bytes = [0; SUBSCRIPTION as usize];
        bytes[..8].copy_from_slice(&[9; 8]);
        bytes[16] = 77;
        let event = Subscription::read(&bytes, &clock).event();
        assert_eq!((&event[..8], event[8]), (&[9; 8][..], errno::INVAL as u8));
        bytes[8] = 3;
        assert_eq!(Subscription::read(&bytes, &clock).error, errno::INVAL);
        bytes[8] = TAG_WRITE;
        assert_eq!(Subscription::read(&bytes, &clock).event()[16], 1);
    }
}

//! One direction of a cable: bytes come out so much later as they went in, in their order. Knows no address.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::cable::Cables;

/// Bytes on their way in one lane; more wait at the writer, as at a full window.
const BYTES_MAX: usize = 4 << 20;

/// One direction between two nodes.
pub(super) struct Lane {
    cables: Arc<Cables>,
    from: usize,
    to: usize,
    one_way: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is on its way, and when it comes out. An empty one is the end.
    parcels: VecDeque<(Instant, Vec<u8>)>,
    /// Bytes on their way.
    bytes: usize,
    is_ended: bool,
    has_no_reader: bool,
    reader: Option<Waker>,
    /// Who is to be woken when what comes out next is due.
    alarmed: Option<(Instant, Waker)>,
    writer: Option<Waker>,
}

impl Lane {
    pub(super) fn new(cables: Arc<Cables>, from: usize, to: usize) -> Arc<Lane> {
        let one_way = cables.one_way(from, to);
        Arc::new(Lane { cables, from, to, one_way, state: Mutex::default() })
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock().unwrap();
        if state.has_no_reader || state.is_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.bytes >= BYTES_MAX {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if !bytes.is_empty() {
            self.cables.traffic(self.from).sent(bytes.len());
            state.bytes += bytes.len();
            self.put(&mut state, bytes.to_vec());
        }
        Poll::Ready(Ok(bytes.len()))
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock().unwrap();
        let Some((at, _)) = state.parcels.front() else {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let (at, now) = (*at, Instant::now());
        if at > now {
            let is_set = state.alarmed.as_ref().is_some_and(|(set, waker)| *set == at && waker.will_wake(cx.waker()));
            if !is_set {
                state.alarmed = Some((at, cx.waker().clone()));
                self.cables.alarm(at, cx.waker().clone());
            }
            return Poll::Pending;
        }
        let (_, parcel) = state.parcels.pop_front().expect("one is there");
        if parcel.is_empty() {
            // Whoever asks again hears the same.
            state.parcels.push_front((at, parcel));
            return Poll::Ready(Ok(0));
        }
        let count = parcel.len().min(buffer.len());
        buffer[..count].copy_from_slice(&parcel[..count]);
        if count < parcel.len() {
            state.parcels.push_front((at, parcel[count..].to_vec()));
        }
        state.bytes -= count;
        state.writer.take().into_iter().for_each(Waker::wake);
        self.cables.traffic(self.to).received(count);
        self.cables.came_out(now - at);
        Poll::Ready(Ok(count))
    }

    /// Nothing more goes in.
    pub(super) fn end(&self) {
        let mut state = self.state.lock().unwrap();
        if !std::mem::replace(&mut state.is_ended, true) {
            self.put(&mut state, Vec::new());
        }
    }

    /// Nobody takes anything out any more.
    pub(super) fn leave(&self) {
        let mut state = self.state.lock().unwrap();
        state.has_no_reader = true;
        state.writer.take().into_iter().for_each(Waker::wake);
    }

    fn put(&self, state: &mut State, parcel: Vec<u8>) {
        let at = Instant::now() + self.one_way;
        state.parcels.push_back((at, parcel));
        if let Some(reader) = state.reader.take() {
            match self.one_way.is_zero() {
                true => reader.wake(),
                false => {
                    state.alarmed = Some((at, reader.clone()));
                    self.cables.alarm(at, reader);
                }
            }
        }
    }
}

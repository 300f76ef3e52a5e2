//! A network inside the process in place of sockets: cables with the delay of each pair, and a count of what goes through.
//! An address leads from one node to one other: what peers tell each other of places is of no use, as behind routers, and
//! connections are those that the test asks for.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncWrite};
use libp2p::Multiaddr;
use libp2p::core::Transport;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use tokio::sync::mpsc;

use super::alarm::Alarm;
use super::lane::Lane;

/// Dials that wait at one listener; beyond it they fail.
const BACKLOG_CAP: usize = 256;

/// All cables of one network.
pub(crate) struct Cables {
    one_way: Vec<Vec<Duration>>,
    traffic: Vec<Traffic>,
    listeners: Mutex<HashMap<usize, mpsc::Sender<(Line, usize)>>>,
    alarm: Alarm,
    /// How late each parcel was taken out, in steps of powers of two of a microsecond.
    late: [AtomicU64; 24],
}

/// Bytes that went through one node's cables.
#[derive(Default)]
pub(crate) struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// How much later than due parcels were taken out: upper bounds in microseconds, each a power of two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lateness {
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) max_us: u64,
}

impl Traffic {
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// In and out so far.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.bytes_in.load(Ordering::Relaxed), self.bytes_out.load(Ordering::Relaxed))
    }
}

impl Cables {
    /// Between as many nodes as `one_way` has rows, at most 250.
    pub(crate) fn new(one_way: Vec<Vec<Duration>>) -> Arc<Cables> {
        assert!(one_way.len() <= 250 && one_way.iter().all(|row| row.len() == one_way.len()));
        let traffic = one_way.iter().map(|_| Traffic::default()).collect();
        let (listeners, late) = (Mutex::default(), Default::default());
        Arc::new(Cables { one_way, traffic, listeners, alarm: Alarm::start(), late })
    }

    /// Where a node listens.
    pub(crate) fn listen_address() -> Multiaddr {
        "/ip4/127.0.0.1/tcp/0".parse().unwrap()
    }

    /// Where `dialer` alone reaches `node`: peers pass on where they dialed each other, and nobody else gets there.
    pub(crate) fn address(dialer: usize, node: usize) -> Multiaddr {
        format!("/ip4/198.51.{}.{}/tcp/{}", dialer + 1, node + 1, node + 1).parse().unwrap()
    }

    pub(crate) fn traffic(&self, node: usize) -> &Traffic {
        &self.traffic[node]
    }

    pub(crate) fn lateness(&self) -> Lateness {
        let counts: Vec<u64> = self.late.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let part = |per_mille: u64| {
            let mut seen = 0;
            let step = counts.iter().position(|count| {
                seen += count;
                seen * 1000 >= all * per_mille
            });
            step.map_or(0, |step| 1 << step)
        };
        Lateness { p50_us: part(500), p99_us: part(990), max_us: part(1000) }
    }

    pub(super) fn one_way(&self, from: usize, to: usize) -> Duration {
        self.one_way[from][to]
    }

    pub(super) fn alarm(&self, at: Instant, waker: Waker) {
        self.alarm.set(at, waker);
    }

    pub(super) fn came_out(&self, late: Duration) {
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let step = (u64::BITS - us.leading_zeros()) as usize;
        self.late[step.min(self.late.len() - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// A line from `from` to whoever listens as `to`.
    fn connect(self: &Arc<Cables>, from: usize, to: usize) -> io::Result<Line> {
        let listener = self.listeners.lock().unwrap().get(&to).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
        let (there, back) = (Lane::new(self.clone(), from, to), Lane::new(self.clone(), to, from));
        let far = Line { outgoing: back.clone(), incoming: there.clone() };
        listener.try_send((far, from)).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(Line { outgoing: there, incoming: back })
    }
}

/// One end of a connection.
pub(in crate::net) struct Line {
    outgoing: Arc<Lane>,
    incoming: Arc<Lane>,
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.incoming.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.outgoing.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.outgoing.end();
        self.incoming.leave();
    }
}

/// A node's transport.
pub(in crate::net) struct Cable {
    cables: Arc<Cables>,
    node: usize,
    listener: Option<Listener>,
}

struct Listener {
    id: ListenerId,
    incoming: mpsc::Receiver<(Line, usize)>,
    is_told: bool,
}

impl Cable {
    pub(super) fn new(cables: Arc<Cables>, node: usize) -> Cable {
        Cable { cables, node, listener: None }
    }

    fn listen_address(&self) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{}", self.node + 1).parse().unwrap()
    }
}

impl Transport for Cable {
    type Output = Line;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<Line>>;
    type Dial = Pin<Box<dyn Future<Output = io::Result<Line>> + Send>>;

    fn listen_on(&mut self, id: ListenerId, _: Multiaddr) -> Result<(), TransportError<io::Error>> {
        let (sender, incoming) = mpsc::channel(BACKLOG_CAP);
        self.cables.listeners.lock().unwrap().insert(self.node, sender);
        self.listener = Some(Listener { id, incoming, is_told: false });
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.listener.take_if(|listener| listener.id == id).is_some()
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let to = (0..self.cables.traffic.len()).find(|to| {
            address.iter().zip(&Cables::address(self.node, *to)).take(2).all(|(part, expected)| part == expected)
        });
        let Some(to) = to else { return Err(TransportError::MultiaddrNotSupported(address)) };
        let (cables, from) = (self.cables.clone(), self.node);
        Ok(Box::pin(async move { cables.connect(from, to) }))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let (local_addr, to) = (self.listen_address(), self.node);
        let Some(listener) = &mut self.listener else { return Poll::Pending };
        let listener_id = listener.id;
        if !std::mem::replace(&mut listener.is_told, true) {
            return Poll::Ready(TransportEvent::NewAddress { listener_id, listen_addr: local_addr });
        }
        match listener.incoming.poll_recv(cx) {
            Poll::Ready(Some((line, from))) => Poll::Ready(TransportEvent::Incoming {
                listener_id,
                upgrade: ready(Ok(line)),
                local_addr,
                send_back_addr: Cables::address(to, from),
            }),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Unpin for Cable {}

//! The wire between the hosts: takes every frame, delays it, loses some, and parts the network on command. Stands in for
//! netem, which not every kernel has. Knows frames and hosts by their hardware address, nothing above.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pnet_datalink::{Channel, Config, DataLinkReceiver, DataLinkSender};

use crate::lan::hardware_address;

/// How long a frame is under way, each way.
pub const DELAY: Duration = Duration::from_millis(30);
/// Frames in a thousand that are lost.
pub const LOST_PER_MILLE: u64 = 50;
/// Hosts below this number are one half of a parted network.
pub const HALF: u8 = 6;
/// Frames under way; at the bound a frame is lost and counted as such.
const UNDER_WAY_CAP: usize = 1 << 16;
/// Tells this program that it is to be the relay.
const ASKED: &str = "SOUK_TEST_RELAY";
const READY: &str = "relay: ready";

/// What became of the frames so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct Frames {
    /// Brought to the other side.
    pub delivered: u64,
    /// Lost by chance, or for want of room.
    pub lost: u64,
    /// Stopped between the halves.
    pub stopped: u64,
}

/// A running relay; ends when dropped.
pub struct Relay {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Relay {
    /// Starts this program again by `command`, which enters the hub's namespace, and waits until it relays.
    pub fn start(mut command: Command) -> Relay {
        let arguments = ["both_halves_of_a_parted_network_come_to_one_book", "--exact", "--nocapture"];
        command.args(arguments).env(ASKED, "yes").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut relay = Relay { child, stdin, stdout };
        assert_eq!(relay.line(), READY);
        relay
    }

    /// Stops every frame between the halves.
    pub fn part(&mut self) {
        self.say("part");
    }

    /// Lets them through again.
    pub fn heal(&mut self) {
        self.say("heal");
    }

    /// What became of the frames so far.
    pub fn frames(&mut self) -> Frames {
        let line = self.say("count");
        let mut counts = line.split(' ').filter_map(|word| word.parse().ok());
        let mut next = || counts.next().unwrap();
        Frames { delivered: next(), lost: next(), stopped: next() }
    }

    fn say(&mut self, word: &str) -> String {
        writeln!(self.stdin, "{word}").unwrap();
        self.line()
    }

    /// The next line that is the relay's own, not the test harness's.
    fn line(&mut self) -> String {
        let mut line = String::new();
        while !line.starts_with("relay: ") {
            line.clear();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the relay ended");
        }
        line.trim_end().to_owned()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process was started to be the relay.
pub fn is_asked_for() -> bool {
    std::env::var_os(ASKED).is_some()
}

struct Flight {
    due: Instant,
    to: u8,
    frame: Vec<u8>,
}

/// What the threads of the relay share.
#[derive(Default)]
struct Shared {
    is_parted: AtomicBool,
    delivered: AtomicU64,
    lost: AtomicU64,
    stopped: AtomicU64,
    random: Mutex<u64>,
}

/// Relays between all links of this namespace until standard input ends.
pub fn serve() {
    let shared = Arc::new(Shared::default());
    let (sender, receiver) = sync_channel(UNDER_WAY_CAP);
    let mut ways: BTreeMap<u8, Box<dyn DataLinkSender>> = BTreeMap::new();
    for link in pnet_datalink::interfaces() {
        let Some(host) = link.name.strip_prefix("to").and_then(|number| number.parse::<u8>().ok()) else { continue };
        let Ok(Channel::Ethernet(way, frames)) = pnet_datalink::channel(&link, Config::default()) else {
            panic!("{} cannot be opened", link.name)
        };
        ways.insert(host, way);
        let (shared, sender) = (shared.clone(), sender.clone());
        thread::spawn(move || listen(frames, &shared, &sender));
    }
    let counts = shared.clone();
    thread::spawn(move || deliver(&receiver, &mut ways, &counts));
    tell(READY);
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.as_str() {
            "part" | "heal" => {
                shared.is_parted.store(line == "part", Relaxed);
                tell(&format!("relay: {line}"));
            }
            _ => {
                let read = |count: &AtomicU64| count.load(Relaxed);
                let counts = [read(&shared.delivered), read(&shared.lost), read(&shared.stopped)];
                tell(&format!("relay: {} {} {}", counts[0], counts[1], counts[2]));
            }
        }
    }
    // The threads wait for frames that never come.
    std::process::exit(0);
}

fn tell(line: &str) {
    let mut stdout = std::io::stdout();
    // A line of the harness may have been begun.
    writeln!(stdout, "\n{line}").and_then(|()| stdout.flush()).unwrap();
}

/// Takes the frames of one link and sends those under way that are to arrive.
fn listen(mut frames: Box<dyn DataLinkReceiver>, shared: &Shared, sender: &SyncSender<Flight>) {
    loop {
        let Ok(frame) = frames.next() else { continue };
        // Who is who is known to all, so what is for everyone is for nobody.
        let (Some(to), Some(from)) = (host(frame, 0), host(frame, 6)) else { continue };
        if shared.is_parted.load(Relaxed) && (from < HALF) != (to < HALF) {
            shared.stopped.fetch_add(1, Relaxed);
            continue;
        }
        let flight = Flight { due: Instant::now() + DELAY, to, frame: frame.to_vec() };
        if shared.is_lost() || sender.try_send(flight).is_err() {
            shared.lost.fetch_add(1, Relaxed);
        }
    }
}

/// Brings the frames, each when it is due; as all take equally long, they are due in the order in which they came.
fn deliver(receiver: &Receiver<Flight>, ways: &mut BTreeMap<u8, Box<dyn DataLinkSender>>, shared: &Shared) {
    while let Ok(flight) = receiver.recv() {
        thread::sleep(flight.due.saturating_duration_since(Instant::now()));
        let sent = ways.get_mut(&flight.to).and_then(|way| way.send_to(&flight.frame, None));
        let count = if matches!(sent, Some(Ok(()))) { &shared.delivered } else { &shared.lost };
        count.fetch_add(1, Relaxed);
    }
}

impl Shared {
    fn is_lost(&self) -> bool {
        // Weyl's sequence through a multiplication: even enough for a loss, and the same in every run.
        let mut state = self.random.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed ^ (mixed >> 32)) % 1000 < LOST_PER_MILLE
    }
}

/// The host whose hardware address is at `offset`.
fn host(frame: &[u8], offset: usize) -> Option<u8> {
    let address = frame.get(offset..offset + 6)?;
    let index = address[5].checked_sub(1)?;
    (address == hardware_address(index.into())).then_some(index)
}

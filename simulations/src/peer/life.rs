//! Beginnings and ends of a peer's process, and what else is done to it from outside.

use super::computing::Job;
use super::{Event, Own, Packet, Peer, TICK, Talk, UPKEEP};
use crate::engine::{Nanos, Out};
use crate::faults::Strike;

impl Peer {
    /// The process starts; from its second life on with what it finds on its disk.
    pub(super) fn rise(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        if self.is_up {
            return;
        }
        self.is_up = true;
        self.life += 1;
        self.clock.restart();
        self.nic.restart();
        self.overlay.restart();
        self.links.restart(now);
        self.computing.restart(now);
        let entropy = self.random.next();
        let is_first = self.life == 1;
        let restore = (!is_first).then(|| self.desk.disk.read());
        if !is_first {
            self.desk.renew();
        }
        for input in self.desk.begin(entropy, restore) {
            self.job(Job::Input(input), now, out);
        }
        self.plan_ahead(now, out);
        let dials = self.links.wanted();
        if let Some(from) = self.desk.cheats_from() {
            out.at(from, self.own(Own::Wake));
        }
        (0..dials).for_each(|_| self.dial_one(now, out));
        if is_first {
            let mut plans = Vec::new();
            self.desk.trader.begin(now, &mut plans);
            plans.into_iter().for_each(|(at, errand)| out.at(at, Event::Errand(Box::new(errand))));
        }
    }

    /// What happens again and again, each peer at its own moment.
    fn plan_ahead(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        let every = [(TICK, Own::Tick), (UPKEEP, Own::Second), (self.overlay.rules().heartbeat, Own::Heartbeat)];
        for (every, what) in every {
            let at = now + self.random.below(every);
            out.at(at, self.own(what));
        }
    }

    /// The process ends; the system closes its connections.
    pub(super) fn die(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        if !self.is_up {
            return;
        }
        let links: Vec<(u32, u32)> = self.links.all().collect();
        for (peer, connection) in links {
            self.send((peer, connection), Packet::Talk(Box::new(Talk::Bye)), (now, 0), out);
        }
        self.is_up = false;
        // Whatever it had planned is void.
        self.life += 1;
        self.links.restart(now);
        self.calls.clear();
        self.computing.restart(now);
        self.desk.crash();
    }

    /// Something is done to it from outside.
    pub(super) fn strike(&mut self, strike: &Strike, now: Nanos, out: &mut Out<'_, Event>) {
        match strike {
            Strike::Crash => self.die(now, out),
            Strike::Restart { keeps_disk } => {
                if !self.is_up && !keeps_disk {
                    self.desk.disk.lose();
                }
                self.rise(now, out);
            }
            Strike::Join => self.rise(now, out),
            Strike::Pause(until) => self.computing.pause(*until),
            Strike::ClockStep(by) => self.clock.step(*by),
            Strike::Slow(times) => self.computing.slow(*times),
            Strike::FullDisk(is_full) => self.desk.disk.set_full(*is_full),
            // The network's, not the peer's.
            Strike::Cut { .. } | Strike::Mend { .. } | Strike::Lossy(_) => {}
        }
    }
}

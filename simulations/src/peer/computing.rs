//! A peer's processor: the loop, which does one thing after another on one core, and other cores for recoveries and
//! clearings. What a step leads to leaves when the step is done. Knows costs, not what is computed.

use std::collections::VecDeque;
use std::sync::Arc;

use matcher::Input;
use protocol::Rejected;
use protocol::talk::{Request, Response};

use super::{Event, Own, Packet, Peer, Talk};
use crate::costs::Costs;
use crate::desk::{Caller, Deed};
use crate::engine::{MS, Nanos, Out};
use crate::overlay::{self, Do, Message, MessageId};
use crate::traders::Errand;

/// Things that wait for the loop: gossip beyond is ignored and requests are told that the node is busy.
const WAITING_MAX: usize = 512;
/// A step that takes longer than this does its deeds in an event of its own; of a shorter one they are done at once,
/// stamped with its end.
const LONG: Nanos = MS / 5;
/// Cores beside the loop, at most.
const CORES_MAX: usize = 64;

/// One thing for the loop.
#[derive(Debug)]
pub(super) enum Job {
    /// For the machine as it is.
    Input(Input),
    /// A gossip message.
    Gossip { from: u32, message: Arc<Message> },
    /// A request.
    Request { caller: Caller, request: Box<Request> },
    /// The user wants something.
    Errand(Errand),
    /// A strategy is woken.
    Wake,
}

/// The processor.
#[derive(Debug)]
pub struct Computing {
    costs: Arc<Costs>,
    /// Thousandths of the cost table's times that this machine takes, and what a fault makes of it.
    slowness: u64,
    fault: u64,
    busy_until: Nanos,
    queue: VecDeque<Job>,
    is_turn_due: bool,
    /// When the network's own loop is free.
    network_until: Nanos,
    /// When each of the other cores is free.
    cores: Vec<Nanos>,
    /// How long the loop computed.
    pub busy: Nanos,
    /// Gossip and requests that found no room.
    pub turned_away: u64,
}

impl Computing {
    /// A machine that takes so many thousandths of the table's times, with so many cores beside the loop.
    pub fn new(costs: Arc<Costs>, slowness: u64, cores: u32) -> Computing {
        Computing {
            costs,
            slowness,
            fault: 1_000,
            busy_until: 0,
            queue: VecDeque::new(),
            is_turn_due: false,
            network_until: 0,
            cores: vec![0; (cores.max(1) as usize).min(CORES_MAX)],
            busy: 0,
            turned_away: 0,
        }
    }

    fn scaled(&self, time: Nanos) -> Nanos {
        (u128::from(time) * u128::from(self.slowness) * u128::from(self.fault) / 1_000_000) as u64
    }

    pub(super) fn slow(&mut self, fault: u64) {
        self.fault = fault;
    }

    pub(super) fn pause(&mut self, until: Nanos) {
        self.busy_until = self.busy_until.max(until);
        self.network_until = self.network_until.max(until);
        self.cores.iter_mut().for_each(|free| *free = (*free).max(until));
    }

    pub(super) fn restart(&mut self, now: Nanos) {
        self.queue.clear();
        (self.busy_until, self.network_until, self.is_turn_due) = (now, now, false);
        self.cores.iter_mut().for_each(|free| *free = now);
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= WAITING_MAX
    }

    /// Room for what the overlay wants.
    pub(super) fn overlay_room(&self) -> Vec<Do<Arc<Message>>> {
        Vec::new()
    }

    /// When the network's loop is done with a frame of so many bytes.
    pub(super) fn network(&mut self, bytes: u32, now: Nanos) -> Nanos {
        self.network_until = self.network_until.max(now) + self.scaled(self.costs.frame_ns(bytes));
        self.network_until
    }

    /// When work of this length is done that can begin at `now` on any of the other cores.
    fn elsewhere(&mut self, now: Nanos, time: Nanos) -> Nanos {
        let time = self.scaled(time);
        let first = self.cores.iter_mut().min().expect("there is a core");
        *first = (*first).max(now) + time;
        *first
    }
}

impl Peer {
    /// Something for the loop: now, or when it is free.
    pub(super) fn job(&mut self, job: Job, now: Nanos, out: &mut Out<'_, Event>) {
        if !self.is_up {
            // Only the user goes on, and hears nothing.
            if let Job::Errand(errand) = job {
                self.errand(errand, now, out);
            }
            return;
        }
        if now >= self.computing.busy_until && self.computing.queue.is_empty() {
            return self.step(job, now, out);
        }
        self.computing.queue.push_back(job);
        self.call_turn(now, out);
    }

    fn call_turn(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        if !self.computing.is_turn_due && !self.computing.queue.is_empty() {
            self.computing.is_turn_due = true;
            out.at(self.computing.busy_until.max(now), self.own(Own::Turn));
        }
    }

    pub(super) fn turn(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        self.computing.is_turn_due = false;
        while self.is_up && now >= self.computing.busy_until {
            let Some(job) = self.computing.queue.pop_front() else { return };
            self.step(job, now, out);
        }
        self.call_turn(now, out);
    }

    fn step(&mut self, job: Job, now: Nanos, out: &mut Out<'_, Event>) {
        let moment = self.moment(now);
        let mut deeds = Vec::new();
        let is_woken = matches!(job, Job::Wake);
        let input = match job {
            Job::Input(input) => Some(input),
            Job::Gossip { from, message } => {
                let address = self.address(from);
                Some(self.desk.heard((from, address), &message))
            }
            Job::Request { caller, request } => {
                let address = self.address(caller.peer);
                Some(self.desk.asked(caller, address, request))
            }
            Job::Errand(errand) => self.errand(errand, now, out),
            Job::Wake => None,
        };

        let work = match input {
            Some(input) => self.desk.step(input, moment, &mut deeds),
            None if is_woken => self.desk.wake(moment, &mut deeds),
            // The user changed its mind.
            None => return,
        };
        let time = self.computing.scaled(self.computing.costs.step(&work, self.desk.market()));
        self.computing.busy += time;
        let done = now + time;
        self.computing.busy_until = done;
        match time > LONG {
            true => out.at(done, self.own(Own::Done(Box::new(deeds)))),
            false => self.deeds(deeds, done, out),
        }
    }

    /// What the user does; what it leads to later is planned.
    fn errand(&mut self, errand: Errand, now: Nanos, out: &mut Out<'_, Event>) -> Option<Input> {
        let mut plans = Vec::new();
        let input = self.desk.trader.run(errand, (now, self.is_up), &mut plans);
        plans.into_iter().for_each(|(at, errand)| out.at(at, Event::Errand(Box::new(errand))));
        input
    }

    pub(super) fn deeds(&mut self, deeds: Vec<Deed>, now: Nanos, out: &mut Out<'_, Event>) {
        for deed in deeds {
            match deed {
                Deed::Recover { ticket, verdicts } => {
                    let time = self.computing.costs.recoveries(verdicts.len());
                    let done = self.computing.elsewhere(now, time);
                    out.at(done, self.own(Own::Computed(Box::new(Input::Recovered { ticket, verdicts }))));
                }
                Deed::Clear { book } => {
                    let done = self.computing.elsewhere(now, self.computing.costs.clearing(&book));
                    let outcome = Some(self.hall.clearings.outcome(&book));
                    out.at(done, self.own(Own::Computed(Box::new(Input::Cleared { epoch: book.epoch, outcome }))));
                }
                Deed::Judge { from, message, verdict } => {
                    let mut todo = self.computing.overlay_room();
                    let verdict = match verdict {
                        matcher::Verdict::Accept => overlay::Verdict::Accept,
                        matcher::Verdict::Ignore => overlay::Verdict::Ignore,
                        matcher::Verdict::Reject => overlay::Verdict::Reject,
                    };
                    self.overlay.judge(now, (from, message), verdict, &mut todo);
                    self.do_all(todo, now, out);
                }
                Deed::Publish { topic, bytes } => {
                    let mut todo = self.computing.overlay_room();
                    let topic = match topic {
                        matcher::Topic::Orders => overlay::Topic::Orders,
                        matcher::Topic::Deals => overlay::Topic::Deals,
                    };
                    let message = Arc::new(Message { id: name(&bytes), topic, born: now, contents: bytes });
                    self.overlay.publish(now, message, &mut todo);
                    self.do_all(todo, now, out);
                }
                Deed::Ask { ticket, to, request } => self.ask((ticket, to), request, now, out),
                Deed::Reply { to, response } => self.reply(to, response, now, out),
                Deed::Blame(address) => {
                    if let Some(peer) = super::number_of(&address, self.population) {
                        let mut todo = self.computing.overlay_room();
                        self.overlay.blame(now, peer, &mut todo);
                        self.do_all(todo, now, out);
                    }
                }
                Deed::Plan(at, errand) => out.at(at, Event::Errand(Box::new(errand))),
                Deed::Wake(at) => out.at(at, self.own(Own::Wake)),
                Deed::Die => return self.die(now, out),
            }
        }
    }

    /// What the overlay wants.
    pub(super) fn do_all(&mut self, todo: Vec<Do<Arc<Message>>>, now: Nanos, out: &mut Out<'_, Event>) {
        for one in todo {
            match one {
                Do::Send { to, frame } => {
                    if let Some(connection) = self.links.connection(to)
                        && self.desk.may_send(to, now)
                    {
                        self.send((to, connection), Packet::Gossip(frame), (now, 0), out);
                    }
                }
                Do::Deliver { from, message } => match self.computing.is_full() {
                    true => {
                        self.computing.turned_away += 1;
                        let mut todo = Vec::new();
                        self.overlay.judge(now, (from, message.id), overlay::Verdict::Ignore, &mut todo);
                        self.do_all(todo, now, out);
                    }
                    false => self.job(Job::Gossip { from, message }, now, out),
                },
                Do::LeaveAlone { peer } => {
                    self.desk.log.left_alone.push(peer);
                    self.links.leave_alone(peer, (now, now + self.overlay.rules().limits.refusal));
                    self.part(peer, true, now, out);
                }
            }
        }
    }

    /// A request of a connected peer.
    pub(super) fn asked(&mut self, caller: Caller, request: Box<Request>, now: Nanos, out: &mut Out<'_, Event>) {
        if self.computing.is_full() {
            self.computing.turned_away += 1;
            let response = Box::new(Response::Declined(Rejected::RateLimit));
            let talk = Talk::Answer { call: caller.call, response };
            return self.send((caller.peer, caller.connection), Packet::Talk(Box::new(talk)), (now, 0), out);
        }
        self.job(Job::Request { caller, request }, now, out);
    }
}

/// Equal bytes are the same message, whoever publishes them.
fn name(bytes: &[u8]) -> MessageId {
    let words = bytes.chunks(8).map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    MessageId(words.fold(bytes.len() as u64, |sum, word| crate::random::mix(sum.rotate_left(7) ^ word)))
}

//! The loop: owns the `Market` machine, hands it what happens, and carries out its effects in order. Decides nothing.
//!
//! ```text
//!  net, api, clock --> queue --> Market::handle --> effects: store first, then sign, recover, clear, judge, publish,
//!                        ^                                   send, respond, answer, tell; keep, when there is time
//!                        +- Signed, Recovered, Cleared, Answered -+
//! ```

mod carry;
pub mod keep;
mod restore;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use matcher::{Answer, Draft, Input, Market, Refused};
use protocol::{Entry, Hash};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::clock::Clock;
use crate::happening::{Happened, Happening};
use crate::keys::Key;
use crate::net::{MessageToken, Net, ReplyToken};
use crate::store::{Store, StoreError};
use keep::Keeping;
pub use restore::restore;

/// Things that wait for the machine; beyond it senders wait.
const QUEUE_CAP: usize = 1024;
/// Events that a slow watcher may lag behind.
const EVENTS_CAP: usize = 1024;
/// How often time is handed to the machine.
const TICK: Duration = Duration::from_millis(50);
/// The largest stored offer or deal, in bytes.
pub(crate) const RECORD_MAX: usize = 256 * 1024;

/// The engine has stopped: the node is shutting down, or could not write to its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is shutting down")]
pub struct Stopped;

type View = Box<dyn FnOnce(&Market, u64) + Send>;
type AnswerSender = oneshot::Sender<Result<Answer, Refused>>;

/// One thing for the loop.
pub(crate) enum Work {
    /// For the machine as it is.
    Input(Input),
    /// A gossip message.
    Gossip { input: Input, token: MessageToken },
    /// A peer's request.
    Request { input: Input, reply: ReplyToken },
    /// A user's wish.
    Wish { wish: Wish, reply: AnswerSender },
    /// A look at the machine.
    View(View),
    /// The disk failed elsewhere: the node ends as if it had failed here.
    Failed(String),
    /// Stop.
    Stop,
}

/// What a user may want of the machine.
#[derive(Debug)]
pub enum Wish {
    /// A new order.
    Place(Box<Draft>),
    /// Several new orders.
    PlaceList(Vec<Draft>),
    /// Orders and empty slots that somebody else signed.
    Submit(Vec<Entry>),
    /// One order less.
    Withdraw(Hash),
    /// The end of a deal.
    EndDeal(Hash),
}

/// A handle to the loop.
#[derive(Clone)]
pub struct Engine {
    queue: mpsc::Sender<Work>,
    events: broadcast::Sender<Happened>,
    clock: Arc<Clock>,
    unkept: Arc<AtomicUsize>,
    /// Of the machine, and how many signature recoveries run at once.
    cores: (usize, usize),
}

impl Engine {
    /// Hands something to the machine.
    pub async fn input(&self, input: Input) {
        // A stopped engine takes nothing more, and nobody waits for it.
        let _ = self.queue.send(Work::Input(input)).await;
    }

    pub(crate) async fn work(&self, work: Work) {
        let _ = self.queue.send(work).await;
    }

    /// Asks the machine for something and waits for its word.
    ///
    /// # Errors
    /// [`Stopped`] if the node is shutting down.
    pub async fn wish(&self, wish: Wish) -> Result<Result<Answer, Refused>, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Work::Wish { wish, reply }).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Looks at the machine between two inputs; keep it short.
    ///
    /// # Errors
    /// [`Stopped`] if the node is shutting down.
    pub async fn view<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Market, u64) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let (reply, answer) = oneshot::channel();
        let view: View = Box::new(move |market, now| {
            let _ = reply.send(look(market, now));
        });
        self.queue.send(Work::View(view)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Everything that happens from now on.
    pub fn watch(&self) -> broadcast::Receiver<Happened> {
        self.events.subscribe()
    }

    /// Tells whoever watches.
    pub fn tell(&self, what: Happening) {
        // Nobody has to watch.
        let _ = self.events.send(Happened { at_ms: self.clock.now_ms(), what });
    }

    /// The machine's cores, and how many signature recoveries run at once.
    pub fn recoveries_max(&self) -> (usize, usize) {
        self.cores
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Changes of the replicated set that are not on the disk yet.
    pub fn unkept(&self) -> usize {
        self.unkept.load(Ordering::Relaxed)
    }

    /// Ends the node because something that was to be kept could not be.
    pub async fn fail(&self, error: impl std::fmt::Display) {
        let _ = self.queue.send(Work::Failed(error.to_string())).await;
    }

    /// Ends the loop after what is queued, with everything on the disk.
    pub async fn stop(&self) {
        let _ = self.queue.send(Work::Stop).await;
    }
}

/// What the loop works with.
pub struct Parts {
    /// The machine.
    pub market: Market,
    /// The disk.
    pub store: Arc<Store>,
    /// The mesh.
    pub net: Net,
    /// The node's key.
    pub key: Arc<Key>,
    /// The clock.
    pub clock: Arc<Clock>,
}

/// The loop's own state.
pub(crate) struct Loop {
    pub(crate) parts: Parts,
    pub(crate) handle: Engine,
    pub(crate) recoveries: Arc<tokio::sync::Semaphore>,
    /// One: no two books are cleared at once.
    pub(crate) clearings: Arc<tokio::sync::Semaphore>,
    pub(crate) last_token: u64,
    pub(crate) messages: BTreeMap<u64, MessageToken>,
    pub(crate) replies: BTreeMap<u64, ReplyToken>,
    pub(crate) answers: BTreeMap<u64, AnswerSender>,
    /// Inputs that effects gave rise to; handled before anything new.
    pub(crate) pending: VecDeque<Input>,
    pub(crate) keeping: Keeping,
}

/// Starts the loop. It ends on [`Engine::stop`], or with an error when the disk fails: what cannot be stored is not
/// promised.
pub fn start(parts: Parts) -> (Engine, tokio::task::JoinHandle<Result<(), StoreError>>) {
    let (queue, inbox) = mpsc::channel(QUEUE_CAP);
    let (events, _) = broadcast::channel(EVENTS_CAP);
    let unkept = Arc::new(AtomicUsize::new(0));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let recoveries = (cores / 2).max(1);
    let handle =
        Engine { queue, events, clock: parts.clock.clone(), unkept: unkept.clone(), cores: (cores, recoveries) };
    let this = Loop {
        keeping: Keeping::new(parts.store.clone(), unkept),
        parts,
        handle: handle.clone(),
        recoveries: Arc::new(tokio::sync::Semaphore::new(recoveries)),
        clearings: Arc::new(tokio::sync::Semaphore::new(1)),
        last_token: 0,
        messages: BTreeMap::new(),
        replies: BTreeMap::new(),
        answers: BTreeMap::new(),
        pending: VecDeque::new(),
    };
    (handle, tokio::spawn(this.run(inbox)))
}

impl Loop {
    async fn run(mut self, mut inbox: mpsc::Receiver<Work>) -> Result<(), StoreError> {
        let mut ticker = tokio::time::interval(TICK);
        ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seconds = tokio::time::interval(keep::EVERY);
        seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                work = inbox.recv() => match work {
                    None | Some(Work::Stop) => return self.keeping.finish().await,
                    Some(Work::Failed(reason)) => return Err(self.parts.store.failed(reason)),
                    Some(work) => self.take(work)?,
                },
                _ = ticker.tick() => self.step(Input::Tick)?,
                _ = seconds.tick() => self.keeping.on_second(),
                settled = self.keeping.settled() => settled?,
            }
        }
    }

    fn take(&mut self, work: Work) -> Result<(), StoreError> {
        match work {
            Work::Input(input) => self.step(input),
            Work::View(look) => {
                look(&self.parts.market, self.parts.clock.now_ms());
                Ok(())
            }
            Work::Gossip { input, token } => {
                let number = self.number();
                self.messages.insert(number, token);
                self.step(with_token(input, number))
            }
            Work::Request { input, reply } => {
                let number = self.number();
                self.replies.insert(number, reply);
                self.step(with_token(input, number))
            }
            Work::Wish { wish, reply } => {
                let user = self.number();
                self.answers.insert(user, reply);
                self.step(match wish {
                    Wish::Place(draft) => Input::Place { user, draft },
                    Wish::PlaceList(drafts) => Input::PlaceList { user, drafts },
                    Wish::Submit(entries) => Input::Submit { user, entries },
                    Wish::Withdraw(order) => Input::Withdraw { user, order },
                    Wish::EndDeal(deal) => Input::EndDeal { user, deal },
                })
            }
            Work::Stop | Work::Failed(_) => Ok(()),
        }
    }

    fn number(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    /// One input and everything that follows from it at once.
    fn step(&mut self, input: Input) -> Result<(), StoreError> {
        self.pending.push_back(input);
        while let Some(input) = self.pending.pop_front() {
            let effects = self.parts.market.handle(input, self.parts.clock.now_ms());
            self.carry_out(effects)?;
        }
        Ok(())
    }
}

/// Gossip and requests get their token here, where it is kept.
fn with_token(input: Input, number: u64) -> Input {
    match input {
        Input::Heard { from, topic, bytes, .. } => Input::Heard { from, token: number, topic, bytes },
        Input::Asked { from, request, .. } => Input::Asked { from, token: number, request },
        other => other,
    }
}

//! Carrying out effects: one arm each. What is to be stored is on disk before anything else of the batch is done.

use std::sync::Arc;

use matcher::{Effect, Event, Input, Outcome, Record, SealedBook, Unanswered};
use protocol::talk::{Request, Response};
use protocol::{Address, Recovery, wire};
use tokio::sync::Semaphore;

use crate::engine::Loop;
use crate::happening::Happening;
use crate::net;
use crate::store::{Change, StoreError, Table};

impl Loop {
    pub(crate) fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), StoreError> {
        let changes: Vec<Change> = effects.iter().filter_map(stored).collect();
        if !changes.is_empty() {
            tokio::task::block_in_place(|| self.parts.store.commit(&changes))?;
        }
        for effect in effects {
            match effect {
                Effect::Keep(changes) => self.keeping.add(changes)?,
                effect => self.carry_out_one(effect),
            }
        }
        Ok(())
    }

    fn carry_out_one(&mut self, effect: Effect) {
        match effect {
            Effect::Store(_) | Effect::Keep(_) => {}
            Effect::Clear { book } => self.clear(book),
            Effect::Recover { ticket, work } => self.recover(ticket, work),
            Effect::Sign { ticket, digest } => {
                let signature = self.parts.key.sign(&digest);
                self.pending.push_back(Input::Signed { ticket, signature });
            }
            Effect::Judge { token, verdict } => {
                if let Some(token) = self.messages.remove(&token) {
                    self.parts.net.judge(token, verdict);
                }
            }
            Effect::Publish { topic, bytes } => {
                if let Err(error) = self.parts.net.publish(topic, bytes) {
                    tracing::warn!(%error, "not published");
                }
            }
            Effect::Blame { peer, why } => self.parts.net.blame(peer, why),
            Effect::Send { ticket, to, request } => self.send(ticket, to, *request),
            Effect::Respond { token, response } => {
                if let Some(reply) = self.replies.remove(&token) {
                    self.parts.net.respond(reply, *response);
                }
            }
            Effect::Answer { user, answer } => {
                if let Some(reply) = self.answers.remove(&user) {
                    let _ = reply.send(answer);
                }
            }
            Effect::Tell(event) => self.tell(event),
        }
    }

    /// Recoveries run on at most half of the cores, off the loop.
    fn recover(&self, ticket: u64, work: Vec<Recovery>) {
        let (handle, permits) = (self.handle.clone(), self.recoveries.clone());
        tokio::spawn(async move {
            let verdicts = verdicts(permits, work).await;
            handle.input(Input::Recovered { ticket, verdicts }).await;
        });
    }

    /// A clearing runs on a thread of its own beside the recoveries: it waits for none of them, nor they for it.
    fn clear(&self, book: Arc<SealedBook>) {
        let (handle, epoch) = (self.handle.clone(), book.epoch);
        let outcome = outcome(self.clearings.clone(), book);
        tokio::spawn(async move { handle.input(Input::Cleared { epoch, outcome: outcome.await }).await });
    }

    fn send(&self, ticket: u64, to: Address, request: Request) {
        let (handle, net) = (self.handle.clone(), self.parts.net.clone());
        tokio::spawn(async move {
            let result = net.request(to, request).await;
            let result = result.map(Box::<Response>::new).map_err(|error| {
                tracing::debug!(%to, code = error.code(), %error, "no answer");
                match error {
                    net::RequestError::Timeout | net::RequestError::Disconnected => Unanswered::Timeout,
                    _ => Unanswered::Unreachable,
                }
            });
            handle.input(Input::Answered { ticket, result }).await;
        });
    }

    fn tell(&self, event: Event) {
        match &event {
            Event::HeadAdmitted { .. } | Event::Cleared { matches: 0, .. } => tracing::debug!(?event),
            Event::Cleared { epoch, orders, matches, root, .. } => {
                tracing::info!("cleared epoch {epoch}: {orders} orders, {matches} matches, root {root}");
            }
            Event::Skipped { epoch, .. } => {
                tracing::warn!(
                    "epoch {epoch} is not cleared here: its clearing or an earlier one takes too long, or failed"
                );
            }
            Event::Proposed { deal, supplier } => tracing::info!("proposed deal {deal} to {supplier}"),
            Event::Struck { deal, supplier, consumer, is_own: true } => {
                tracing::info!("struck deal {deal}: {supplier} sells to {consumer}");
            }
            Event::Struck { .. } => tracing::debug!(?event),
            Event::Agreed { .. } => tracing::debug!(?event),
            Event::Differed { epoch, neighbour, .. } => {
                tracing::info!("{neighbour} sealed another book than this node for epoch {epoch}");
            }
            Event::Equivocated { owner, deals: [first, second], .. } => {
                tracing::warn!("{owner} signed the same lots twice, in deals {first} and {second}");
            }
            Event::Superseded { slot, version } => {
                tracing::warn!(
                    "the owner signed version {version} of slot {slot} elsewhere: the offer in it is given up"
                );
            }
            Event::DelegationEnds { owner, not_after } => {
                tracing::warn!(
                    "the delegation of {owner} ends within a day, at {not_after} s since 1970: ask for a new one"
                );
            }
            Event::DelegationOver { owner, .. } => {
                tracing::error!("the delegation of {owner} is over: nothing is signed any more; souk key adopt FILE");
            }
            Event::Over { deal, reason, elapsed_s } => {
                tracing::info!("deal {deal} is over after {elapsed_s} s: {reason}")
            }
        }
        if let Event::Cleared { .. } = event {
            self.parts.net.set_heads(self.parts.market.book().len() as u64);
        }
        self.handle.tell(Happening::Market(event));
    }
}

/// Does the recoveries when it is their turn.
async fn verdicts(permits: Arc<Semaphore>, work: Vec<Recovery>) -> Vec<bool> {
    let count = work.len();
    let _permit = permits.acquire_owned().await.expect("nobody closes it");
    let run = move || work.iter().map(|recovery| recovery.run().is_ok()).collect::<Vec<bool>>();
    // The machine waits for a verdict on each: what could not be recovered is not believed.
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| vec![false; count])
}

/// Clears a book, unless another one is being cleared still: the machine gave that one up, but no thread can be stopped.
async fn outcome(permits: Arc<Semaphore>, book: Arc<SealedBook>) -> Option<Outcome> {
    let permit = permits.try_acquire_owned().ok()?;
    let run = move || {
        let outcome = Outcome::of(book);
        drop(permit);
        outcome
    };
    tokio::task::spawn_blocking(run).await.ok()
}

fn stored(effect: &Effect) -> Option<Change> {
    let Effect::Store(record) = effect else { return None };
    Some(match record {
        Record::Standing(standing) => Change::Put {
            table: Table::Heads,
            key: standing.slot.to_be_bytes().to_vec(),
            value: wire::encode(&**standing),
        },
        Record::Gone { slot } => Change::Delete { table: Table::Heads, key: slot.to_be_bytes().to_vec() },
        Record::Deal(deal) => {
            Change::Put { table: Table::Deals, key: deal.id.0.to_vec(), value: wire::encode(&**deal) }
        }
        Record::DealGone { id } => Change::Delete { table: Table::Deals, key: id.0.to_vec() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Hash, Signature};

    #[tokio::test]
    async fn no_more_recoveries_run_at_once_than_there_are_permits() {
        let permits = Arc::new(Semaphore::new(1));
        let work = vec![Recovery { digest: Hash([1; 32]), signature: Signature([0; 65]), expected: Address::ZERO }];
        let running = permits.clone().acquire_owned().await.unwrap();
        let mut waiting = Box::pin(verdicts(permits, work));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(running);
        assert_eq!(waiting.await, [false]);
    }

    #[tokio::test]
    async fn a_second_book_is_not_cleared_while_one_is() {
        let permits = Arc::new(Semaphore::new(1));
        let book = Arc::new(SealedBook::new(protocol::MarketId(Hash([1; 32])), 7, Vec::new()));
        let running = permits.clone().try_acquire_owned().unwrap();
        assert!(outcome(permits.clone(), book.clone()).await.is_none());
        drop(running);
        let cleared = outcome(permits.clone(), book.clone()).await.unwrap();
        assert_eq!((cleared.cleared().epoch, cleared.cleared().sealed_root), (7, book.root));
        assert_eq!(permits.available_permits(), 1, "the next one is");
    }
}

//! Entries that somebody else signed and a user hands in: through the same door as what peers send, with an answer for
//! each. They are no offers of this node: nothing here renews or mends them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use protocol::wire::GOSSIP_ENTRIES_MAX;
use protocol::{Entry, Hash, Rejected};

use crate::effect::{Answer, Effect, Refused};
use crate::market::Market;
use crate::waiting::Next;

/// Submissions under way; beyond it users are told to try again.
const SUBMISSIONS_MAX: usize = 64;

/// What became of each entry of a submission, or the recoveries that it still takes.
pub(crate) type Submitted = Vec<(Entry, Result<usize, Rejected>)>;

impl Market {
    pub(crate) fn on_submit(&mut self, user: u64, entries: Vec<Entry>, now: u64) {
        let refused = match entries.len() {
            0 => Some(Refused::Rejected(Rejected::Encoding)),
            count if count > GOSSIP_ENTRIES_MAX => Some(Refused::Rejected(Rejected::TooLarge)),
            _ if self.waiting.submissions() >= SUBMISSIONS_MAX => Some(Refused::Busy),
            _ => None,
        };
        if let Some(refused) = refused {
            return self.effects.push(Effect::Answer { user, answer: Err(refused) });
        }
        let (mut submitted, mut work, mut ids) = (Submitted::new(), Vec::new(), BTreeSet::new());
        for entry in entries {
            let screened = match self.screen(&entry, now) {
                Ok((id, _)) if !ids.insert(id) => Err(Rejected::Duplicate),
                Ok((_, recoveries)) => {
                    let count = recoveries.len();
                    work.extend(recoveries);
                    Ok(count)
                }
                Err(rejected) => Err(rejected),
            };
            submitted.push((entry, screened));
        }
        match work.is_empty() {
            true => self.on_submission_verified(user, submitted, &[]),
            false => self.recover(None, Next::Submission { user, submitted }, work),
        }
    }

    pub(crate) fn on_submission_verified(&mut self, user: u64, submitted: Submitted, verdicts: &[bool]) {
        let mut verdicts = verdicts.iter();
        let mut admitted = Vec::new();
        let mut answers: Vec<Result<Hash, Rejected>> = Vec::with_capacity(submitted.len());
        for (entry, screened) in submitted {
            let answer = screened.and_then(|recoveries| {
                let good = verdicts.by_ref().take(recoveries).filter(|&&good| good).count();
                if good < recoveries { Err(Rejected::Signer) } else { self.admit(entry.clone()).map(|head| head.id) }
            });
            if answer.is_ok() {
                admitted.push(entry);
            }
            answers.push(answer);
        }
        self.publish_in_batches(admitted);
        self.effects.push(Effect::Answer { user, answer: Ok(Answer::Submitted(answers)) });
    }
}

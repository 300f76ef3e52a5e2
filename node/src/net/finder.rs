//! The search for a peer by its Ethereum address: address, public key, place, connection. Knows no socket.

use std::collections::HashMap;
use std::time::Instant;

use libp2p::PeerId;
use libp2p::kad::QueryId;
use protocol::Address;

use super::error::RequestError;
use super::limits::{WAITING_MAX, WANTED_MAX};
use super::peers::Call;

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Peers are asked for the address's public key.
    Key(QueryId),
    /// Nobody knew the key; peers are asked again at this time.
    KeyAgain(Instant),
    /// Peers are asked where the peer is.
    Place(QueryId, PeerId),
    /// A connection is being made; whether peers were asked for its place before.
    Dial(PeerId, bool),
}

/// One search and the requests that wait for its end.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) step: Step,
    /// Until when peers are asked again for a key that nobody knew: a young node has neighbours that are young too.
    pub(super) again_until: Instant,
    pub(super) deadline: Instant,
    pub(super) calls: Vec<Call>,
}

impl Search {
    /// What the callers hear when the search ends here without success.
    fn failure(&self) -> RequestError {
        match self.step {
            Step::Key(_) | Step::KeyAgain(_) => RequestError::NotFound,
            Step::Place(..) | Step::Dial(..) => RequestError::Unreachable,
        }
    }
}

/// All searches under way.
#[derive(Debug, Default)]
pub(super) struct Finder {
    searches: HashMap<Address, Search>,
}

impl Finder {
    /// Adds a request to a search that is under way. Gives it back if there is none.
    pub(super) fn join(&mut self, address: &Address, call: Call) -> Option<Call> {
        let Some(search) = self.searches.get_mut(address) else { return Some(call) };
        if search.calls.len() >= WAITING_MAX {
            fail(call, RequestError::Busy);
        } else {
            search.calls.push(call);
        }
        None
    }

    /// Whether another search may begin.
    pub(super) fn has_room(&self) -> bool {
        self.searches.len() < WANTED_MAX
    }

    pub(super) fn begin(&mut self, address: Address, search: Search) {
        self.searches.insert(address, search);
    }

    /// The search of a query.
    pub(super) fn of_query(&mut self, query: QueryId) -> Option<(Address, &mut Search)> {
        let is_it = |search: &Search| match search.step {
            Step::Key(id) | Step::Place(id, _) => id == query,
            Step::Dial(..) | Step::KeyAgain(_) => false,
        };
        self.searches.iter_mut().find(|(_, search)| is_it(search)).map(|(address, search)| (*address, search))
    }

    /// The search for a peer that is being dialed.
    pub(super) fn of_dial(&mut self, peer: &PeerId) -> Option<(Address, &mut Search)> {
        let is_it = |search: &Search| matches!(search.step, Step::Dial(id, _) if id == *peer);
        self.searches.iter_mut().find(|(_, search)| is_it(search)).map(|(address, search)| (*address, search))
    }

    pub(super) fn find_mut(&mut self, address: &Address) -> Option<&mut Search> {
        self.searches.get_mut(address)
    }

    /// The searches that have to ask for their key again by now.
    pub(super) fn again(&self, now: Instant) -> Vec<Address> {
        let is_due = |search: &Search| matches!(search.step, Step::KeyAgain(at) if at <= now);
        self.searches.iter().filter(|(_, search)| is_due(search)).map(|(address, _)| *address).collect()
    }

    /// Ends a search with success: its requests can be sent.
    pub(super) fn found(&mut self, address: &Address) -> Vec<Call> {
        self.searches.remove(address).map(|search| search.calls).unwrap_or_default()
    }

    /// Ends a search without success; `why` or what its step says.
    pub(super) fn give_up(&mut self, address: &Address, why: Option<RequestError>) {
        let Some(search) = self.searches.remove(address) else { return };
        let why = why.unwrap_or_else(|| search.failure());
        search.calls.into_iter().for_each(|call| fail(call, why.clone()));
    }

    /// Ends the searches whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        let over: Vec<Address> =
            self.searches.iter().filter(|(_, search)| search.deadline <= now).map(|(address, _)| *address).collect();
        over.iter().for_each(|address| self.give_up(address, None));
    }
}

/// Ends a request without a response. A caller that no longer waits is no error.
pub(super) fn fail(call: Call, why: RequestError) {
    let _ = call.reply.send(Err(why));
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::talk::Request;
    use std::time::Duration;
    use tokio::sync::oneshot;

    type Outcome = oneshot::Receiver<Result<protocol::talk::Response, RequestError>>;

    fn call() -> (Call, Outcome) {
        let (reply, outcome) = oneshot::channel();
        (Call { request: Request::Book { after: None }, reply }, outcome)
    }

    fn begun(step: Step) -> (Finder, Address, Instant, Outcome) {
        let (mut finder, address, now) = (Finder::default(), Address([1; 20]), Instant::now());
        let (call, outcome) = call();
        let deadline = now + Duration::from_secs(10);
        finder.begin(address, Search { step, again_until: now, deadline, calls: vec![call] });
        (finder, address, now, outcome)
    }

    #[test]
    fn a_search_that_runs_out_of_time_says_how_far_it_came() {
        for (step, why) in [
            (Step::KeyAgain(Instant::now()), RequestError::NotFound),
            (Step::Dial(PeerId::random(), true), RequestError::Unreachable),
        ] {
            let (mut finder, _, now, mut outcome) = begun(step);
            finder.expire(now + Duration::from_secs(9));
            assert!(outcome.try_recv().is_err());
            finder.expire(now + Duration::from_secs(10));
            assert_eq!(outcome.try_recv(), Ok(Err(why)));
        }
    }

    #[test]
    fn requests_to_one_peer_share_a_search_up_to_a_bound() {
        let (mut finder, address, _, _first) = begun(Step::Dial(PeerId::random(), false));
        let mut outcomes = Vec::new();
        for _ in 0..WAITING_MAX {
            let (call, outcome) = call();
            assert!(finder.join(&address, call).is_none());
            outcomes.push(outcome);
        }
        assert_eq!(outcomes.pop().and_then(|mut last| last.try_recv().ok()), Some(Err(RequestError::Busy)));
        assert_eq!(finder.found(&address).len(), WAITING_MAX);
        assert!(finder.join(&address, call().0).is_some(), "the search has ended");
    }
}

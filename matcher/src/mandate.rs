//! Whether this node may sign: in its own name always, in another's while the delegation lasts and covers it.

use protocol::{Rejected, Scope};

use crate::effect::{Effect, Event, Refused};
use crate::market::Market;

/// So long before a delegation ends whoever watches is told.
const NOTICE_S: u64 = 86_400;

/// What was told already, once each.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    ends: bool,
    over: bool,
}

impl Market {
    /// Whether this node may sign what takes `scope` now.
    pub(crate) fn may_sign(&self, scope: Scope, now: u64) -> Result<(), Refused> {
        match self.mandate.check(scope, now / 1000) {
            Ok(()) => Ok(()),
            Err(Rejected::Delegation) => Err(Refused::OutOfScope(scope)),
            Err(_) => Err(Refused::DelegationOver),
        }
    }

    /// Says once that the delegation is about to end, and once that it did.
    pub(crate) fn tick_mandate(&mut self, now: u64) {
        let Some(not_after) = self.mandate.ends_s() else { return };
        let (owner, unix_s) = (self.owner, now / 1000);
        if unix_s >= not_after {
            if !core::mem::replace(&mut self.warned.over, true) {
                self.effects.push(Effect::Tell(Event::DelegationOver { owner, not_after }));
            }
        } else if not_after - unix_s <= NOTICE_S && !core::mem::replace(&mut self.warned.ends, true) {
            self.effects.push(Effect::Tell(Event::DelegationEnds { owner, not_after }));
        }
    }
}

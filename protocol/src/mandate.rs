//! In whose name a key signs: its own, or that of an owner who delegated to it. Holds no secret and asks no clock.

use alloc::boxed::Box;

use crate::address::Address;
use crate::delegation::{Delegation, Scope};
use crate::rejected::Rejected;
use crate::signature::Signature;
use crate::signed::Authority;

/// The name that a node's key signs in. Every [`Authority`] that a node makes comes from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    owner: Address,
    delegation: Option<Box<(Delegation, Signature)>>,
}

impl Mandate {
    /// The key signs in its own name.
    pub fn own(address: Address) -> Mandate {
        Mandate { owner: address, delegation: None }
    }

    /// The key is the delegate of `delegation`, which its owner signed.
    pub fn delegated(delegation: Delegation, owners: Signature) -> Mandate {
        Mandate { owner: delegation.owner, delegation: Some(Box::new((delegation, owners))) }
    }

    /// Whose name it is.
    pub fn owner(&self) -> Address {
        self.owner
    }

    /// The delegation, unless the key signs in its own name.
    pub fn delegation(&self) -> Option<&Delegation> {
        self.delegation.as_ref().map(|delegation| &delegation.0)
    }

    /// The first second, since 1970, at which it no longer holds; `None` if it always does.
    pub fn ends_s(&self) -> Option<u64> {
        self.delegation().map(|delegation| delegation.not_after)
    }

    /// What stands beside an object that the key signed.
    pub fn authority(&self, signature: Signature) -> Authority {
        Authority { signature, bulk: None, delegation: self.delegation.clone() }
    }

    /// Whether the key may sign `scope` at `unix_s`.
    ///
    /// # Errors
    /// [`Rejected::Future`] before the delegation begins, [`Rejected::Expired`] once it is over,
    /// [`Rejected::Delegation`] if it does not cover `scope`.
    pub fn check(&self, scope: Scope, unix_s: u64) -> Result<(), Rejected> {
        match self.delegation() {
            Some(delegation) if unix_s < delegation.not_before => Err(Rejected::Future),
            Some(delegation) if unix_s >= delegation.not_after => Err(Rejected::Expired),
            Some(delegation) if !delegation.scope.covers(scope) => Err(Rejected::Delegation),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::market::MarketId;

    #[test]
    fn a_mandate_holds_within_its_scope_and_time() {
        let (owner, delegate) = (Address([1; 20]), Address([2; 20]));
        let market = MarketId(Hash::ZERO);
        let delegation = Delegation { owner, delegate, scope: Scope::ASK, not_before: 10, not_after: 20, market };
        let mandate = Mandate::delegated(delegation, Signature([0; 65]));
        assert_eq!((mandate.owner(), mandate.ends_s()), (owner, Some(20)));
        for (scope, unix_s, expected) in [
            (Scope::ASK, 10, Ok(())),
            (Scope::ASK, 19, Ok(())),
            (Scope::ASK, 9, Err(Rejected::Future)),
            (Scope::ASK, 20, Err(Rejected::Expired)),
            (Scope::BID, 15, Err(Rejected::Delegation)),
        ] {
            assert_eq!(mandate.check(scope, unix_s), expected, "{scope} at {unix_s}");
        }
        assert_eq!(Mandate::own(owner).check(Scope::ALL, u64::MAX), Ok(()));
        assert!(Mandate::own(owner).authority(Signature([0; 65])).delegation.is_none());
        assert!(mandate.authority(Signature([0; 65])).delegation.is_some());
    }
}

//! The proof that one owner signed two deals over the same lots at the same time. Knows no book and no clock.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::deal::{DealTerms, OrderRef, StruckDeal, TermsBy};
use crate::hash::{Hash, keccak256};
use crate::market::Parameters;
use crate::order::Side;
use crate::rejected::Rejected;
use crate::signed::{Authority, Recovery, Signed};
use crate::typed::Domain;

/// One owner's word on one deal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// What it agreed to.
    pub terms: DealTerms,
    /// Its signature.
    pub authority: Authority,
}

/// Two words of one owner that name a common lot of one version of one order, in deals that live together. An honest
/// node signs a lot of one version once, so nobody needs to hear the owner's side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivocation {
    /// On which side of both deals the owner stands.
    pub side: Side,
    /// The word with the lower deal id.
    pub first: Word,
    /// The other one.
    pub second: Word,
}

/// When a deal may live, in unix seconds: from the beginning of its epoch until it has run, however late it was opened.
fn life(terms: &DealTerms, market: &Parameters) -> (u64, u64) {
    let begin = market.epoch_start_ms(terms.epoch) / 1000;
    (begin, terms.open_before.saturating_add(terms.duration_s.into()))
}

impl Equivocation {
    /// The proof that these two deals give against the owner on `side` of both, if they do.
    pub fn of(side: Side, deals: (&StruckDeal, &StruckDeal), market: &Parameters) -> Option<Equivocation> {
        let lots = |deal: &StruckDeal| match side {
            Side::Ask => deal.terms.ask,
            Side::Bid => deal.terms.bid,
        };
        if lots(deals.0).owner != lots(deals.1).owner || !lots(deals.0).overlaps(&lots(deals.1)) {
            return None;
        }
        let domain = market.domain();
        let word = |deal: &StruckDeal| Word { terms: deal.terms.clone(), authority: deal.by(side).authority };
        let (first, second) = match deals.0.terms.id(&domain) < deals.1.terms.id(&domain) {
            true => (word(deals.0), word(deals.1)),
            false => (word(deals.1), word(deals.0)),
        };
        let proof = Equivocation { side, first, second };
        proof.check(market).is_ok().then_some(proof)
    }

    fn lots<'a>(&self, word: &'a Word) -> &'a OrderRef {
        match self.side {
            Side::Ask => &word.terms.ask,
            Side::Bid => &word.terms.bid,
        }
    }

    /// Whose words they are.
    pub fn owner(&self) -> Address {
        self.lots(&self.first).owner
    }

    /// The later epoch of the two deals.
    pub fn epoch(&self) -> u64 {
        self.first.terms.epoch.max(self.second.terms.epoch)
    }

    /// Names the proof: its owner and both deals.
    pub fn id(&self, domain: &Domain) -> Hash {
        let [first, second] = [&self.first, &self.second].map(|word| word.terms.id(domain));
        keccak256(&[b"equivocation", &self.owner().0, &first.0, &second.0])
    }

    /// Everything but the signatures: two different deals, the lower id first, of one owner, over a common lot of one
    /// order, that live together.
    ///
    /// # Errors
    /// [`Rejected::Equivocation`] if they prove nothing.
    pub fn check(&self, market: &Parameters) -> Result<(), Rejected> {
        let domain = market.domain();
        let is_ordered = self.first.terms.id(&domain) < self.second.terms.id(&domain);
        let (first, second) = (self.lots(&self.first), self.lots(&self.second));
        let is_same = first.owner == second.owner && first.overlaps(second);
        let (one, other) = (life(&self.first.terms, market), life(&self.second.terms, market));
        let is_together = one.0 < other.1 && other.0 < one.1;
        match is_ordered && is_same && is_together {
            true => Ok(()),
            false => Err(Rejected::Equivocation),
        }
    }

    /// The recoveries that show both words to be the owner's; a delegate's word counts within its delegation.
    ///
    /// # Errors
    /// [`Rejected`] if a form or a delegation does not fit.
    pub fn recoveries(&self, domain: &Domain) -> Result<Vec<Recovery>, Rejected> {
        let mut work = Vec::new();
        for word in [&self.first, &self.second] {
            let body = TermsBy { side: self.side, terms: &word.terms };
            let unix_s = word.authority.delegation.as_ref().map_or(0, |delegation| delegation.0.not_before);
            let (first, second) = Signed { body, authority: word.authority.clone() }.recoveries(domain, unix_s)?;
            work.extend(core::iter::once(first).chain(second));
        }
        Ok(work)
    }
}

//! Why something that a peer or a user sent is refused. Values, with stable codes; never a failure of ours.

use serde::{Deserialize, Serialize};

/// What was wrong with what the other side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Rejected {
    /// The bytes are not the canonical encoding of anything expected.
    #[error("the bytes are not a canonical message")]
    Encoding,
    /// Above a size limit.
    #[error("larger than the market allows")]
    TooLarge,
    /// The signature is not 65 bytes with low S, v in {27, 28} and r, s in range.
    #[error("the signature is malformed: 65 bytes, low S and v of 27 or 28 are required")]
    SignatureForm,
    /// The signature is not the owner's, nor a delegate's in scope.
    #[error("not signed by the owner or a delegate in scope")]
    Signer,
    /// A delegation that is for another market, scope or time, or that names someone else.
    #[error("the delegation does not cover this")]
    Delegation,
    /// A bulk proof of the wrong shape.
    #[error("the bulk proof does not fit")]
    BulkProof,
    /// The capacity vector is not canonical.
    #[error("the capacity is empty, unsorted, unrounded or names an unknown metric")]
    Capacity,
    /// A price of zero.
    #[error("the price is zero")]
    PriceZero,
    /// No lots, or more than the market allows.
    #[error("the number of lots is zero or too large")]
    Lots,
    /// A duration of zero, a maximum below the minimum, or a minimum billed time above the limit.
    #[error("the durations do not fit")]
    Duration,
    /// The life is empty or longer than the market allows.
    #[error("the life of the order is empty or longer than the market allows")]
    Life,
    /// The order's last epoch has passed.
    #[error("the order has expired")]
    Expired,
    /// The order's first epoch is too far ahead of the clock.
    #[error("the order is from the future: check both clocks")]
    Future,
    /// No owner can have a slot of this number.
    #[error("the slot number is above what the market allows anyone")]
    Slot,
    /// A higher version already stands in the slot.
    #[error("a newer version already stands in this slot")]
    Stale,
    /// Already known.
    #[error("already known")]
    Duplicate,
    /// Too many exclusions, unsorted ones, or the owner itself.
    #[error("the exclusions are too many, unsorted, or name the owner")]
    Exclusions,
    /// Unknown flag bits or an unknown identity level.
    #[error("unknown flags")]
    Flags,
    /// A field that must be zero on this side is not.
    #[error("owner or counterparty does not make sense")]
    Parties,
    /// The book is full and this order ranks last.
    #[error("the book is full")]
    BookFull,
    /// The terms do not follow from the two orders.
    #[error("the deal's terms do not follow from its orders")]
    Terms,
    /// The lots of the terms overlap lots that are already let.
    #[error("these lots are already in a deal")]
    LotsTaken,
    /// The supplier has let all that it measured.
    #[error("the supplier has no capacity left for this")]
    Overcommitted,
    /// The supplier's own clearing does not hold this match.
    #[error("the other side's clearing of that epoch does not hold this match")]
    NotMatched,
    /// Not countersigned in time.
    #[error("the deal was not opened in time")]
    TooLate,
    /// No such deal here.
    #[error("no such deal")]
    UnknownDeal,
    /// The peer is not a party of that deal.
    #[error("not a party of this deal")]
    NotAParty,
    /// The peer sent more than its share.
    #[error("too many messages")]
    RateLimit,
    /// Two words that are no proof of equivocation, or an owner that is proven to have equivocated.
    #[error("not a proof of equivocation, or of an owner that equivocated")]
    Equivocation,
    /// The slot number is above what the owner may use at its present stake.
    #[error("the slot number is above the owner's quota")]
    Quota,
}

impl Rejected {
    /// The stable code, part of the API: lower case words joined by underscores.
    pub fn code(&self) -> &'static str {
        match self {
            Rejected::Encoding => "bad_encoding",
            Rejected::TooLarge => "too_large",
            Rejected::SignatureForm => "bad_signature_form",
            Rejected::Signer => "wrong_signer",
            Rejected::Delegation => "bad_delegation",
            Rejected::BulkProof => "bad_bulk_proof",
            Rejected::Capacity => "bad_capacity",
            Rejected::PriceZero => "price_zero",
            Rejected::Lots => "bad_lots",
            Rejected::Duration => "bad_duration",
            Rejected::Life => "bad_life",
            Rejected::Expired => "expired",
            Rejected::Future => "from_the_future",
            Rejected::Slot => "bad_slot",
            Rejected::Quota => "above_quota",
            Rejected::Stale => "stale_version",
            Rejected::Duplicate => "duplicate",
            Rejected::Exclusions => "bad_exclusions",
            Rejected::Flags => "bad_flags",
            Rejected::Parties => "bad_parties",
            Rejected::BookFull => "book_full",
            Rejected::Terms => "bad_terms",
            Rejected::LotsTaken => "lots_taken",
            Rejected::Overcommitted => "overcommitted",
            Rejected::NotMatched => "not_matched",
            Rejected::TooLate => "too_late",
            Rejected::Equivocation => "equivocation",
            Rejected::UnknownDeal => "unknown_deal",
            Rejected::NotAParty => "not_a_party",
            Rejected::RateLimit => "rate_limit",
        }
    }

    /// Whether the sender must have known: only then does it cost a peer its score. The rest depends on the
    /// receiver's clock or book.
    pub fn is_senders_fault(&self) -> bool {
        !matches!(
            self,
            Rejected::Expired
                | Rejected::Future
                | Rejected::Quota
                | Rejected::Stale
                | Rejected::Duplicate
                | Rejected::BookFull
                | Rejected::LotsTaken
                | Rejected::Overcommitted
                | Rejected::NotMatched
                | Rejected::TooLate
                | Rejected::UnknownDeal
        )
    }
}

//! Words about who trades in whose name, and about orders that come several at once or signed by others.

use protocol::{Address, Authority, Hash};
use serde::{Deserialize, Serialize};

use super::ErrorWord;

/// The delegation under which a node trades.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DelegationWord {
    /// In whose name.
    pub owner: Address,
    /// The key that signs.
    pub delegate: Address,
    /// What it may sign: `all`, or names with commas between them.
    pub scope: String,
    /// Since when.
    pub begins_ms: u64,
    /// Until when.
    pub ends_ms: u64,
}

impl From<&protocol::Delegation> for DelegationWord {
    fn from(delegation: &protocol::Delegation) -> DelegationWord {
        DelegationWord {
            owner: delegation.owner,
            delegate: delegation.delegate,
            scope: delegation.scope.to_string(),
            begins_ms: delegation.not_before.saturating_mul(1000),
            ends_ms: delegation.not_after.saturating_mul(1000),
        }
    }
}

/// What became of one of several orders of `POST /v1/orders` or `POST /v1/orders/signed`: `id` and what else is known of
/// it, or `error`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutcomeWord {
    /// Its id, if it stands in the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Hash>,
    /// Its slot, if this node placed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u16>,
    /// Its version, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The first epoch it counts for, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_epoch: Option<u64>,
    /// Why it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorWord>,
}

/// One entry of `POST /v1/orders/signed`, as a wallet signed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedWord {
    /// `Order` or `Cancel`.
    pub primary_type: String,
    /// The order or the cancel.
    pub body: serde_json::Value,
    /// Signature, place in a bulk-signed tree, delegation.
    pub authority: Authority,
}

//! What the API says about agreement: who sealed the same, who did not, and who signed the same lots twice.

use axum::Json;
use axum::extract::State;
use matcher::{Agreement, Market};
use protocol::{Address, Hash, Side};
use serde::{Deserialize, Serialize};

use crate::api::Shared;
use crate::api::error::Result;

/// How this node's seal of an epoch compares with its neighbours': part of `GET /v1/epochs/{n}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AgreementWord {
    /// Neighbours that sealed the same.
    pub agree: Vec<Address>,
    /// Neighbours that sealed something else.
    pub differ: Vec<DifferWord>,
    /// Neighbours that have not said yet, or never will.
    pub silent: Vec<Address>,
    /// How long after the epoch's end the last neighbour had said the same, in ms; nothing unless all did.
    pub took_ms: Option<u64>,
}

/// A neighbour that sealed something else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DifferWord {
    /// Who.
    pub neighbour: Address,
    /// What it sealed.
    pub sealed_root: Hash,
}

/// An owner that signed the same lots twice: `GET /v1/equivocations`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EquivocationWord {
    /// Who.
    pub owner: Address,
    /// On which side of both deals.
    pub side: Side,
    /// The order whose lots were signed twice.
    pub order: Hash,
    /// The two deals.
    pub deals: [Hash; 2],
    /// The later epoch of the two.
    pub epoch: u64,
}

/// How the neighbours' seals of `epoch` compare.
pub fn word(market: &Market, epoch: u64) -> Option<AgreementWord> {
    market.agreement(epoch).map(|agreement: &Agreement| AgreementWord {
        agree: agreement.agree().copied().collect(),
        differ: agreement
            .differ()
            .map(|(neighbour, root)| DifferWord { neighbour: *neighbour, sealed_root: *root })
            .collect(),
        silent: agreement.silent().copied().collect(),
        took_ms: agreement.took_ms,
    })
}

/// `GET /v1/equivocations`.
pub async fn equivocations(State(api): State<Shared>) -> Result<Json<Vec<EquivocationWord>>> {
    let look = |market: &Market, _| {
        let word = |proof: &std::sync::Arc<protocol::Equivocation>| EquivocationWord {
            owner: proof.owner(),
            side: proof.side,
            order: match proof.side {
                Side::Ask => proof.first.terms.ask.id,
                Side::Bid => proof.first.terms.bid.id,
            },
            deals: [&proof.first, &proof.second].map(|word| word.terms.id(market.domain())),
            epoch: proof.epoch(),
        };
        market.book().proofs().all().map(word).collect()
    };
    Ok(Json(api.engine.view(look).await?))
}

//! A data folder changes the name that its node trades in. What still stands in the old name must be over first.

use std::path::Path;

use matcher::{Deal, DealState, Input, Standing};
use protocol::{Address, Mandate};

use crate::clock::Clock;
use crate::data_folder::{DataFolder, DataFolderError};
use crate::engine;
use crate::keys::{self, DelegationError, Grant, KeyError};
use crate::market_file::{MarketFile, MarketFileError};
use crate::store::{Store, StoreError};

/// Why the name stays what it is. Each text names the next step.
#[derive(Debug, thiserror::Error)]
pub enum AdoptionError {
    /// The data folder, or a node that runs on it.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The market file.
    #[error(transparent)]
    Market(#[from] MarketFileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The delegation.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
    /// Offers stand in the old name.
    #[error(
        "{count} offers of {owner} still stand: start the node, withdraw them with `souk ask cancel --all` and \
         `souk bid cancel --all`, stop it and try again"
    )]
    OffersStand {
        /// The old name.
        owner: Address,
        /// How many.
        count: usize,
    },
    /// Deals run in the old name.
    #[error(
        "{count} deals of {owner} still run: start the node, wait for their end or end them with `souk deal cancel`, \
         stop it and try again"
    )]
    DealsRun {
        /// The old name.
        owner: Address,
        /// How many.
        count: usize,
    },
}

impl AdoptionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            AdoptionError::DataFolder(error) => error.code(),
            AdoptionError::Key(error) => error.code(),
            AdoptionError::Market(error) => error.code(),
            AdoptionError::Store(error) => error.code(),
            AdoptionError::Delegation(error) => error.code(),
            AdoptionError::OffersStand { .. } => "offers_stand",
            AdoptionError::DealsRun { .. } => "deals_run",
        }
    }
}

/// The node of `data` trades under `grant` from its next start on, or in its key's own name without one. Gives the name.
/// Nothing is changed unless all checks pass; a crash on the way is mended by trying again.
///
/// # Errors
/// [`AdoptionError`], also if a node runs on the folder.
pub fn adopt(data: &Path, market: Option<&Path>, grant: Option<&Grant>) -> Result<Mandate, AdoptionError> {
    let folder = DataFolder::open(data)?;
    let _lock = folder.lock()?;
    let key = keys::stored_address(folder.path())?;
    let file = MarketFile::read(market.unwrap_or(&folder.market_file()))?;
    let now_ms = Clock::new().now_ms();
    let mandate = match grant {
        Some(grant) => grant.check(key, &file.market.domain(), now_ms / 1000)?,
        None => Mandate::own(key),
    };
    if let Some((store, owner)) = Store::open_existing(folder.path(), file.market.id())?
        && owner != mandate.owner()
    {
        ensure_over(&store, owner, (file.market.epoch_at(now_ms), now_ms))?;
        store.hand_over(mandate.owner())?;
    }
    match grant {
        Some(grant) => grant.adopt(folder.path())?,
        None => Grant::forget(folder.path())?,
    }
    Ok(mandate)
}

fn ensure_over(store: &Store, owner: Address, (epoch, now_ms): (u64, u64)) -> Result<(), AdoptionError> {
    let Input::Restore { standings, deals, .. } = engine::restore(store)? else { return Ok(()) };
    // What has expired stands in no book, whether or not the node would have renewed it.
    let stands = |standing: &&Standing| !standing.is_withdrawn && standing.version_and_expiry().1 > epoch;
    let runs = |deal: &&Deal| match deal.state {
        DealState::Proposed => now_ms < deal.terms.open_before.saturating_mul(1000),
        DealState::Running => now_ms < deal.runs_out_ms(),
        _ => false,
    };
    let (offers, deals) = (standings.iter().filter(stands).count(), deals.iter().filter(runs).count());
    match (offers, deals) {
        (0, 0) => Ok(()),
        (0, count) => Err(AdoptionError::DealsRun { owner, count }),
        (count, _) => Err(AdoptionError::OffersStand { owner, count }),
    }
}

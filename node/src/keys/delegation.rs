//! The word of a cold owner that lets a node's key trade in its name: its file, and all checks before a node relies on
//! it. Knows no store and no clock.

use std::io;
use std::path::{Path, PathBuf};

use protocol::{Address, Delegation, Domain, Mandate, MarketId, Recovery, Scope, Signature, Typed};
use serde::{Deserialize, Serialize};

use super::Key;
use crate::store::file;

/// Where an adopted one lies in the data folder.
const FILE: &str = "delegation.json";
/// Bytes of such a file that are read; ours have fewer than 700.
const FILE_MAX: u64 = 64 * 1024;

/// Why a node cannot trade under a delegation. Each text names the next step.
#[derive(Debug, thiserror::Error)]
pub enum DelegationError {
    /// The file is none.
    #[error("{path} is not a delegation ({reason}): make one with `souk key delegate` on the owner's machine")]
    NotADelegation {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It names another delegate.
    #[error(
        "the delegation is for {delegate}, and this node's key is {key}: ask the owner for `souk key delegate --to {key}`"
    )]
    OtherKey {
        /// Whom it names.
        delegate: Address,
        /// Whose folder this is.
        key: Address,
    },
    /// It is for another market.
    #[error(
        "the delegation is for the market {theirs}, and this node is in {ours}: ask the owner for one with the file of \
         this market, or join the other"
    )]
    OtherMarket {
        /// The delegation's.
        theirs: MarketId,
        /// The node's.
        ours: MarketId,
    },
    /// Its time is over.
    #[error(
        "the delegation of {owner} ended {ago_s} s ago: ask the owner for a new one (`souk key delegate`), then \
         `souk key adopt FILE`"
    )]
    Over {
        /// Whose.
        owner: Address,
        /// How long ago.
        ago_s: u64,
    },
    /// Its time has not begun.
    #[error("the delegation of {owner} begins in {in_s} s: check this machine's clock, or wait")]
    NotYet {
        /// Whose.
        owner: Address,
        /// When.
        in_s: u64,
    },
    /// The owner did not sign it, or it makes no sense.
    #[error("the delegation is not signed by its owner {owner}: ask for an unchanged file")]
    Forged {
        /// Whose it claims to be.
        owner: Address,
    },
    /// The disk failed.
    #[error("{path}: {source}: check the path and the folder's permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DelegationError {
    /// A name for programs; never changes.
    pub fn code(&self) -> &'static str {
        match self {
            DelegationError::NotADelegation { .. } => "not_a_delegation",
            DelegationError::OtherKey { .. } => "delegation_of_other_key",
            DelegationError::OtherMarket { .. } => "delegation_of_other_market",
            DelegationError::Over { .. } => "delegation_over",
            DelegationError::NotYet { .. } => "delegation_not_yet",
            DelegationError::Forged { .. } => "delegation_forged",
            DelegationError::Io { .. } => "delegation_io",
        }
    }
}

/// A delegation and its owner's signature: what travels from the cold machine to the hot one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who may what, where and how long.
    pub delegation: Delegation,
    /// The owner's.
    pub signature: Signature,
}

impl Grant {
    /// Signs `delegation` with its owner's key.
    pub fn sign(key: &Key, delegation: Delegation, domain: &Domain) -> Grant {
        assert_eq!(key.address(), delegation.owner, "an owner delegates with its own key");
        let signature = key.sign(&domain.digest(&delegation.struct_hash()));
        Grant { delegation, signature }
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a delegation has a JSON form") + "\n"
    }

    /// Reads a file of any name.
    ///
    /// # Errors
    /// [`DelegationError::NotADelegation`], [`DelegationError::Io`].
    pub fn read(path: &Path) -> Result<Grant, DelegationError> {
        let no = |reason: String| DelegationError::NotADelegation { path: path.into(), reason };
        let text = file::read_text(path, FILE_MAX).map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge => no(source.to_string()),
            _ => DelegationError::Io { path: path.into(), source },
        })?;
        serde_json::from_str(&text).map_err(|error| no(error.to_string()))
    }

    /// The one that the node of `folder` adopted, if it did.
    ///
    /// # Errors
    /// As [`Grant::read`].
    pub fn adopted(folder: &Path) -> Result<Option<Grant>, DelegationError> {
        match Grant::read(&folder.join(FILE)) {
            Err(DelegationError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// Makes it the one that the node of `folder` trades under.
    ///
    /// # Errors
    /// [`DelegationError::Io`].
    pub fn adopt(&self, folder: &Path) -> Result<(), DelegationError> {
        let path = folder.join(FILE);
        file::replace(&path, self.text().as_bytes(), file::OWNER_ONLY)
            .map_err(|source| DelegationError::Io { path, source })
    }

    /// The node of `folder` trades in its key's own name again.
    ///
    /// # Errors
    /// [`DelegationError::Io`].
    pub fn forget(folder: &Path) -> Result<(), DelegationError> {
        let path = folder.join(FILE);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DelegationError::Io { path, source }),
            _ => file::sync_folder(folder).map_err(|source| DelegationError::Io { path, source }),
        }
    }

    /// What it lets the node with `key` do in the market of `domain` at `unix_s`.
    ///
    /// # Errors
    /// The first [`DelegationError`] that applies.
    pub fn check(&self, key: Address, domain: &Domain, unix_s: u64) -> Result<Mandate, DelegationError> {
        let Grant { delegation, signature } = self;
        let owner = delegation.owner;
        if delegation.delegate != key {
            return Err(DelegationError::OtherKey { delegate: delegation.delegate, key });
        }
        if delegation.market != domain.market() {
            return Err(DelegationError::OtherMarket { theirs: delegation.market, ours: domain.market() });
        }
        let digest = domain.digest(&delegation.struct_hash());
        let recovery = Recovery { digest, signature: *signature, expected: owner };
        let is_sane = delegation.check(&owner, Scope(0), domain.market(), delegation.not_before).is_ok();
        if !is_sane || recovery.run().is_err() {
            return Err(DelegationError::Forged { owner });
        }
        let mandate = Mandate::delegated(delegation.clone(), *signature);
        match unix_s {
            _ if unix_s < delegation.not_before => {
                Err(DelegationError::NotYet { owner, in_s: delegation.not_before - unix_s })
            }
            _ if unix_s >= delegation.not_after => {
                Err(DelegationError::Over { owner, ago_s: unix_s - delegation.not_after })
            }
            _ => Ok(mandate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Hash, Parameters};

    fn grant(owner: &Key, delegate: Address, market: &Parameters) -> Grant {
        let delegation = Delegation {
            owner: owner.address(),
            delegate,
            scope: Scope::ALL,
            not_before: 100,
            not_after: 200,
            market: market.id(),
        };
        Grant::sign(owner, delegation, &market.domain())
    }

    #[test]
    fn a_grant_holds_for_its_key_its_market_and_its_time_and_unchanged() {
        let (owner, hot) = (Key::generate().unwrap(), Key::generate().unwrap());
        let (market, other) = (Parameters::new("one", Hash::ZERO), Parameters::new("two", Hash::ZERO));
        let good = grant(&owner, hot.address(), &market);
        let check = |grant: &Grant, key: &Key, market: &Parameters, unix_s: u64| {
            let checked = grant.check(key.address(), &market.domain(), unix_s);
            checked.map(|mandate| mandate.owner()).map_err(|error| error.code())
        };
        assert_eq!(check(&good, &hot, &market, 100), Ok(owner.address()));
        assert_eq!(check(&good, &owner, &market, 100), Err("delegation_of_other_key"));
        assert_eq!(check(&good, &hot, &other, 100), Err("delegation_of_other_market"));
        assert_eq!(check(&good, &hot, &market, 99), Err("delegation_not_yet"));
        assert_eq!(check(&good, &hot, &market, 200), Err("delegation_over"));
        let mut longer = good.clone();
        longer.delegation.not_after = 300;
        assert_eq!(check(&longer, &hot, &market, 100), Err("delegation_forged"));
        let mut odd = good.delegation.clone();
        odd.scope = Scope(256);
        let odd = Grant::sign(&owner, odd, &market.domain());
        assert_eq!(check(&odd, &hot, &market, 100), Err("delegation_forged"));
    }

    #[test]
    fn a_grant_is_kept_replaced_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (owner, hot) = (Key::generate().unwrap(), Key::generate().unwrap());
        let market = Parameters::new("one", Hash::ZERO);
        assert_eq!(Grant::adopted(folder.path()).unwrap(), None);
        Grant::forget(folder.path()).unwrap();
        let first = grant(&owner, hot.address(), &market);
        first.adopt(folder.path()).unwrap();
        let second = grant(&hot, owner.address(), &market);
        second.adopt(folder.path()).unwrap();
        assert_eq!(Grant::adopted(folder.path()).unwrap(), Some(second));
        Grant::forget(folder.path()).unwrap();
        assert_eq!(Grant::adopted(folder.path()).unwrap(), None);
        std::fs::write(folder.path().join(FILE), "{}").unwrap();
        assert_eq!(Grant::adopted(folder.path()).unwrap_err().code(), "not_a_delegation");
    }
}

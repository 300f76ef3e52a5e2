//! The market file, `souk-market.toml`: what a newcomer needs to join a market. Checks it; connects to nothing.

use std::io;
use std::path::{Path, PathBuf};

use protocol::market::{PROTOCOL_VERSION, ParametersError};
use protocol::{Address, Hash, MarketId, Parameters};
use serde::{Deserialize, Serialize};

use crate::net::peer_address;
use crate::store::file;

/// What the file is called where no name is given.
pub const FILE_NAME: &str = "souk-market.toml";
/// Bytes of a market file that are read.
const FILE_MAX: u64 = 64 * 1024;
/// Peers to meet first; more are refused.
const BOOTSTRAP_MAX: usize = 64;
const HEAD: &str = "\
# A market of Souk. Whoever has this file can join: `souk market join souk-market.toml`.
# The id is the hash of everything under [market]: a change there makes another market.

";

/// Why a market file cannot be used. Each text names the next step.
#[derive(Debug, thiserror::Error)]
pub enum MarketFileError {
    /// There is no such file.
    #[error(
        "there is no market file at {path}: run `souk market join FILE` with the file of your market, or begin a new one \
         with `souk market init`"
    )]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is such a file already.
    #[error("{path} exists already and is never overwritten: choose another file with --to, or move it away")]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// It is not TOML of the expected shape.
    #[error("{path}, line {line}: {reason}: correct that line, or get the file again")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The id is not that of the parameters.
    #[error(
        "{path} says it is market {named}, but its parameters are those of market {computed}: \
         get the file again; if another market is what you want, write the second id"
    )]
    IdMismatch {
        /// The file.
        path: PathBuf,
        /// What the file says.
        named: MarketId,
        /// What its parameters hash to.
        computed: MarketId,
    },
    /// The parameters make no market, or none that this build can be in.
    #[error("{path}: {reason}: get the file again, or the souk that it was made with ({souk})")]
    Parameters {
        /// The file.
        path: PathBuf,
        /// Which parameter.
        reason: ParametersError,
        /// The version of souk that the file names.
        souk: String,
    },
    /// A bootstrap address is not one to dial.
    #[error(
        "{path}: {address} is no address of a peer ({reason}): expected one such as \
         /ip4/192.0.2.1/udp/4001/quic-v1/p2p/16Uiu2HA…"
    )]
    Bootstrap {
        /// The file.
        path: PathBuf,
        /// As it stands there.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The operating system gave no randomness.
    #[error("the system has no randomness to make a market from: {0}")]
    Randomness(#[source] getrandom::Error),
    /// The disk failed.
    #[error("{path}: {source}: check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl MarketFileError {
    /// A name for programs; never changes.
    pub fn code(&self) -> &'static str {
        match self {
            MarketFileError::NotFound { .. } => "market_file_not_found",
            MarketFileError::Exists { .. } => "market_file_exists",
            MarketFileError::Syntax { .. } => "market_file_syntax",
            MarketFileError::IdMismatch { .. } => "market_id_mismatch",
            MarketFileError::Parameters { .. } => "market_parameters",
            MarketFileError::Bootstrap { .. } => "market_bootstrap",
            MarketFileError::Randomness(_) => "no_randomness",
            MarketFileError::Io { .. } => "market_file_io",
        }
    }
}

/// Where a market settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The Ethereum chain's id.
    pub id: u64,
    /// The settlement contract on it.
    pub contract: Address,
}

/// Everything in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketFile {
    /// The hash of `market`, for people to compare.
    pub id: MarketId,
    /// What wrote it and what it speaks.
    pub versions: Versions,
    /// How to find the first peers.
    pub network: Network,
    /// What all peers agree on.
    pub market: Parameters,
}

/// The versions that the file was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Of souk.
    pub souk: String,
    /// Of words and bytes.
    pub protocol: u32,
}

/// How to find the first peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Addresses that end in `/p2p/` and a peer id; at most 64.
    pub bootstrap: Vec<String>,
}

impl MarketFile {
    /// A new market, unlike any other, with the default parameters; under no chain nothing is paid.
    ///
    /// # Errors
    /// [`MarketFileError::Randomness`]; [`MarketFileError::Parameters`] if the name is empty or too long;
    /// [`MarketFileError::Bootstrap`].
    pub fn init(name: &str, chain: Option<Chain>, bootstrap: Vec<String>) -> Result<MarketFile, MarketFileError> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(MarketFileError::Randomness)?;
        let mut market = Parameters::new(name, Hash(salt));
        if let Some(Chain { id, contract }) = chain {
            (market.chain_id, market.contract) = (id, contract);
        }
        let versions = Versions { souk: env!("CARGO_PKG_VERSION").into(), protocol: PROTOCOL_VERSION };
        let file = MarketFile { id: market.id(), versions, network: Network { bootstrap }, market };
        file.check(Path::new(FILE_NAME))?;
        Ok(file)
    }

    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// [`MarketFileError`], with the line where there is one.
    pub fn read(path: &Path) -> Result<MarketFile, MarketFileError> {
        let text = file::read_text(path, FILE_MAX).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => MarketFileError::NotFound { path: path.into() },
            _ => MarketFileError::Io { path: path.into(), source },
        })?;
        MarketFile::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<MarketFile, MarketFileError> {
        let syntax = |error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            // One line of text: the parser's own drawing of the place has several.
            let reason = error.message().replace('\n', ", ");
            MarketFileError::Syntax { path: path.into(), line, reason }
        };
        // Versions first: the rest of a later version's file may well look wrong to this build.
        let OnlyVersions { versions } = toml::from_str(text).map_err(syntax)?;
        if versions.protocol != PROTOCOL_VERSION {
            let reason = ParametersError::Version { theirs: versions.protocol };
            return Err(MarketFileError::Parameters { path: path.into(), reason, souk: versions.souk });
        }
        let file: MarketFile = toml::from_str(text).map_err(syntax)?;
        file.check(path)?;
        Ok(file)
    }

    /// Writes it to `path`, all or nothing.
    ///
    /// # Errors
    /// [`MarketFileError::Exists`] if something is there, which is then untouched; [`MarketFileError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), MarketFileError> {
        file::write_new(path, self.to_text().as_bytes(), file::SHARED).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => MarketFileError::Exists { path: path.into() },
            _ => MarketFileError::Io { path: path.into(), source },
        })
    }

    fn to_text(&self) -> String {
        let body = toml::to_string(self).expect("text, integers and lists have a TOML form");
        format!("{HEAD}{body}")
    }

    fn check(&self, path: &Path) -> Result<(), MarketFileError> {
        let computed = self.market.id();
        if self.id != computed {
            return Err(MarketFileError::IdMismatch { path: path.into(), named: self.id, computed });
        }
        if let Err(reason) = self.market.check() {
            let souk = self.versions.souk.clone();
            return Err(MarketFileError::Parameters { path: path.into(), reason, souk });
        }
        for (index, address) in self.network.bootstrap.iter().enumerate() {
            let reason = match peer_address(address) {
                Ok(_) if index < BOOTSTRAP_MAX => continue,
                Ok(_) => "64 are enough",
                Err(reason) => reason,
            };
            return Err(MarketFileError::Bootstrap { path: path.into(), address: address.clone(), reason });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct OnlyVersions {
    versions: Versions,
}

#[cfg(test)]
mod tests;

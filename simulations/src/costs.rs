//! What steps of a node cost: the table that the real node's calibration wrote. Knows numbers, not what is done.

use serde::Deserialize;

/// The table that is charged.
const TABLE: &str = include_str!("../costs.toml");

/// Costs of a node's steps, each on one core.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// The machine on which they were measured.
    pub machine: String,
    /// Signatures.
    pub crypto: Crypto,
    /// The network's loop.
    pub gossip: GossipCosts,
    /// The market's loop.
    pub machine_steps: Steps,
}

/// Signatures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crypto {
    /// Recovering who signed.
    pub recover_ns: u64,
    /// Signing.
    pub sign_ns: u64,
}

/// The network's loop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GossipCosts {
    /// One frame, whatever it is.
    pub frame_ns: u64,
    /// Each kilobyte of it.
    pub kilobyte_ns: u64,
}

/// The market's loop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Decoding one order.
    pub decode_order_ns: u64,
    /// An order that was heard, before its signature is looked at.
    pub heard_ns: u64,
    /// An order whose signer is known.
    pub recovered_ns: u64,
    /// A tick that finds nothing to do.
    pub tick_ns: u64,
    /// Sealing, for each order of the book.
    pub seal_order_ns: u64,
    /// Clearing, for each order of the sealed set.
    pub clear_order_ns: u64,
    /// Making or comparing a summary of the set.
    pub summary_ns: u64,
}

impl Costs {
    /// The committed table.
    pub fn table() -> Costs {
        Costs::parse(TABLE).expect("the committed table is well formed")
    }

    /// A table from text.
    ///
    /// # Errors
    /// What is wrong with it: a missing or unknown name, or no whole number.
    pub fn parse(text: &str) -> Result<Costs, toml::de::Error> {
        toml::from_str(text)
    }

    /// The network's loop for one frame of so many bytes.
    pub fn frame_ns(&self, bytes: u32) -> u64 {
        self.gossip.frame_ns + self.gossip.kilobyte_ns * u64::from(bytes) / 1_024
    }

    /// Everything that an order takes from its frame to its admission, in a row.
    pub fn order_ns(&self) -> u64 {
        let steps = &self.machine_steps;
        self.crypto.recover_ns + steps.decode_order_ns + steps.heard_ns + steps.recovered_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_read_and_an_unknown_or_missing_name_is_refused() {
        let costs = Costs::table();
        assert!(costs.order_ns() > costs.crypto.recover_ns && costs.crypto.recover_ns > costs.crypto.sign_ns);
        assert_eq!(costs.frame_ns(2_048) - costs.frame_ns(0), 2 * costs.gossip.kilobyte_ns);
        for wrong in
            [TABLE.replace("sign_ns", "singe_ns"), TABLE.replace("tick_ns = 20_000", ""), format!("{TABLE}\nx = 1")]
        {
            assert!(Costs::parse(&wrong).is_err());
        }
    }
}

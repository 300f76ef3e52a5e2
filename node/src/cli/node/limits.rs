//! `souk node limits`: the limits that the running node is under. Knows only what the API says.

use clap::Args;

use crate::api::words::LimitWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{grouped, table};

/// The limits that the running node is under.
#[derive(Debug, Args)]
pub struct Limits {}

impl Limits {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        context.answer(&context.client()?.limits()?, |limits| text(limits))
    }
}

fn text(limits: &[LimitWord]) -> String {
    let row =
        |limit: &LimitWord| vec![limit.name.clone(), grouped(limit.value), limit.unit.clone(), limit.then.clone()];
    table(&["LIMIT", "VALUE", "UNIT", "AT THE BOUND"], &limits.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn limits_are_a_table() {
        let limit = |name: &str, value, unit: &str, then: &str| LimitWord {
            name: name.into(),
            value,
            unit: unit.into(),
            then: then.into(),
        };
        let limits = [limit("order.bytes", 4096, "bytes", "rejected"), limit("connections", 110, "", "refused")];
        expect![[r#"
            LIMIT        VALUE  UNIT   AT THE BOUND
            order.bytes  4,096  bytes  rejected
            connections  110           refused"#]]
        .assert_eq(&text(&limits));
    }
}

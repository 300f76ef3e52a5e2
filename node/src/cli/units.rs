//! Capacity, prices, durations and addresses as people type them, with errors that teach the units.

use protocol::quantity::{QuantityError, Scale, Unit, parse_seconds};
use protocol::{Address, Metric, Price};

use super::error::CliError;

/// Reads `cpu.hash=30Mhash/s` as a metric's name and base units. `flag` is for the error.
///
/// # Errors
/// `bad_capacity`, `unknown_metric`, or what the figure has wrong.
pub fn score(flag: &str, text: &str) -> Result<(String, u64), CliError> {
    let example = format!("write it as {flag} cpu.hash=30Mhash/s");
    let Some((name, figure)) = text.split_once('=') else {
        let message = format!("{flag} {text}: expected METRIC=FIGURE");
        return Err(CliError::user("bad_capacity", message).next(example));
    };
    let Ok(metric) = name.parse::<Metric>() else {
        let known: Vec<_> = Metric::ALL.iter().map(|metric| metric.row().name).collect();
        let message = format!("{flag} {text}: there is no metric `{name}`");
        return Err(CliError::user("unknown_metric", message).next(format!("use one of: {}", known.join(", "))));
    };
    let unit = metric.row().unit;
    let value = Scale::parse(unit, figure).map_err(|error| {
        quantity_error("bad_figure", &format!("{flag} {text}"), error, &format!("{flag} {name}={}", sample(unit)))
    })?;
    Ok((name.into(), value))
}

/// Reads all of `--want` or `--offer`.
///
/// # Errors
/// As [`score`], and `repeated_metric`.
pub fn capacity(flag: &str, texts: &[String]) -> Result<Vec<(String, u64)>, CliError> {
    let mut scores: Vec<(String, u64)> = Vec::with_capacity(texts.len());
    for text in texts {
        let (name, value) = score(flag, text)?;
        if scores.iter().any(|(known, _)| *known == name) {
            let message = format!("{flag} {text}: `{name}` is given twice");
            return Err(CliError::user("repeated_metric", message).next(format!("give {flag} {name}=… once")));
        }
        scores.push((name, value));
    }
    Ok(scores)
}

/// Reads the most that a bid pays: rounded down.
///
/// # Errors
/// What the figure has wrong.
pub fn bid_price(text: &str) -> Result<Price, CliError> {
    Price::parse_down(text)
        .map_err(|error| quantity_error("bad_price", &format!("--price {text}"), error, "--price 0.02SNM/h"))
}

/// Reads the least that an ask takes: rounded up.
///
/// # Errors
/// What the figure has wrong.
pub fn ask_price(text: &str) -> Result<Price, CliError> {
    Price::parse_up(text)
        .map_err(|error| quantity_error("bad_price", &format!("--price {text}"), error, "--price 0.02SNM/h"))
}

/// Reads `1h30m` as seconds.
///
/// # Errors
/// What the figure has wrong.
pub fn seconds(flag: &str, text: &str) -> Result<u32, CliError> {
    let example = if flag == "--time" { "30s" } else { "10m" };
    let wrong = |error| quantity_error("bad_duration", &format!("{flag} {text}"), error, &format!("{flag} {example}"));
    parse_seconds(text).map_err(wrong)
}

/// Reads `64MiB` as mebibytes.
///
/// # Errors
/// What the figure has wrong.
pub fn mebibytes(flag: &str, text: &str) -> Result<u64, CliError> {
    let wrong = |error| quantity_error("bad_figure", &format!("{flag} {text}"), error, &format!("{flag} 64MiB"));
    Scale::parse(Unit::Mebibytes, text).map_err(wrong)
}

/// Reads an Ethereum address.
///
/// # Errors
/// `bad_address`.
pub fn address(flag: &str, text: &str) -> Result<Address, CliError> {
    text.parse().map_err(|error| {
        CliError::user("bad_address", format!("{flag} {text}: {error}"))
            .next("souk node peers --json shows the addresses of peers")
    })
}

fn sample(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "2",
        Unit::Flops => "10Gflop/s",
        Unit::Hashes => "30Mhash/s",
        Unit::Bytes => "5GB/s",
        Unit::Bits => "100Mbit/s",
        Unit::Mebibytes => "2GiB",
    }
}

fn quantity_error(code: &str, given: &str, error: QuantityError, example: &str) -> CliError {
    let code = if matches!(error, QuantityError::Unit { .. }) { "bad_unit" } else { code };
    CliError::user(code, format!("{given}: {error}")).next(format!("write it as {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Paint;
    use expect_test::expect;

    #[test]
    fn figures_are_read_in_peoples_units() {
        assert_eq!(score("--want", "cpu.hash=30Mhash/s"), Ok(("cpu.hash".into(), 30_000_000)));
        assert_eq!(score("--want", "mem.size=2GiB"), Ok(("mem.size".into(), 2048)));
        assert_eq!(seconds("--for", "1h30m"), Ok(5400));
        assert_eq!(mebibytes("--memory", "1GiB"), Ok(1024));
        assert_eq!(bid_price("1wei/s"), Ok(Price(1)));
    }

    #[test]
    fn a_wrong_figure_teaches_the_units() {
        let text = |error: CliError| error.text(Paint::PLAIN);
        expect![[r#"
            error[bad_unit]: --want mem.size=2GB: unknown unit; use one of: MiB, GiB, TiB
              next: write it as --want mem.size=2GiB"#]]
        .assert_eq(&text(score("--want", "mem.size=2GB").unwrap_err()));
        expect![[r#"
            error[unknown_metric]: --want cpu.hsah=1hash/s: there is no metric `cpu.hsah`
              next: use one of: cpu.threads, cpu.f64, cpu.f64.single, cpu.hash, mem.size, mem.bandwidth, disk.size, disk.write, net.down, net.up, wasm.single, wasm.multi, gpu.count, gpu.f32, gpu.f64, gpu.hash, gpu.mem, gpu.bandwidth"#]]
        .assert_eq(&text(score("--want", "cpu.hsah=1hash/s").unwrap_err()));
        expect![[r#"
            error[bad_price]: --price 0SNM/h: must be more than zero
              next: write it as --price 0.02SNM/h"#]]
        .assert_eq(&text(bid_price("0SNM/h").unwrap_err()));
    }

    #[test]
    fn a_metric_is_named_once() {
        let texts = ["cpu.threads=1".to_string(), "cpu.threads=2".to_string()];
        assert_eq!(capacity("--want", &texts).unwrap_err().code, "repeated_metric");
    }
}

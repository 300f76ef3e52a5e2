//! People's units: "30Mhash/s", "2GiB", "10m". Exact decimal arithmetic; knows no metric and no order.

use alloc::format;
use alloc::string::String;

/// What a figure is counted in. The stored integer is in the base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Pieces.
    Count,
    /// Floating-point operations a second.
    Flops,
    /// Hashes a second.
    Hashes,
    /// Bytes a second.
    Bytes,
    /// Bits a second.
    Bits,
    /// Mebibytes.
    Mebibytes,
}

/// Why a text is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No number where one was expected.
    #[error("expected a number such as 30 or 1.5 first")]
    Number,
    /// The unit is not one of `known`.
    #[error("unknown unit; use one of: {known}")]
    Unit {
        /// The units that would do.
        known: &'static str,
    },
    /// Above what the stored integer can hold.
    #[error("too large")]
    TooLarge,
    /// Zero, or less than one base unit.
    #[error("must be more than zero")]
    Zero,
}

type Table = &'static [(&'static str, u128)];

impl Unit {
    /// The name of the base unit.
    pub fn base(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::Flops => "flop/s",
            Unit::Hashes => "hash/s",
            Unit::Bytes => "B/s",
            Unit::Bits => "bit/s",
            Unit::Mebibytes => "MiB",
        }
    }

    fn table(self) -> (Table, &'static str) {
        const K: u128 = 1_000;
        match self {
            Unit::Count => (&[("", 1)], "a plain number"),
            Unit::Flops => (
                &[
                    ("Tflop/s", K * K * K * K),
                    ("Gflop/s", K * K * K),
                    ("Mflop/s", K * K),
                    ("kflop/s", K),
                    ("flop/s", 1),
                ],
                "flop/s, kflop/s, Mflop/s, Gflop/s, Tflop/s",
            ),
            Unit::Hashes => (
                &[
                    ("Thash/s", K * K * K * K),
                    ("Ghash/s", K * K * K),
                    ("Mhash/s", K * K),
                    ("khash/s", K),
                    ("hash/s", 1),
                ],
                "hash/s, khash/s, Mhash/s, Ghash/s, Thash/s",
            ),
            Unit::Bytes => (
                &[("TB/s", K * K * K * K), ("GB/s", K * K * K), ("MB/s", K * K), ("kB/s", K), ("B/s", 1)],
                "B/s, kB/s, MB/s, GB/s, TB/s",
            ),
            Unit::Bits => (
                &[("Tbit/s", K * K * K * K), ("Gbit/s", K * K * K), ("Mbit/s", K * K), ("kbit/s", K), ("bit/s", 1)],
                "bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s",
            ),
            Unit::Mebibytes => (&[("TiB", 1 << 20), ("GiB", 1 << 10), ("MiB", 1)], "MiB, GiB, TiB"),
        }
    }
}

/// Reading and showing figures in people's units.
pub struct Scale;

impl Scale {
    /// Reads "30Mhash/s" as base units. A fraction of a base unit is dropped.
    ///
    /// # Errors
    /// [`QuantityError`] if the number or unit is unknown, the figure is zero or above 64 bits.
    pub fn parse(unit: Unit, text: &str) -> Result<u64, QuantityError> {
        let (table, known) = unit.table();
        let (number, suffix) = split_number(text)?;
        let factor = table.iter().find(|(name, _)| *name == suffix).ok_or(QuantityError::Unit { known })?.1;
        let value = number.times(factor, 1).ok_or(QuantityError::TooLarge)?;
        match u64::try_from(value) {
            Ok(0) => Err(QuantityError::Zero),
            Ok(value) => Ok(value),
            Err(_) => Err(QuantityError::TooLarge),
        }
    }

    /// Shows base units with the largest unit that keeps at least one whole digit, and up to two decimals.
    pub fn display(unit: Unit, value: u64) -> String {
        let (table, _) = unit.table();
        let fits = |factor: u128| u128::from(value) >= factor;
        let (name, factor) = table.iter().find(|(_, factor)| fits(*factor)).copied().unwrap_or((unit.base(), 1));
        let hundredths = u128::from(value) * 100 / factor;
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        match (rest, rest % 10) {
            (0, _) => format!("{whole}{name}"),
            (_, 0) => format!("{whole}.{}{name}", rest / 10),
            _ => format!("{whole}.{rest:02}{name}"),
        }
    }
}

/// Reads a duration such as "90s", "10m", "1h30m" or "2d" as whole seconds.
///
/// # Errors
/// [`QuantityError`] if a number or unit is unknown, or the sum is zero or above 32 bits.
pub fn parse_seconds(text: &str) -> Result<u32, QuantityError> {
    const KNOWN: QuantityError = QuantityError::Unit { known: "s, m, h, d" };
    let mut rest = text;
    let mut total = 0u128;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(KNOWN)?;
        if digits == 0 && rest.len() < text.len() {
            return Err(KNOWN);
        }
        let (number, tail) = rest.split_at(digits);
        let count: u128 = number.parse().map_err(|_| QuantityError::Number)?;
        let unit = tail.chars().next().ok_or(KNOWN)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(KNOWN),
        };
        total = count.checked_mul(seconds).and_then(|s| total.checked_add(s)).ok_or(QuantityError::TooLarge)?;
        rest = &tail[unit.len_utf8()..];
    }
    match u32::try_from(total) {
        Ok(0) if text.is_empty() => Err(QuantityError::Number),
        Ok(0) => Err(QuantityError::Zero),
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(QuantityError::TooLarge),
    }
}

/// Shows seconds as people write them: "1h30m", "10m", "45s".
pub fn display_seconds(seconds: u64) -> String {
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let mut out = String::new();
    for (count, unit) in parts {
        if count > 0 {
            out.push_str(&format!("{count}{unit}"));
        }
    }
    if out.is_empty() { String::from("0s") } else { out }
}

/// A decimal number as an integer and a power of ten below it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    digits: u128,
    scale: u128,
}

impl Decimal {
    /// `self * multiplier / divisor`, rounded down; `None` on overflow.
    pub(crate) fn times(self, multiplier: u128, divisor: u128) -> Option<u128> {
        let divisor = self.scale.checked_mul(divisor)?;
        Some(self.digits.checked_mul(multiplier)? / divisor)
    }

    /// As [`Decimal::times`], rounded up.
    pub(crate) fn times_up(self, multiplier: u128, divisor: u128) -> Option<u128> {
        let divisor = self.scale.checked_mul(divisor)?;
        Some(self.digits.checked_mul(multiplier)?.div_ceil(divisor))
    }
}

/// Splits "1.5GiB" into 1.5 and "GiB".
pub(crate) fn split_number(text: &str) -> Result<(Decimal, &str), QuantityError> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = !whole.is_empty() && !fraction.contains('.') && (fraction.is_empty() != number.contains('.'));
    if !is_number {
        return Err(QuantityError::Number);
    }
    let places = u32::try_from(fraction.len()).map_err(|_| QuantityError::TooLarge)?;
    let scale = 10u128.checked_pow(places).ok_or(QuantityError::TooLarge)?;
    let digits = format!("{whole}{fraction}").parse().map_err(|_| QuantityError::TooLarge)?;
    Ok((Decimal { digits, scale }, suffix.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_units_and_get_them_back() {
        for (unit, text, value) in [
            (Unit::Hashes, "30Mhash/s", 30_000_000),
            (Unit::Mebibytes, "2GiB", 2048),
            (Unit::Flops, "1.5Gflop/s", 1_500_000_000),
            (Unit::Count, "8", 8),
            (Unit::Mebibytes, "512MiB", 512),
        ] {
            assert_eq!(Scale::parse(unit, text), Ok(value));
            assert_eq!(Scale::display(unit, value), text);
        }
        assert_eq!(Scale::parse(Unit::Hashes, "30 Mhash/s"), Ok(30_000_000));
    }

    #[test]
    fn wrong_quantities_say_what_would_do() {
        use QuantityError::{Number, TooLarge, Zero};
        assert_eq!(Scale::parse(Unit::Mebibytes, "2GB"), Err(QuantityError::Unit { known: "MiB, GiB, TiB" }));
        assert_eq!(Scale::parse(Unit::Count, "x"), Err(Number));
        assert_eq!(Scale::parse(Unit::Count, "1.2.3"), Err(Number));
        assert_eq!(Scale::parse(Unit::Count, "1."), Err(Number));
        assert_eq!(Scale::parse(Unit::Count, "0"), Err(Zero));
        assert_eq!(Scale::parse(Unit::Flops, "99999999999Tflop/s"), Err(TooLarge));
        assert_eq!(Scale::parse(Unit::Count, &"9".repeat(60)), Err(TooLarge));
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(parse_seconds("1h30m"), Ok(5400));
        assert_eq!(parse_seconds("90s"), Ok(90));
        assert_eq!(display_seconds(5400), "1h30m");
        assert_eq!(parse_seconds("0m"), Err(QuantityError::Zero));
        assert_eq!(parse_seconds(""), Err(QuantityError::Number));
        assert!(parse_seconds("10").is_err());
        assert!(matches!(parse_seconds("10x"), Err(QuantityError::Unit { .. })));
        assert!(matches!(parse_seconds("10min"), Err(QuantityError::Unit { .. })));
        assert_eq!(parse_seconds("m"), Err(QuantityError::Number));
        assert_eq!(parse_seconds("5000000000s"), Err(QuantityError::TooLarge));
    }
}

//! Numbers as people read them: short, grouped, with their unit. Knows no figure but by its unit.

use crate::figures::glossary::{self, Figure};

/// A number with three digits that matter, thousands grouped: `1,234`, `12.3`, `0.012`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".into();
    }
    let decimals = match size {
        _ if value == value.trunc() && size < 1e15 => 0,
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.01 => 3,
        _ => 5,
    };
    let text = format!("{size:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    if value < 0.0 {
        out.push('−');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// A number beside a plot, as exact as the distance to the next one wants it: `99.95`, `12 k`, `3.5 M`.
pub fn tick(value: f64, step: f64) -> String {
    let (scale, unit) = match value.abs().max(step) {
        size if size >= 1e9 => (1e9, " G"),
        size if size >= 1e6 => (1e6, " M"),
        size if size >= 1e4 => (1e3, " k"),
        _ => (1.0, ""),
    };
    let decimals = (-(step / scale).log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
    let text = format!("{:.decimals$}", value / scale);
    match value == 0.0 {
        true => "0".into(),
        false if decimals == 0 && unit.is_empty() => number(value),
        false => text + unit,
    }
}

/// A value and its unit, in the unit that people would choose: `99.98 %` for parts per million, `1.2 s`, `14 kB/s`.
pub fn quantity(value: f64, unit: &str) -> (String, &'static str) {
    match unit {
        "ppm" => {
            // Two nines more than it has, so that 99.998 % is not called 100 %.
            let percent = value / 10_000.0;
            let decimals = if percent > 99.9 && percent < 100.0 { 4 } else { 2 };
            let text = format!("{percent:.decimals$}");
            (text.trim_end_matches('0').trim_end_matches('.').to_string(), "%")
        }
        "ms" if value >= 10_000.0 => (number(value / 1_000.0), "s"),
        "ms" => (number(value), "ms"),
        "B/s" if value >= 1e6 => (number(value / 1e6), "MB/s"),
        "B/s" if value >= 1e3 => (number(value / 1e3), "kB/s"),
        "B/s" => (number(value), "B/s"),
        "%" => (number(value), "%"),
        "times" => (number(value), "times"),
        _ => (number(value), ""),
    }
}

/// A value of a figure by name, with its unit.
pub fn figure(name: &str, value: f64) -> String {
    let (text, unit) = quantity(value, unit_of(name));
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

/// How figures of strategies end, and the unit that it means.
const ENDINGS: [(&str, &str); 4] = [("_percent", "%"), ("_ppm", "ppm"), ("_bytes_per_s", "B/s"), ("_ms", "ms")];

/// The unit of a figure by name; strategies end theirs with it.
pub fn unit_of(name: &str) -> &'static str {
    let by_ending = || ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map_or("", |(_, unit)| unit);
    glossary::find(name).map_or_else(by_ending, |figure| figure.unit)
}

/// What people call a figure by name.
pub fn title_of(name: &str) -> String {
    let own = || {
        let bare = name.strip_prefix(glossary::CHEATS).unwrap_or(name);
        let bare = ENDINGS.iter().find_map(|(ending, _)| bare.strip_suffix(ending)).unwrap_or(bare);
        bare.replace('.', ": ").replace('_', " ")
    };
    glossary::find(name).map_or_else(own, |figure: &Figure| figure.words.into())
}

/// A length of virtual time: `90 s`, `2 min 30 s`, `1 h 10 min`.
pub fn seconds(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0 | 1, _) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_matter() {
        let told: Vec<String> = [0.0, 0.01234, 1.234, 12.34, 1234.5, 1_234_567.0, -2.5, f64::NAN].map(number).into();
        assert_eq!(told, ["0", "0.012", "1.23", "12.3", "1,234", "1,234,567", "−2.50", "–"]);
    }

    #[test]
    fn numbers_beside_a_plot_tell_each_from_the_next() {
        let told =
            [(0.0, 1.0), (99.95, 0.05), (0.5, 0.5), (8_000_000.0, 2_000_000.0), (25_000_000.0, 5e6), (12_500.0, 500.0)];
        let told: Vec<String> = told.iter().map(|(value, step)| tick(*value, *step)).collect();
        assert_eq!(told, ["0", "99.95", "0.5", "8 M", "25 M", "12.5 k"]);
        assert_eq!(title_of("cheats.silent.bids_delayed_ms"), "silent: bids delayed");
    }

    #[test]
    fn what_is_not_all_is_never_called_all() {
        assert_eq!(figure("agreed_ppm", 999_999.0), "99.9999 %");
        assert_eq!(figure("agreed_ppm", 1_000_000.0), "100 %");
        assert_eq!(figure("delivered_ppm", 985_000.0), "98.5 %");
        assert_eq!(figure("delivery_ms.p99", 12_345.0), "12.3 s");
        assert_eq!(figure("sent_bytes_per_s", 14_200.0), "14.2 kB/s");
        assert_eq!(figure("cheats.silent.starved_percent", 3.0), "3 %");
        assert_eq!((seconds(75), seconds(150), seconds(3600)), ("75 s".into(), "2 min 30 s".into(), "1 h".into()));
    }
}

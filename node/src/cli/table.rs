//! Aligned tables and short words for people. Knows no order and no deal.

use protocol::Hash;
use protocol::hash::hex_encode;

use super::output::harmless;

/// Characters of a cell.
const CELL_MAX: usize = 200;
/// Hex digits of an id in a table.
const SHORT_DIGITS: usize = 10;

/// `rows` under `heads`, columns aligned, two spaces between; no trailing spaces and no newline at the end.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines: Vec<Vec<String>> = vec![heads.iter().map(|head| (*head).into()).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()));
    aligned(&lines)
}

/// Names and values in two columns.
pub fn facts(rows: &[(&str, String)]) -> String {
    let lines: Vec<_> = rows.iter().map(|(name, value)| vec![(*name).to_string(), one_line(value)]).collect();
    aligned(&lines)
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let row = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    lines.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// A cell as it is shown: one line of at most [`CELL_MAX`] characters, whatever a stranger wrote.
fn one_line(cell: &str) -> String {
    let line = harmless(cell).replace(['\n', '\t'], " ");
    match line.char_indices().nth(CELL_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// `0x1a2b3c4d5e…`: enough to tell ids apart, and accepted wherever an id is.
pub fn short(id: &Hash) -> String {
    format!("{}…", &hex_encode(&id.0)[..2 + SHORT_DIGITS])
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1.3 MiB`.
pub fn bytes_text(bytes: u64) -> String {
    for (unit, size) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= size {
            let tenths = u128::from(bytes) * 10 / u128::from(size);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

/// `1,234 ms` below ten seconds, `12.3 s` above.
pub fn millis_text(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{} ms", grouped(ms)),
        _ => format!("{}.{} s", grouped(ms / 1000), ms % 1000 / 100),
    }
}

/// How long before `now_ms` something was: `12s ago`.
pub fn ago(now_ms: u64, then_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1000;
    match seconds {
        0 => "now".into(),
        _ => format!("{} ago", protocol::quantity::display_seconds(seconds)),
    }
}

/// This machine's clock, in milliseconds since 1970, for telling how long ago something was.
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn columns_are_aligned_and_strangers_words_stay_in_their_cell() {
        let rows = vec![
            vec!["0x12".into(), "ask".into(), "évil\nline\u{7}".into()],
            vec!["0x123456".into(), "bid".into(), "x".into()],
        ];
        expect![[r#"
            ID        SIDE  WHO
            0x12      ask   évil line\u{7}
            0x123456  bid   x"#]]
        .assert_eq(&table(&["ID", "SIDE", "WHO"], &rows));
        assert_eq!(facts(&[("a", "1".into()), ("long", "2".into())]), "a     1\nlong  2");
        assert_eq!(table(&["ID"], &[]), "ID");
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(short(&Hash([0xab; 32])), "0xababababab…");
        assert_eq!((grouped(0), grouped(999), grouped(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!((bytes_text(12), bytes_text(1_400_000)), ("12 B".into(), "1.3 MiB".into()));
        assert_eq!((millis_text(1234), millis_text(12_345)), ("1,234 ms".into(), "12.3 s".into()));
        assert_eq!((ago(5_000, 4_500), ago(90_000, 0), ago(0, 9)), ("now".into(), "1m30s ago".into(), "now".into()));
    }
}

//! Aligned tables and folded paragraphs for a terminal. Knows no figure.

/// Columns of a folded paragraph.
const WIDTH: usize = 96;

/// `rows` under `heads`, columns aligned, two spaces between; no trailing spaces and no newline at the end.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines: Vec<Vec<String>> = vec![heads.iter().map(|head| (*head).into()).collect()];
    lines.extend(rows.iter().cloned());
    aligned(&lines)
}

/// Names and values in two columns.
pub fn facts(rows: &[(&str, String)]) -> String {
    let lines: Vec<Vec<String>> = rows.iter().map(|(name, value)| vec![(*name).to_string(), value.clone()]).collect();
    aligned(&lines)
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| seen(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let row = |line: &Vec<String>| {
        let pad = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width - seen(cell)));
        line.iter().zip(&widths).map(pad).collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    lines.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// Characters that a terminal shows: without the codes of colours.
fn seen(cell: &str) -> usize {
    let mut is_code = false;
    cell.chars()
        .filter(|c| {
            let was_code = is_code;
            is_code = *c == '\u{1b}' || (is_code && *c != 'm');
            !was_code && *c != '\u{1b}'
        })
        .count()
}

/// A paragraph folded at words, each line after `indent` spaces.
pub fn folded(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => *line = format!("{line} {word}"),
            _ => lines.push(format!("{}{word}", " ".repeat(indent))),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_their_colour() {
        let rows = vec![vec!["\u{1b}[32mok\u{1b}[0m".into(), "x".into()], vec!["longer".into(), "y".into()]];
        let text = table(&["A", "B"], &rows);
        assert_eq!(text, "A       B\n\u{1b}[32mok\u{1b}[0m      x\nlonger  y");
    }

    #[test]
    fn a_paragraph_is_folded_at_words() {
        let text = folded(&"word ".repeat(50), 2);
        assert!(text.lines().all(|line| line.len() <= WIDTH && line.starts_with("  word")));
        assert_eq!(text.split_whitespace().count(), 50);
    }
}

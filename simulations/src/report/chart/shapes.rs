//! Bars with their values, and percentiles as ranges on one axis that grows by factors.

use std::fmt::Write as _;

use super::escape;
use super::scale::Scale;
use crate::figures::Percentiles;
use crate::report::words::{figure, number};

const WIDTH: f64 = 560.0;
const ROW: f64 = 40.0;
const EDGE: f64 = 8.0;
const BOTTOM: f64 = 40.0;

/// Bars one below the other: a name and a value as it is told above each. None for no rows.
pub fn bars(title: &str, rows: &[(String, f64, String)]) -> Option<String> {
    let most = rows.iter().map(|(_, value, _)| value.abs()).fold(0.0, f64::max);
    if rows.is_empty() {
        return None;
    }
    let height = rows.len() as f64 * ROW + EDGE;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">", escape(title));
    for (at, (name, value, told)) in rows.iter().enumerate() {
        let top = at as f64 * ROW;
        let long = if most > 0.0 { value.abs() / most * (WIDTH - 2.0 * EDGE) } else { 0.0 };
        heading(&mut svg, top, name, told);
        let _ = write!(
            svg,
            "<rect class=\"track\" x=\"{EDGE}\" y=\"{}\" width=\"{}\" height=\"10\" rx=\"5\"/>\
             <rect class=\"bar c{}\" x=\"{EDGE}\" y=\"{}\" width=\"{long:.1}\" height=\"10\" rx=\"5\"/>",
            top + 24.0,
            WIDTH - 2.0 * EDGE,
            if at < super::COLOURS { 0 } else { 1 },
            top + 24.0
        );
    }
    Some(svg + "</svg>")
}

/// Times of several kinds on one axis of milliseconds: median, 90, 99 of 100, longest. None if nothing was measured.
pub fn ranges(title: &str, rows: &[(&str, Percentiles)]) -> Option<String> {
    let rows: Vec<_> = rows.iter().filter(|(_, times)| times.count > 0 && times.max > 0.0).collect();
    let low = rows.iter().map(|(_, times)| times.p50.max(0.1)).reduce(f64::min)?;
    let high = rows.iter().map(|(_, times)| times.max).fold(low * 2.0, f64::max);
    let x = Scale::new((low / 1.5, high * 1.1), (EDGE, WIDTH - EDGE), true);
    let height = rows.len() as f64 * ROW + BOTTOM;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">", escape(title));
    let bottom = height - BOTTOM + 2.0;
    for tick in x.ticks(8) {
        let at = x.at(tick);
        // A number that would be cut at the edge hangs inward.
        let anchor = if at > WIDTH - 40.0 {
            "end"
        } else if at < 40.0 {
            "start"
        } else {
            "middle"
        };
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} 20V{bottom}\"/><text class=\"tick\" x=\"{at:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            bottom + 14.0,
            number(tick)
        );
    }
    let _ = write!(
        svg,
        "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"end\">milliseconds, by factors</text>",
        WIDTH - EDGE,
        height - 5.0
    );
    for (at, (name, times)) in rows.iter().enumerate() {
        let top = at as f64 * ROW;
        let ms = |value: f64| figure("delivery_ms.p50", value);
        let told = format!("{} · {} · {} · {}", ms(times.p50), ms(times.p90), ms(times.p99), ms(times.max));
        heading(&mut svg, top, name, &told);
        let y = top + 28.0;
        let places = [times.p50, times.p90, times.p99, times.max].map(|value| x.at(value));
        let _ = write!(
            svg,
            "<path class=\"reach c0\" d=\"M{:.1} {y}H{:.1}\"/><path class=\"rare c0\" d=\"M{:.1} {y}H{:.1}\"/>",
            places[0], places[2], places[2], places[3]
        );
        for (place, radius) in places.iter().zip([5.0, 4.0, 4.0, 3.0]) {
            let _ = write!(svg, "<circle class=\"dot c0\" cx=\"{place:.1}\" cy=\"{y}\" r=\"{radius}\"/>");
        }
    }
    Some(svg + "</svg>")
}

fn heading(svg: &mut String, top: f64, name: &str, told: &str) {
    let _ = write!(
        svg,
        "<text class=\"name\" x=\"{EDGE}\" y=\"{}\">{}</text><text class=\"value\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        top + 16.0,
        escape(name),
        WIDTH - EDGE,
        top + 16.0,
        escape(told)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_none_goes_beyond() {
        let rows = [("a".to_string(), 10.0, "10".to_string()), ("b".to_string(), 5.0, "5".to_string())];
        let svg = bars("t", &rows).unwrap();
        assert!(svg.contains("width=\"544.0\"") && svg.contains("width=\"272.0\""));
        assert!(bars("t", &[]).is_none());
    }

    #[test]
    fn times_that_nobody_measured_are_not_drawn() {
        assert!(ranges("t", &[("a", Percentiles::default())]).is_none());
        let times = Percentiles { count: 5, p50: 10.0, p90: 20.0, p99: 40.0, max: 80.0 };
        let svg = ranges("t", &[("a", Percentiles::default()), ("b", times)]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("10 ms · 20 ms · 40 ms · 80 ms"));
    }
}

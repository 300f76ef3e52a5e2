//! Plots as SVG elements: lines over time with shaded stretches, bars, and ranges of percentiles. Colours and fonts come
//! from the page's style; titles and legends are text of the page, so that they wrap instead of overlapping.

mod scale;
mod shapes;

use std::fmt::Write as _;

use scale::Scale;
pub use shapes::{bars, ranges};

use super::words::{number, tick as told};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 42.0;
/// Stretches of the width that a line is thinned to; each keeps its least and its greatest value.
const STRETCHES_MAX: usize = 260;
/// Colours that the page's style has; more lines begin again.
pub const COLOURS: usize = 6;

/// A line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// For the legend.
    pub name: String,
    /// Where it goes; what is not finite is a gap.
    pub points: Vec<(f64, f64)>,
    /// How far values spread around each point; empty for no marks.
    pub spreads: Vec<f64>,
    /// Whether it is a standard to compare with rather than what was measured.
    pub is_dashed: bool,
}

impl Line {
    /// A plain line.
    pub fn new(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Line {
        Line { name: name.into(), points: points.into_iter().collect(), spreads: Vec::new(), is_dashed: false }
    }

    /// The same, dashed.
    pub fn dashed(self) -> Line {
        Line { is_dashed: true, ..self }
    }
}

/// A stretch of the x axis that is shaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// From.
    pub from: f64,
    /// To.
    pub to: f64,
    /// For the legend; stretches of one name share a row.
    pub name: String,
    /// The style's class.
    pub class: &'static str,
}

/// Lines over an axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The x axis with its unit.
    pub x: String,
    /// The y axis with its unit.
    pub y: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// Shaded stretches.
    pub bands: Vec<Band>,
    /// The y axis, if it does not follow from 0 and the greatest value.
    pub y_range: Option<(f64, f64)>,
    /// Whether x grows by factors.
    pub is_x_log: bool,
}

impl Chart {
    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        !self.lines.iter().any(|line| line.points.iter().any(|(x, y)| x.is_finite() && y.is_finite()))
    }

    /// The SVG element.
    pub fn svg(&self) -> String {
        let finite = || self.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let (x_min, x_max) =
            extremes(finite().map(|(x, _)| *x).chain(self.bands.iter().flat_map(|band| [band.from, band.to])));
        let tops = self.lines.iter().flat_map(|line| {
            let spreads = line.spreads.iter().copied().chain(std::iter::repeat(0.0));
            line.points.iter().zip(spreads).map(|((_, y), spread)| y + spread).filter(|y| y.is_finite())
        });
        let (y_min, y_max) = self.y_range.unwrap_or_else(|| (0.0, extremes(tops).1.max(f64::MIN_POSITIVE)));
        let x = Scale::new((x_min, x_max), (LEFT, WIDTH - RIGHT), self.is_x_log);
        let y = Scale::new((y_min, y_max), (HEIGHT - BOTTOM, TOP), false).rounded(self.y_range.is_none());
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(&format!("{}: {} over {}", self.title, self.y, self.x))
        );
        self.draw_bands(&mut svg, &x);
        self.draw_axes(&mut svg, &x, &y);
        for (at, line) in self.lines.iter().enumerate() {
            draw_line(&mut svg, line, at % COLOURS, (&x, &y));
        }
        svg + "</svg>"
    }

    fn draw_bands(&self, svg: &mut String, x: &Scale) {
        for band in &self.bands {
            let (from, to) = (x.at(band.from), x.at(band.to));
            // What is shorter than a line is wide would not be seen.
            let (width, height) = ((to - from).max(1.5), HEIGHT - BOTTOM - TOP);
            let name = escape(&band.name);
            let _ = write!(
                svg,
                "<rect class=\"{}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"><title>{name}</title></rect>",
                band.class
            );
        }
    }

    fn draw_axes(&self, svg: &mut String, x: &Scale, y: &Scale) {
        let bottom = HEIGHT - BOTTOM;
        for tick in y.ticks(5) {
            let at = y.at(tick);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
                told(tick, y.step(5))
            );
        }
        for tick in x.ticks(7) {
            let at = x.at(tick);
            let _ = write!(
                svg,
                "<path class=\"axis\" d=\"M{at:.1} {bottom}v5\"/><text class=\"tick\" x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                if self.is_x_log { number(tick) } else { told(tick, x.step(7)) }
            );
        }
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{LEFT} {bottom}H{}\"/><text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <text class=\"label\" x=\"4\" y=\"13\">{}</text>",
            WIDTH - RIGHT,
            WIDTH - RIGHT,
            HEIGHT - 6.0,
            escape(&self.x),
            escape(&self.y)
        );
    }
}

fn draw_line(svg: &mut String, line: &Line, colour: usize, (x, y): (&Scale, &Scale)) {
    let mut path = String::new();
    let mut is_down = false;
    for (px, py) in thinned(&line.points) {
        if !(px.is_finite() && py.is_finite()) {
            is_down = false;
            continue;
        }
        let _ = write!(path, "{}{:.1} {:.1}", if is_down { 'L' } else { 'M' }, x.at(px), y.at(py));
        is_down = true;
    }
    let dash = if line.is_dashed { " dashed" } else { "" };
    let _ =
        write!(svg, "<path class=\"line c{colour}{dash}\" d=\"{path}\"><title>{}</title></path>", escape(&line.name));
    let is_marked = line.points.len() <= 24;
    for (at, (px, py)) in
        line.points.iter().enumerate().filter(|(_, (px, py))| is_marked && px.is_finite() && py.is_finite())
    {
        let (cx, cy) = (x.at(*px), y.at(*py));
        let spread = line.spreads.get(at).copied().unwrap_or(0.0);
        if spread > 0.0 {
            let (low, high) = (y.at(py - spread), y.at(py + spread));
            let _ = write!(
                svg,
                "<path class=\"spread c{colour}\" d=\"M{cx:.1} {low:.1}V{high:.1}m-4 0h8M{:.1} {low:.1}h8\"/>",
                cx - 4.0
            );
        }
        let told = format!("{}: {} at {}", line.name, number(*py), number(*px));
        let _ = write!(
            svg,
            "<circle class=\"dot c{colour}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\"><title>{}</title></circle>",
            escape(&told)
        );
    }
}

/// At most two points a stretch: its least and its greatest, in their order.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * STRETCHES_MAX {
        return points.to_vec();
    }
    let mut thin = Vec::new();
    for stretch in points.chunks(points.len().div_ceil(STRETCHES_MAX)) {
        let by = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = stretch.iter().min_by(by).zip(stretch.iter().max_by(by));
        let Some((low, high)) = ends else { continue };
        match low.0 <= high.0 {
            true => thin.extend([*low, *high]),
            false => thin.extend([*high, *low]),
        }
    }
    thin
}

fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > high { (0.0, 1.0) } else { (low, high) }
}

/// Text that is safe between tags and in attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_extremes() {
        let points: Vec<(f64, f64)> =
            (0..10_000).map(|x| (f64::from(x), if x == 4_321 { 99.0 } else { f64::from(x % 7) })).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= 2 * STRETCHES_MAX && thin.iter().any(|point| point.1 == 99.0));
        assert!(thin.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn everything_is_drawn_within_the_plot() {
        let chart = Chart {
            lines: vec![Line::new("a<b", [(0.0, 0.0), (50.0, 1_234.5), (100.0, f64::NAN), (110.0, 7.0)])],
            bands: vec![Band { from: 20.0, to: 120.0, name: "cut".into(), class: "fault" }],
            ..Chart::default()
        };
        let svg = chart.svg();
        assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && !svg.contains("a<b"));
        let path = svg.split("class=\"line c0\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2, "a gap lifts the pen: {path}");
        for pair in path.split(['M', 'L']).filter(|pair| !pair.is_empty()) {
            let (x, y) = pair.split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=WIDTH - RIGHT).contains(&x) && (TOP..=HEIGHT - BOTTOM).contains(&y), "{x} {y}");
        }
    }

    #[test]
    fn a_plot_of_nothing_is_empty() {
        assert!(Chart::default().is_empty());
        let chart = Chart { lines: vec![Line::new("a", [(1.0, f64::NAN)])], ..Chart::default() };
        assert!(chart.is_empty() && chart.svg().contains("</svg>"));
    }
}

//! Line charts as small SVG files in docs/, on a card of their own colour, so that they read on light and dark pages. Knows
//! nothing of what is drawn.

use std::fmt::Write;
use std::path::Path;

/// How an axis spreads its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// By powers of ten; only positive values.
    Log,
}

/// What one line shows.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Line {
    pub fn new(name: &str) -> Line {
        Line { name: name.into(), points: Vec::new() }
    }
}

/// A chart; axes have a label and a scaling.
pub struct Chart<'a> {
    pub title: &'a str,
    pub x: (&'a str, Scaling),
    pub y: (&'a str, Scaling),
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 790.0;
const HEIGHT: f64 = 420.0;
/// The frame of what is drawn: left, top, right, bottom.
const FRAME: [f64; 4] = [76.0, 48.0, 590.0, 360.0];
/// Told apart also by who does not see colours well (Okabe and Ito, 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#333333"];
const DASHES: [&str; 6] = ["", "8 3", "2 3", "", "8 3 2 3", "4 4"];

/// An axis between powers of ten.
#[derive(Debug, Clone, Copy)]
struct Axis {
    first: i32,
    last: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Axis {
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for value in values {
            (least, most) = (least.min(value), most.max(value));
        }
        let first = (least.log10() + 1e-9).floor() as i32;
        let last = ((most.log10() - 1e-9).ceil() as i32).max(first + 1);
        Axis { first, last, from, to }
    }

    fn place(self, value: f64) -> f64 {
        let part = (value.log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        self.from + (self.to - self.from) * part
    }
}

impl Chart<'_> {
    /// Writes docs/`file`.
    pub fn draw(&self, file: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
        std::fs::write(&path, self.svg()).expect("docs/ can be written");
        println!("\ndrawn: docs/{file}");
    }

    fn svg(&self) -> String {
        let [left, top, right, bottom] = FRAME;
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let x = Axis::of(points().map(|point| point.0), left, right);
        let y = Axis::of(points().map(|point| point.1), bottom, top);
        let mut svg = String::new();
        let mut put = |text: String| writeln!(svg, "{text}").expect("a string takes all");
        put(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#222\">"
        ));
        put(format!("<title>{}</title>", self.title));
        put(format!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\" fill=\"#fbfaf7\" stroke=\"#bbb\"/>"));
        put(text((left, 28.0), "start", self.title, "font-weight=\"600\" font-size=\"15\""));
        for power in x.first..=x.last {
            let at = x.place(10f64.powi(power));
            put(rule((at, top), (at, bottom)));
            put(text((at, bottom + 20.0), "middle", &label(power), ""));
        }
        for power in y.first..=y.last {
            let at = y.place(10f64.powi(power));
            put(rule((left, at), (right, at)));
            put(text((left - 8.0, at + 4.0), "end", &label(power), ""));
        }
        put(text(((left + right) / 2.0, HEIGHT - 16.0), "middle", self.x.0, ""));
        let middle = (top + bottom) / 2.0;
        let turned = format!("transform=\"rotate(-90 20 {middle})\"");
        put(text((20.0, middle), "middle", self.y.0, &turned));
        for (at, line) in self.lines.iter().enumerate() {
            put(drawn(line, (x, y), (COLOURS[at % COLOURS.len()], DASHES[at % DASHES.len()])));
        }
        self.labels(y).into_iter().for_each(&mut put);
        put("</svg>".into());
        svg
    }

    /// Each line's name at its right end, moved apart where they would lie on each other.
    fn labels(&self, y: Axis) -> Vec<String> {
        const APART: f64 = 16.0;
        let ends = self.lines.iter().enumerate().filter_map(|(at, line)| Some((y.place(line.points.last()?.1), at)));
        let mut ends: Vec<(f64, usize)> = ends.collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        for at in 1..ends.len() {
            ends[at].0 = ends[at].0.max(ends[at - 1].0 + APART);
        }
        // What was moved beyond the frame comes back up.
        let mut lowest = FRAME[3];
        for end in ends.iter_mut().rev() {
            end.0 = end.0.min(lowest);
            lowest = end.0 - APART;
        }
        let one = |(place, at): (f64, usize)| {
            let colour = format!("style=\"fill:{}\"", COLOURS[at % COLOURS.len()]);
            text((FRAME[2] + 10.0, place + 4.0), "start", &self.lines[at].name, &colour)
        };
        ends.into_iter().map(one).collect()
    }
}

fn text((x, y): (f64, f64), anchor: &str, words: &str, more: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{words}</text>")
}

fn rule((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>")
}

/// A power of ten as people write it.
fn label(power: i32) -> String {
    match power {
        power if power > 6 => format!("10^{power}"),
        6 => "1,000,000".into(),
        power if power >= 3 => format!("{},000", 10u32.pow(power as u32 - 3)),
        power if power >= 0 => format!("{}", 10u32.pow(power as u32)),
        power => format!("{:.*}", power.unsigned_abs() as usize, 10f64.powi(power)),
    }
}

fn drawn(line: &Line, (x, y): (Axis, Axis), (colour, dash): (&str, &str)) -> String {
    let places: Vec<(f64, f64)> = line.points.iter().map(|point| (x.place(point.0), y.place(point.1))).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let mut drawn = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>",
        path.join(" ")
    );
    for (x, y) in places {
        write!(drawn, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>").expect("a string takes all");
    }
    drawn
}

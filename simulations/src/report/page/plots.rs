//! Which plots a page has, what each says, and its legend.

use std::fmt::Write as _;

use crate::Row;
use crate::figures::glossary::{self, Figure};
use crate::report::chart::{self, Band, COLOURS, Chart, Line, escape};
use crate::report::document::{Run, Sweep};
use crate::report::timeline::spans;
use crate::report::words::{figure, title_of, unit_of};

/// A name, a value, and the value as it is told.
type Bar = (String, f64, String);

/// Names in a legend of what went wrong; more are counted.
const BANDS_MAX: usize = 12;

/// The plots of a run as HTML elements.
pub(super) fn of_run(run: &Run) -> Vec<String> {
    let bands = bands(run);
    let mut plots: Vec<String> = over_time(&run.outcome.rows)
        .into_iter()
        .filter(|(chart, _)| !chart.is_empty())
        .map(|(chart, caption)| framed(&Chart { bands: bands.clone(), ..chart }, caption))
        .collect();
    let figures = &run.outcome.figures;
    let times = [
        ("delivery of an order to a peer", figures.delivery_ms),
        ("arrival at 99 % of the peers", figures.reach99_ms),
        ("agreement after an epoch's end", figures.agreement_ms),
        ("from a bid to its deal", figures.placed_to_struck_ms),
    ];
    let title = "How long things take";
    let caption = "Median, 90 of 100, 99 of 100 and longest, over the whole run. The thick part holds what is usual.";
    let ranges = chart::ranges(title, &times).map(|svg| frame(title, caption, "", &svg));
    plots.insert(plots.len().min(1), ranges.unwrap_or_default());
    let ended = figures.ended.iter().map(|(name, count)| (name.replace('_', " "), *count as f64, count.to_string()));
    let title = "How deals ended";
    let caption = "Deals that were over before the run was.";
    plots.extend(chart::bars(title, &ended.collect::<Vec<_>>()).map(|svg| frame(title, caption, "", &svg)));
    plots.extend(attacks(run));
    plots.retain(|plot| !plot.is_empty());
    plots
}

/// What strategies reached: shares as bars, and each other unit by itself.
fn attacks(run: &Run) -> Vec<String> {
    let mut by_unit: Vec<(&str, Vec<Bar>)> = Vec::new();
    for (name, value) in &run.outcome.figures.cheats {
        let row = (name.replace(['.', '_'], " "), *value, figure(&format!("{}{name}", glossary::CHEATS), *value));
        let unit = unit_of(name);
        match by_unit.iter_mut().find(|(other, _)| *other == unit) {
            Some((_, rows)) => rows.push(row),
            None => by_unit.push((unit, vec![row])),
        }
    }
    let title = |unit: &str| match unit {
        "" => "What cheats reached, counted".to_string(),
        unit => format!("What cheats reached, in {unit}"),
    };
    let caption = "As each strategy measures its own success; little or nothing is what the market wants.";
    let framed =
        |(unit, rows): (&str, Vec<Bar>)| Some(frame(&title(unit), caption, "", &chart::bars(&title(unit), &rows)?));
    by_unit.into_iter().filter_map(framed).collect()
}

fn over_time(rows: &[Row]) -> Vec<(Chart, &'static str)> {
    let mut charts = of_market(rows);
    charts.extend(of_peers(rows));
    charts
}

fn line(rows: &[Row], name: &str, of: impl Fn(&Row) -> f64) -> Line {
    Line::new(name, rows.iter().map(|row| (row.second, of(row))))
}

fn chart(title: &str, y: &str, lines: Vec<Line>) -> Chart {
    let (title, x, y) = (title.into(), "virtual time in seconds".into(), y.into());
    Chart { title, x, y, lines, ..Chart::default() }
}

/// Nothing delivered takes no time, which is not fast.
fn some(value: f64) -> f64 {
    if value > 0.0 { value } else { f64::NAN }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole > 0 { 100.0 * f64::from(part) / f64::from(whole) } else { f64::NAN }
}

/// What the market as a whole does, epoch by epoch.
fn of_market(rows: &[Row]) -> Vec<(Chart, &'static str)> {
    let agreed = line(rows, "of those that sealed, with the commonest root", |row| share(row.agreed, row.sealed));
    let sealed = line(rows, "of those that are up, sealed at all", |row| share(row.sealed, row.up)).dashed();
    let least = [&agreed, &sealed].iter().flat_map(|line| &line.points).map(|(_, y)| *y).fold(100.0, f64::min);
    let floor = [95.0, 80.0, 50.0].into_iter().find(|floor| least >= *floor).unwrap_or(0.0);
    let times = vec![
        line(rows, "median", |row| some(row.delivery_p50_ms)),
        line(rows, "99 of 100", |row| some(row.delivery_p99_ms)),
    ];
    let surplus = vec![
        line(rows, "struck", |row| row.surplus),
        line(rows, "one book of all orders", |row| row.surplus_optimum).dashed(),
    ];
    let book = vec![
        line(rows, "orders in the sealed book", |row| row.orders.into()),
        line(rows, "matches", |row| row.matches.into()),
    ];
    let agreement = chart("Agreement", "percent of peers", vec![agreed, sealed]);
    vec![
        (chart("Propagation", "milliseconds", times), "From an order's signing to its admission at another peer."),
        (
            Chart { y_range: Some((floor, 100.0)), ..agreement },
            "Peers that sealed the very same book, and so computed the same clearing. Below 100, some cleared another book.",
        ),
        (
            chart("Surplus against the optimum", "units of the market", surplus),
            "What the deals of an epoch are worth to both sides, beside what a single market with all orders would have cleared.",
        ),
        (
            chart("Deals struck", "deals until then", vec![line(rows, "deals", |row| row.struck as f64)]),
            "Deals that both sides signed, counted from the start.",
        ),
        (
            chart("Book and matches", "orders or matches", book),
            "What the commonest sealed book held, and how many pairs its clearing made.",
        ),
    ]
}

/// What taking part costs a peer, epoch by epoch.
fn of_peers(rows: &[Row]) -> Vec<(Chart, &'static str)> {
    let sent = line(rows, "mean", |row| row.sent_bytes_per_s / 1e3);
    vec![
        (
            chart("Bytes that a peer sends", "kilobytes a second", vec![sent]),
            "Gossip, reconciliation and deals, averaged over peers.",
        ),
        (
            chart("Computing", "percent of the time", vec![line(rows, "mean", |row| row.loop_percent)]),
            "How much of the time a peer's loop computes, by the cost table.",
        ),
        (
            chart("Copies", "copies of a message", vec![line(rows, "copies", |row| some(row.copies))]),
            "How often a peer receives the same gossip message. The price of reaching everybody.",
        ),
        (
            chart("Peers that are up", "peers", vec![line(rows, "up", |row| row.up.into())]),
            "Crashes, churn and arrivals.",
        ),
    ]
}

fn bands(run: &Run) -> Vec<Band> {
    let warmup = f64::from(run.scenario.warmup_s);
    let mut bands = vec![Band { from: 0.0, to: warmup, name: "warm-up".into(), class: "warmup" }];
    bands.extend(spans(&run.scenario).into_iter().map(|span| {
        let class = if span.what.starts_with("cheat ") { "cheat" } else { "fault" };
        Band { from: span.from, to: span.to, name: span.what.replace('`', ""), class }
    }));
    bands.retain(|band| band.to > 0.0);
    bands
}

fn framed(chart: &Chart, caption: &str) -> String {
    frame(&chart.title, caption, &legend(chart), &chart.svg())
}

fn frame(title: &str, caption: &str, legend: &str, svg: &str) -> String {
    format!("<figure><h3>{}</h3><figcaption>{}</figcaption>{legend}{svg}</figure>", escape(title), escape(caption))
}

fn legend(chart: &Chart) -> String {
    let mut items = String::new();
    for (at, line) in chart.lines.iter().enumerate() {
        let dash = if line.is_dashed { " dashed" } else { "" };
        let _ = write!(items, "<li><i class=\"c{}{dash}\"></i>{}</li>", at % COLOURS, escape(&line.name));
    }
    format!("<ul class=\"legend\">{items}</ul>")
}

/// What the shades of a run's plots are, once for all of them.
pub(super) fn shades(run: &Run) -> String {
    let mut names: Vec<(&str, String)> = Vec::new();
    for band in bands(run) {
        if !names.iter().any(|(_, name)| *name == band.name) {
            names.push((band.class, band.name));
        }
    }
    let mut items = String::new();
    for (class, name) in names.iter().take(BANDS_MAX) {
        let _ = write!(items, "<li><i class=\"area {class}\"></i>{}</li>", escape(name));
    }
    if names.len() > BANDS_MAX {
        let _ = write!(items, "<li>and {} more</li>", names.len() - BANDS_MAX);
    }
    format!("<ul class=\"legend shades\">{items}</ul>")
}

/// The figures of a sweep that are plotted and told: the key ones that were measured, and those of strategies.
pub(crate) fn swept_figures(sweep: &Sweep) -> Vec<String> {
    let has = |name: &str| sweep.points.iter().any(|point| point.figures.contains_key(name));
    let key =
        glossary::ALL.iter().filter(|figure| figure.is_key && has(figure.name)).map(|figure| figure.name.to_string());
    let mut cheats: Vec<String> = sweep
        .points
        .iter()
        .flat_map(|point| point.figures.keys().filter(|name| name.starts_with(glossary::CHEATS)).cloned())
        .collect();
    cheats.sort();
    cheats.dedup();
    key.chain(cheats).collect()
}

/// A plot for each figure over the first field; the others make lines.
pub(super) fn of_sweep(sweep: &Sweep) -> Vec<String> {
    let Some(first) = sweep.axes.first() else { return Vec::new() };
    let numbers: Option<Vec<f64>> = first.values.iter().map(|value| value.parse().ok()).collect();
    let is_log = numbers.as_ref().is_some_and(|numbers| {
        let (low, high) = numbers.iter().fold((f64::MAX, 0.0f64), |(low, high), one| (low.min(*one), high.max(*one)));
        low > 0.0 && high / low >= 30.0
    });
    let place = |value: &str| -> f64 {
        let at = first.values.iter().position(|other| other == value).unwrap_or(0);
        numbers.as_ref().map_or(at as f64 + 1.0, |numbers| numbers[at])
    };
    let x = match &numbers {
        Some(_) => first.field.clone(),
        None => format!("{}: {}", first.field, numbered(&first.values)),
    };
    let plot = |name: String| {
        let mut lines: Vec<Line> = Vec::new();
        for point in &sweep.points {
            let Some(spread) = point.figures.get(&name) else { continue };
            let others =
                sweep.axes.iter().skip(1).map(|axis| format!("{} = {}", axis.field, point.settings[&axis.field]));
            let others = others.collect::<Vec<_>>().join(", ");
            let line = if others.is_empty() { title_of(&name) } else { others };
            let (place, value) = (place(&point.settings[&first.field]), shown(&name, spread.mean));
            let spread = shown(&name, spread.deviation);
            match lines.iter_mut().find(|other| other.name == line) {
                Some(other) => {
                    other.points.push((place, value));
                    other.spreads.push(spread);
                }
                None => lines.push(Line { spreads: vec![spread], ..Line::new(&line, [(place, value)]) }),
            }
        }
        let y = match unit_of(&name) {
            "ppm" | "%" => "percent",
            "ms" => "milliseconds",
            "B/s" => "kilobytes a second",
            _ => "",
        };
        let y = if y.is_empty() { title_of(&name) } else { y.into() };
        let meaning =
            glossary::find(&name).map_or("As the strategy measures its own success.", |figure: &Figure| figure.meaning);
        let range = near_all(&name, &lines);
        framed(
            &Chart {
                title: title_of(&name),
                x: x.clone(),
                y,
                lines,
                bands: Vec::new(),
                y_range: range,
                is_x_log: is_log,
            },
            meaning,
        )
    };
    swept_figures(sweep).into_iter().map(plot).collect()
}

/// In the unit of the axis.
fn shown(name: &str, value: f64) -> f64 {
    match unit_of(name) {
        "ppm" => value / 10_000.0,
        "B/s" => value / 1_000.0,
        _ => value,
    }
}

/// Shares of nearly all are drawn near 100, where they differ.
fn near_all(name: &str, lines: &[Line]) -> Option<(f64, f64)> {
    let least = lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).fold(100.0, f64::min);
    let floor = [99.9, 99.0, 95.0, 80.0].into_iter().find(|floor| least >= *floor)?;
    (unit_of(name) == "ppm").then_some((floor, 100.0))
}

fn numbered(values: &[String]) -> String {
    values.iter().enumerate().map(|(at, value)| format!("{} is {value}", at + 1)).collect::<Vec<_>>().join(", ")
}

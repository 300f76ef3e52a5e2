//! A run or a sweep as one HTML page, light and dark, that needs nothing else and can be read without the docs.

mod plots;

pub(crate) use plots::swept_figures;

use std::fmt::Write as _;

use super::chart::escape;
use super::document::{Run, Sweep, label, rate};
use super::timeline::peers;
use super::words::{figure, number, quantity, seconds, title_of};
use crate::figures::glossary::{self, Better};
use crate::verdict::{Expected, Verdict};

const STYLE: &str = include_str!("page/style.css");
/// Broken checks that a page lists; the JSON document has all.
const BROKEN_MAX: usize = 50;

/// The page of a run.
pub fn run(run: &Run) -> String {
    let Run { scenario, outcome, .. } = run;
    let mut body = head("Souk, a simulated run", &scenario.name, &scenario.question);
    let (class, word, sentence) = verdict_words(run);
    let _ = write!(body, "<p class=\"verdict {class}\"><strong>{word}</strong> {}</p>", escape(&sentence));
    let facts = [
        ("peers", number(outcome.nodes.into())),
        ("virtual time", seconds(outcome.seconds)),
        ("seed", outcome.seed.to_string()),
        ("events", number(outcome.events as f64)),
        ("computed in", format!("{} s, {} events/s", number(run.took_s), number(rate(outcome.events, run.took_s)))),
        ("figures are", label(outcome.nodes).into()),
        ("trace hash", outcome.trace_hash.to_string()),
    ];
    facts_list(&mut body, &facts);
    cards(&mut body, run);
    expected_table(&mut body, &run.expected, outcome.nodes != scenario.nodes && run.nodes.is_some(), scenario.nodes);
    broken_table(&mut body, run);
    body.push_str("<h2>What happened</h2><p class=\"lead\">One point an epoch. Shaded stretches are the warm-up, in which nothing is measured, and what went wrong by plan. Point at a shade or a line for its name.</p>");
    body.push_str(&plots::shades(run));
    body.push_str("<div class=\"plots\">");
    plots::of_run(run).iter().for_each(|plot| body.push_str(plot));
    body.push_str("</div>");
    settings(&mut body, &scenario.text());
    again(&mut body, &run.again, "The same seed and the same commit give the same trace hash on every machine.");
    page(&scenario.name, &body)
}

/// The page of a sweep.
pub fn sweep(sweep: &Sweep) -> String {
    let scenario = &sweep.scenario;
    let mut body = head("Souk, a sweep of simulated runs", &scenario.name, &scenario.question);
    let runs: usize = sweep.points.iter().map(|point| point.runs.len()).sum();
    let bad = sweep.points.iter().flat_map(|point| &point.runs).filter(|run| run.verdict != Verdict::Good).count();
    let (class, word) = if bad == 0 { ("good", "Every run held.") } else { ("short", "Not every run held.") };
    let _ = write!(
        body,
        "<p class=\"verdict {class}\"><strong>{word}</strong> {bad} of {runs} runs broke something or fell short.</p>"
    );
    let nodes_max = sweep.points.iter().map(|point| point.nodes).max().unwrap_or(0);
    let mut facts = vec![
        ("runs", runs.to_string()),
        ("seeds", sweep.seeds.len().to_string()),
        ("figures are", label(nodes_max).into()),
    ];
    for axis in &sweep.axes {
        facts.push((axis.field.as_str(), axis.values.join(", ")));
    }
    facts_list(&mut body, &facts);
    body.push_str("<h2>Figures over the grid</h2><p class=\"lead\">Each point is the mean over the seeds; its mark reaches one standard deviation of a run up and down.</p><div class=\"plots\">");
    plots::of_sweep(sweep).iter().for_each(|plot| body.push_str(plot));
    body.push_str("</div>");
    points_table(&mut body, sweep);
    settings(&mut body, &scenario.text());
    again(&mut body, &sweep.command(), "Every run has a seed and a trace hash of its own in the JSON document.");
    page(&scenario.name, &body)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{} · Souk simulations</title><style>\n{STYLE}</style></head>\n<body><main>{body}\
         <footer>Every figure on this page is simulated: the node's own market machine, on a model of network, machines and people.</footer>\
         </main></body></html>\n",
        escape(title)
    )
}

fn head(eyebrow: &str, name: &str, question: &str) -> String {
    let question: Vec<&str> = question.split_whitespace().collect();
    format!(
        "<p class=\"eyebrow\">{eyebrow}</p><h1>{}</h1><p class=\"question\">{}</p>",
        escape(&name.replace('-', " ")),
        escape(&question.join(" "))
    )
}

fn facts_list(body: &mut String, facts: &[(&str, String)]) {
    body.push_str("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(body, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
    }
    body.push_str("</dl>");
}

/// The style's class, a word and a sentence on how a run went.
pub(crate) fn verdict_words(run: &Run) -> (&'static str, &'static str, String) {
    let missed: Vec<String> = run.expected.iter().filter(|one| !one.is_met).map(|one| title_of(&one.figure)).collect();
    match run.verdict {
        Verdict::Good if run.expected.is_empty() => ("good", "It held.", "Nothing that must hold broke.".into()),
        Verdict::Good => {
            let all = format!("Nothing that must hold broke, and all {} bounds are met.", run.expected.len());
            ("good", "It held.", all)
        }
        Verdict::Short => {
            ("short", "It fell short.", format!("Nothing broke, but outside its bound is: {}.", missed.join(", ")))
        }
        Verdict::Broken => {
            let first = &run.outcome.broken[0];
            let more = match run.outcome.broken.len() - 1 {
                0 => String::new(),
                more => format!(" {more} more broke later."),
            };
            (
                "broken",
                "It broke.",
                format!(
                    "First {}, after {}: {}.{more}",
                    first.check,
                    ms(first.at_ms),
                    first.seen.trim_end_matches('.')
                ),
            )
        }
    }
}

fn ms(at_ms: u64) -> String {
    format!("{:.1} s", at_ms as f64 / 1_000.0)
}

fn cards(body: &mut String, run: &Run) {
    body.push_str(
        "<h2>Key figures</h2><p class=\"lead\">Over honest peers, after the warm-up.</p><div class=\"cards\">",
    );
    let figures = &run.outcome.figures;
    for figure in glossary::ALL.iter().filter(|figure| figure.is_key && figure.is_measured(figures)) {
        let (value, unit) = quantity(figure.of(figures), figure.unit);
        let better = match figure.better {
            Better::Higher => " More is better.",
            Better::Lower => " Less is better.",
            Better::Neither => "",
        };
        let _ = write!(
            body,
            "<div class=\"card\"><div><span class=\"number\">{value}</span><span class=\"unit\">{unit}</span></div>\
             <p class=\"words\">{}</p><p class=\"meaning\">{}{better}</p></div>",
            escape(figure.words),
            escape(figure.meaning)
        );
    }
    body.push_str("</div>");
}

/// What a bound says.
pub(crate) fn bound(expected: &Expected) -> String {
    let side =
        |word: &str, value: Option<f64>| value.map(|value| format!("{word} {}", figure(&expected.figure, value)));
    let sides: Vec<String> =
        [side("at least", expected.min), side("at most", expected.max)].into_iter().flatten().collect();
    sides.join(", ")
}

fn expected_table(body: &mut String, expected: &[Expected], is_other_size: bool, nodes: u32) {
    if expected.is_empty() {
        return;
    }
    body.push_str("<h2>What was expected</h2>");
    if is_other_size {
        let _ = write!(body, "<p class=\"lead\">The bounds were set for {} peers.</p>", number(nodes.into()));
    }
    body.push_str(
        "<div class=\"scroll\"><table><tr><th>figure</th><th>bound</th><th class=\"nr\">reached</th><th></th></tr>",
    );
    for one in expected {
        let (class, word) = if one.is_met { ("good", "met") } else { ("broken", "not met") };
        let value = one.value.map_or("not measured".into(), |value| figure(&one.figure, value));
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td class=\"nr\">{}</td><td><span class=\"tag {class}\">{word}</span></td></tr>",
            escape(&title_of(&one.figure)),
            escape(&bound(one)),
            escape(&value)
        );
    }
    body.push_str("</table></div>");
}

fn broken_table(body: &mut String, run: &Run) {
    let broken = &run.outcome.broken;
    if broken.is_empty() {
        return;
    }
    let _ = write!(
        body,
        "<h2>What broke</h2><p class=\"lead\">With seed {}: the first {} of {}.</p><div class=\"scroll\"><table><tr><th class=\"nr\">after</th><th>check</th><th>seen</th><th>by</th></tr>",
        run.outcome.seed,
        broken.len().min(BROKEN_MAX),
        broken.len()
    );
    for one in broken.iter().take(BROKEN_MAX) {
        let _ = write!(
            body,
            "<tr><td class=\"nr\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            ms(one.at_ms),
            escape(&one.check),
            escape(&one.seen),
            peers(&one.peers)
        );
    }
    body.push_str("</table></div>");
}

fn points_table(body: &mut String, sweep: &Sweep) {
    let names = swept_figures(sweep);
    body.push_str("<h2>All points</h2><div class=\"scroll\"><table><tr>");
    for axis in &sweep.axes {
        let _ = write!(body, "<th>{}</th>", escape(&axis.field));
    }
    for name in &names {
        let _ = write!(body, "<th class=\"nr\">{}</th>", escape(&title_of(name)));
    }
    body.push_str("<th class=\"nr\">runs that held</th></tr>");
    for point in &sweep.points {
        body.push_str("<tr>");
        for axis in &sweep.axes {
            let _ = write!(body, "<td>{}</td>", escape(&point.settings[&axis.field]));
        }
        for name in &names {
            let value = point.figures.get(name).map_or("–".into(), |spread| figure(name, spread.mean));
            let _ = write!(body, "<td class=\"nr\">{}</td>", escape(&value));
        }
        let held = point.runs.iter().filter(|run| run.verdict == Verdict::Good).count();
        let _ = write!(body, "<td class=\"nr\">{held} of {}</td></tr>", point.runs.len());
    }
    body.push_str("</table></div>");
}

fn settings(body: &mut String, text: &str) {
    let _ = write!(
        body,
        "<h2>Settings</h2><p class=\"lead\">What differs from the defaults; docs/simulation.md has those.</p><pre>{}</pre>",
        escape(text.trim_end())
    );
}

fn again(body: &mut String, command: &str, note: &str) {
    let _ = write!(body, "<h2>Again</h2><pre>{}</pre><p class=\"lead\">{}</p>", escape(command), escape(note));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn made(mut change: impl FnMut(&mut crate::Outcome)) -> String {
        let scenario = fake::scenario();
        let mut outcome = fake::outcome(&scenario, 5);
        change(&mut outcome);
        run(&Run::new(scenario, outcome, None, 2.0))
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let page = made(|_| {});
        for word in ["http:", "https:", "<script", "<link", "@import", "url(", "src="] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("prefers-color-scheme: dark") && page.contains("souk-sim run small --seed 5"));
        assert!(page.matches("<svg").count() >= 8);
    }

    #[test]
    fn every_tag_that_is_opened_is_closed() {
        let page = made(|outcome| outcome.broken.push(fake::broken("roots")));
        for tag in ["div", "table", "tr", "td", "p", "figure", "svg", "text", "ul", "li", "h2", "pre", "dl"] {
            let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn what_broke_is_told_first_and_what_was_seen_is_only_text() {
        let page = made(|outcome| {
            let mut broken = fake::broken("roots");
            broken.seen = "<b>odd</b>".into();
            outcome.broken.push(broken);
        });
        assert!(page.contains("It broke.") && page.contains("peers 3, 4") && !page.contains("<b>odd"));
        assert!(page.find("It broke.") < page.find("Key figures"));
    }

    #[test]
    fn a_figure_outside_its_bound_is_named() {
        let page = made(|outcome| outcome.figures.agreed_ppm = 100_000);
        assert!(page.contains("It fell short.") && page.contains("not met") && page.contains("at least 90 %"));
    }
}

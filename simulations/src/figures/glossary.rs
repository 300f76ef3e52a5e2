//! Every figure by its dotted name: its unit, what it means to a person, and which way is better. Measures nothing.

use super::{Figures, Outcome, Percentiles};

/// Which way a figure improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// It depends.
    Neither,
}

/// What a figure is.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// As in `expect` and in reports: `delivery_ms.p99`.
    pub name: &'static str,
    /// A few words for tables and plots.
    pub words: &'static str,
    /// After the number.
    pub unit: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// Whether it is among the few that a summary opens with.
    pub is_key: bool,
    read: fn(&Figures) -> f64,
}

/// What all names of figures of strategies begin with.
pub const CHEATS: &str = "cheats.";

/// A row of the glossary: name, words, unit, meaning; then how it improves, whether it is key, and where it is.
macro_rules! figures {
    ($($name:literal, $words:literal, $unit:literal, $better:ident, $is_key:literal, $read:expr, $meaning:literal;)*) => {
        &[$(Figure { name: $name, words: $words, unit: $unit, meaning: $meaning, better: Better::$better,
            is_key: $is_key, read: $read }),*]
    };
}

/// All figures of a run but those of strategies, in the order in which they are told.
pub const ALL: &[Figure] = figures![
    "delivery_ms.p50", "delivery, median", "ms", Lower, true, |f| f.delivery_ms.p50,
        "Half of all deliveries took at most this long from an order's signing to its admission at another peer.";
    "delivery_ms.p90", "delivery, 90 of 100", "ms", Lower, false, |f| f.delivery_ms.p90,
        "90 of 100 deliveries took at most this long.";
    "delivery_ms.p99", "delivery, 99 of 100", "ms", Lower, true, |f| f.delivery_ms.p99,
        "99 of 100 deliveries took at most this long.";
    "delivery_ms.max", "delivery, longest", "ms", Lower, false, |f| f.delivery_ms.max,
        "The delivery that took longest.";
    "delivery_ms.count", "deliveries", "", Neither, false, |f| f.delivery_ms.count as f64,
        "Deliveries that were measured.";
    "reach99_ms.p50", "reach of 99 %, median", "ms", Lower, true, |f| f.reach99_ms.p50,
        "Half of all orders had arrived at 99 % of the peers after this time.";
    "reach99_ms.p90", "reach of 99 %, 90 of 100", "ms", Lower, false, |f| f.reach99_ms.p90,
        "90 of 100 orders had arrived at 99 % of the peers after this time.";
    "reach99_ms.p99", "reach of 99 %, 99 of 100", "ms", Lower, false, |f| f.reach99_ms.p99,
        "99 of 100 orders had arrived at 99 % of the peers after this time.";
    "reach99_ms.max", "reach of 99 %, longest", "ms", Lower, false, |f| f.reach99_ms.max,
        "The order that took longest to arrive at 99 % of the peers.";
    "reach99_ms.count", "orders that reached 99 %", "", Neither, false, |f| f.reach99_ms.count as f64,
        "Orders whose arrival at 99 % of the peers was seen.";
    "reach99_over_direct", "reach over direct latency", "times", Lower, true, |f| f.reach99_over_direct,
        "How many times longer gossip takes to reach 99 % of the peers than direct links from the origin would.";
    "delivered_ppm", "delivered", "ppm", Higher, true, |f| f.delivered_ppm as f64,
        "Of a million deliveries that should have been, so many were, by gossip or by reconciliation.";
    "in_time_ppm", "in time for their epoch", "ppm", Higher, true, |f| f.in_time_ppm as f64,
        "Of a million orders, so many were in a peer's book when it sealed the first epoch that they count for.";
    "copies", "copies of a message", "", Lower, true, |f| f.copies,
        "How often a peer receives the same gossip message; 1 would be no waste.";
    "node_epochs", "epochs times peers", "", Neither, false, |f| f.node_epochs as f64,
        "Seals that were compared: each peer seals each epoch once.";
    "agreed_ppm", "agreement", "ppm", Higher, true, |f| f.agreed_ppm as f64,
        "Of a million seals, so many had the root of most peers: they cleared the very same book.";
    "agreement_ms.p50", "time to agreement, median", "ms", Lower, true, |f| f.agreement_ms.p50,
        "From the end of half of all epochs until the last peer had heard from all neighbours that they sealed the same.";
    "agreement_ms.p90", "time to agreement, 90 of 100", "ms", Lower, false, |f| f.agreement_ms.p90,
        "The same for 90 of 100 epochs.";
    "agreement_ms.p99", "time to agreement, 99 of 100", "ms", Lower, false, |f| f.agreement_ms.p99,
        "The same for 99 of 100 epochs.";
    "agreement_ms.max", "time to agreement, longest", "ms", Lower, false, |f| f.agreement_ms.max,
        "The same for the slowest epoch.";
    "agreement_ms.count", "epochs with agreement", "", Neither, false, |f| f.agreement_ms.count as f64,
        "Epochs in which agreement was seen by all.";
    "orders", "orders placed", "", Neither, true, |f| f.orders as f64,
        "Orders that honest peers placed.";
    "matches", "matches", "", Neither, true, |f| f.matches as f64,
        "Pairs that the clearings of most peers made.";
    "struck", "deals struck", "", Higher, true, |f| f.struck as f64,
        "Deals that both sides signed.";
    "placed_to_struck_ms.p50", "bid to deal, median", "ms", Lower, true, |f| f.placed_to_struck_ms.p50,
        "Half of the bids that dealt had the countersignature of their first deal after this time.";
    "placed_to_struck_ms.p90", "bid to deal, 90 of 100", "ms", Lower, false, |f| f.placed_to_struck_ms.p90,
        "The same for 90 of 100 bids.";
    "placed_to_struck_ms.p99", "bid to deal, 99 of 100", "ms", Lower, false, |f| f.placed_to_struck_ms.p99,
        "The same for 99 of 100 bids.";
    "placed_to_struck_ms.max", "bid to deal, longest", "ms", Lower, false, |f| f.placed_to_struck_ms.max,
        "The same for the slowest bid.";
    "placed_to_struck_ms.count", "bids that dealt", "", Neither, false, |f| f.placed_to_struck_ms.count as f64,
        "Bids that came to a deal.";
    "surplus_percent", "surplus of the optimum", "%", Higher, true, |f| f.surplus_percent,
        "What struck deals are worth to both sides, in percent of what one book of all orders would have cleared.";
    "sent_bytes_per_s", "sent by a peer", "B/s", Lower, true, |f| f.sent_bytes_per_s,
        "Bytes that a peer sent a second, on average.";
    "sent_bytes_per_s_max", "sent by the busiest peer", "B/s", Lower, false, |f| f.sent_bytes_per_s_max,
        "Bytes a second of the peer that sent most.";
    "loop_percent", "computing of a peer", "%", Lower, true, |f| f.loop_percent,
        "Share of the time in which a peer's loop computed, by the cost table.";
    "loop_percent_max", "computing of the busiest peer", "%", Lower, false, |f| f.loop_percent_max,
        "The same for the peer that computed most.";
    "honest_banned", "honest peers cut off", "", Lower, true, |f| f.honest_banned as f64,
        "Peers that others cut off although they were honest.";
];

impl Figure {
    /// Its value in `figures`.
    pub fn of(&self, figures: &Figures) -> f64 {
        (self.read)(figures)
    }

    /// Whether it was measured at all: percentiles of nothing, and shares of nothing, are none.
    pub fn is_measured(&self, figures: &Figures) -> bool {
        let group = self.name.split('.').next().unwrap_or(self.name);
        let percentiles: Option<&Percentiles> = match group {
            "delivery_ms" | "delivered_ppm" | "in_time_ppm" | "copies" => Some(&figures.delivery_ms),
            "reach99_ms" | "reach99_over_direct" => Some(&figures.reach99_ms),
            "agreement_ms" => Some(&figures.agreement_ms),
            "placed_to_struck_ms" => Some(&figures.placed_to_struck_ms),
            "agreed_ppm" => return figures.node_epochs > 0,
            "surplus_percent" => return figures.matches > 0 || figures.struck > 0,
            _ => None,
        };
        percentiles.is_none_or(|percentiles| percentiles.count > 0)
    }
}

/// The figure with this name.
pub fn find(name: &str) -> Option<&'static Figure> {
    ALL.iter().find(|figure| figure.name == name)
}

/// Whether a run can have a figure of this name: one of the glossary, or one that a strategy gives.
pub fn is_known(name: &str) -> bool {
    find(name).is_some() || name.starts_with(CHEATS) || name.starts_with("ended.")
}

/// The value of a figure by its dotted name; none if it was not measured.
pub fn value(outcome: &Outcome, name: &str) -> Option<f64> {
    let figures = &outcome.figures;
    if let Some(key) = name.strip_prefix(CHEATS) {
        return figures.cheats.get(key).copied();
    }
    if let Some(key) = name.strip_prefix("ended.") {
        return Some(figures.ended.get(key).copied().unwrap_or(0) as f64);
    }
    find(name).filter(|figure| figure.is_measured(figures)).map(|figure| figure.of(figures))
}

/// All figures of a run that were measured, by name.
pub fn values(outcome: &Outcome) -> Vec<(String, f64)> {
    let figures = &outcome.figures;
    let known = ALL.iter().filter(|figure| figure.is_measured(figures));
    let mut all: Vec<(String, f64)> = known.map(|figure| (figure.name.to_string(), figure.of(figures))).collect();
    all.extend(figures.ended.iter().map(|(name, count)| (format!("ended.{name}"), *count as f64)));
    all.extend(figures.cheats.iter().map(|(name, value)| (format!("{CHEATS}{name}"), *value)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_a_run_is_in_the_glossary_and_means_something() {
        let figures = toml::Table::try_from(Figures::default()).unwrap();
        let mut names = Vec::new();
        for (name, value) in &figures {
            match value.as_table() {
                Some(_) if name == "cheats" || name == "ended" => {}
                Some(table) => names.extend(table.keys().map(|key| format!("{name}.{key}"))),
                None => names.push(name.clone()),
            }
        }
        names.sort();
        let mut known: Vec<&str> = ALL.iter().map(|figure| figure.name).collect();
        known.sort_unstable();
        assert_eq!(names, known);
        assert!(ALL.iter().all(|figure| figure.meaning.ends_with('.') && figure.words.len() < 32));
    }

    #[test]
    fn a_figure_reads_what_its_name_says() {
        // Every leaf gets another number, and the glossary must find it again.
        let mut table = toml::Table::try_from(Figures::default()).unwrap();
        let mut next = 0;
        let mut wanted = Vec::new();
        for (name, value) in table.iter_mut() {
            let mut number = |value: &mut toml::Value, name: String| {
                next += 1;
                *value = if value.is_float() { toml::Value::Float(next as f64) } else { toml::Value::Integer(next) };
                wanted.push((name, next as f64));
            };
            match value {
                toml::Value::Table(_) if name == "cheats" || name == "ended" => {}
                toml::Value::Table(inner) => {
                    inner.iter_mut().for_each(|(key, value)| number(value, format!("{name}.{key}")));
                }
                value => number(value, name.clone()),
            }
        }
        let figures: Figures = table.try_into().unwrap();
        for (name, number) in wanted {
            assert_eq!(find(&name).unwrap().of(&figures), number, "{name}");
        }
    }

    #[test]
    fn what_was_not_measured_has_no_value() {
        let mut figures = Figures::default();
        assert!(!find("delivery_ms.p99").unwrap().is_measured(&figures));
        assert!(find("orders").unwrap().is_measured(&figures));
        figures.delivery_ms.count = 1;
        assert!(find("delivery_ms.p99").unwrap().is_measured(&figures));
    }
}

//! From numbers to places on a plot, evenly or by factors, and the round numbers in between. Draws nothing.

/// One axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    values: (f64, f64),
    places: (f64, f64),
    is_log: bool,
}

impl Scale {
    /// From the least and the greatest value to places.
    pub(super) fn new(values: (f64, f64), places: (f64, f64), is_log: bool) -> Scale {
        let (low, high) = values;
        let values = match (is_log, low < high) {
            (true, true) => (low.max(1e-9), high.max(1e-9)),
            (true, false) => (low.max(1e-9) / 2.0, low.max(1e-9) * 2.0),
            (false, true) => (low, high),
            (false, false) => (low - 0.5, low + 0.5),
        };
        Scale { values, places, is_log }
    }

    /// The same up to the next round number, if that is wanted.
    pub(super) fn rounded(self, is_wanted: bool) -> Scale {
        let step = step(self.values.1 - self.values.0, 5);
        match is_wanted {
            true => Scale { values: (self.values.0, (self.values.1 / step - 1e-9).ceil() * step), ..self },
            false => self,
        }
    }

    /// Where a value is, within the plot.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let part = match self.is_log {
            true => (value.max(1e-9) / low).ln() / (high / low).ln(),
            false => (value - low) / (high - low),
        };
        self.places.0 + part.clamp(0.0, 1.0) * (self.places.1 - self.places.0)
    }

    /// The distance of round numbers, of which there are about so many; for factors, the least number.
    pub(super) fn step(&self, wanted: usize) -> f64 {
        let (low, high) = self.values;
        if self.is_log { low } else { step(high - low, wanted) }
    }

    /// Round numbers within, about so many.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<f64> {
        let (low, high) = self.values;
        if self.is_log {
            let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
            let of = |factors: &[f64]| -> Vec<f64> {
                let all =
                    decades.clone().flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
                all.filter(|tick| (low * 0.999..=high * 1.001).contains(tick)).collect()
            };
            let fine = of(&[1.0, 2.0, 5.0]);
            return if fine.len() <= wanted + 1 { fine } else { of(&[1.0]) };
        }
        let step = step(high - low, wanted);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        // A multiple of the step, and not its repeated sum, so that 0.3 is 0.3.
        (first..=last).map(|at| round(at as f64 * step, step)).collect()
    }
}

/// 1, 2 or 5 times a power of ten, so that about `wanted` steps make the range.
fn step(range: f64, wanted: usize) -> f64 {
    let rough = range / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

fn round(value: f64, step: f64) -> f64 {
    let decimals = (-step.log10().floor()).max(0.0) as i32;
    let scale = 10f64.powi(decimals.min(12));
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let ticks = |low, high| Scale::new((low, high), (0.0, 1.0), false).ticks(5);
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(ticks(3.0, 97.0), [20.0, 40.0, 60.0, 80.0]);
        assert_eq!(ticks(0.0, 0.003), [0.0, 0.001, 0.002, 0.003]);
        assert_eq!(ticks(7.0, 7.0), [6.6, 6.8, 7.0, 7.2, 7.4]);
    }

    #[test]
    fn factors_are_even_steps_on_an_axis_that_grows_by_factors() {
        let scale = Scale::new((1.0, 100.0), (0.0, 100.0), true);
        assert_eq!((scale.at(1.0), scale.at(10.0), scale.at(100.0), scale.at(1e6)), (0.0, 50.0, 100.0, 100.0));
        assert_eq!(scale.ticks(7), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(Scale::new((1.0, 1e6), (0.0, 1.0), true).ticks(7).len(), 7);
    }

    #[test]
    fn a_rounded_axis_ends_at_a_tick() {
        let scale = Scale::new((0.0, 93.0), (0.0, 100.0), false).rounded(true);
        assert_eq!(scale.at(100.0), 100.0);
        assert_eq!(Scale::new((0.0, 100.0), (0.0, 1.0), false).rounded(true).at(100.0), 1.0);
    }
}

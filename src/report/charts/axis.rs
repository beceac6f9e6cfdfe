//! Scales and their ticks: linear and logarithmic numbers, and time.

/// From values to a fraction of an axis' length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

/// Positive values whose largest is more than this many times the smallest get a log scale.
const LOG_FROM: f64 = 50.0;

impl Scale {
    /// From zero to `high` or a little more, up to the next tick.
    pub fn from_zero(high: f64, ticks: usize) -> Scale {
        let high = if high > 0.0 && high.is_finite() {
            high
        } else {
            1.0
        };
        let step = nice_step(high / ticks as f64);
        Scale {
            low: 0.0,
            high: step * (high / step - 1e-9).ceil(),
            log: false,
        }
    }

    /// From `low` to `high` exactly.
    pub fn between(low: f64, high: f64) -> Scale {
        let high = if high > low { high } else { low + 1.0 };
        Scale {
            low,
            high,
            log: false,
        }
    }

    /// Logarithmic, from at most `low` to at least `high`, both positive.
    pub fn log(low: f64, high: f64) -> Scale {
        let low = low.max(f64::MIN_POSITIVE);
        Scale {
            low: log_tick(low, false),
            high: log_tick(high.max(low * 2.0), true),
            log: true,
        }
    }

    /// Whether values so far apart need a log scale. Values that are not positive have no say.
    pub fn wants_log(values: impl IntoIterator<Item = f64>) -> bool {
        let positive = values.into_iter().filter(|v| *v > 0.0 && v.is_finite());
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for v in positive {
            least = least.min(v);
            most = most.max(v);
        }
        most > least * LOG_FROM
    }

    /// Whether it is logarithmic.
    pub fn is_log(self) -> bool {
        self.log
    }

    /// The value at its beginning.
    pub fn low(self) -> f64 {
        self.low
    }

    /// Where the value is: 0 at the low end, 1 at the high end; clamped to a little beyond them.
    pub fn place(self, value: f64) -> f64 {
        let at = |v: f64| {
            if self.log {
                libm::log(v.max(1e-300))
            } else {
                v
            }
        };
        let fraction = (at(value) - at(self.low)) / (at(self.high) - at(self.low));
        if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(-0.02, 1.02)
        }
    }

    /// About `count` ticks at round values.
    pub fn ticks(self, count: usize) -> Vec<f64> {
        if !self.log {
            let step = nice_step((self.high - self.low) / count as f64);
            return steps(self.low, self.high, step);
        }
        let decades = libm::log10(self.high / self.low);
        let every = (decades / count as f64).ceil().max(1.0) as i32;
        let digits: &[f64] = match decades {
            d if d < 1.5 => &[1.0, 2.0, 5.0],
            d if d < 3.2 && count > 4 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let first = (libm::log10(self.low) - 1e-9).floor() as i32;
        let last = (libm::log10(self.high) + 1e-9).floor() as i32;
        (first..=last)
            .filter(|decade| (decade - first) % every == 0)
            .flat_map(|decade| {
                digits
                    .iter()
                    .map(move |d| d * libm::exp10(f64::from(decade)))
            })
            .filter(|v| *v >= self.low * (1.0 - 1e-9) && *v <= self.high * (1.0 + 1e-9))
            .collect()
    }

    /// Ticks for a scale of seconds: seconds, minutes, hours or days.
    pub fn time_ticks(self, count: usize) -> Vec<f64> {
        const STEPS: [f64; 22] = [
            1.0,
            2.0,
            5.0,
            10.0,
            15.0,
            30.0,
            60.0,
            120.0,
            300.0,
            600.0,
            900.0,
            1800.0,
            3600.0,
            7200.0,
            10_800.0,
            21_600.0,
            43_200.0,
            86_400.0,
            172_800.0,
            604_800.0,
            1_209_600.0,
            2_419_200.0,
        ];
        let least = (self.high - self.low) / count as f64;
        let step = match STEPS.into_iter().find(|s| *s >= least) {
            Some(step) if least > 0.5 => step,
            _ => nice_step(least),
        };
        steps(self.low, self.high, step)
    }
}

/// Multiples of `step` from `low` to `high`.
fn steps(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 100))
        .map(|i| i as f64 * step)
        .collect()
}

/// The least of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let least = if least > 0.0 && least.is_finite() {
        least
    } else {
        1.0
    };
    let decade = libm::exp10(libm::floor(libm::log10(least) + 1e-12));
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|n| n * decade)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * decade)
}

/// The 1, 2 or 5 times a power of ten next to a positive value, below or above.
fn log_tick(value: f64, above: bool) -> f64 {
    let decade = libm::exp10(libm::floor(libm::log10(value) + 1e-12));
    let digits = [1.0, 2.0, 5.0, 10.0].map(|d| d * decade);
    let found = match above {
        true => digits.into_iter().find(|t| *t >= value * (1.0 - 1e-9)),
        false => digits
            .into_iter()
            .rev()
            .find(|t| *t <= value * (1.0 + 1e-9)),
    };
    found.unwrap_or(value)
}

/// A tick in dollars: `$0`, `$0.25`, `$50`, `$1.2k`.
pub(super) fn dollars(value: f64) -> String {
    match value {
        0.0 => "$0".to_owned(),
        v if v < 1.0 => format!("${:0<4}", format!("{v:.12}").trim_end_matches('0')),
        v if v < 1000.0 => trimmed(format!("${v:.2}"), ".00"),
        v => format!("${}", plain(v)),
    }
}

/// A tick of a plain number: `0`, `0.5`, `500`, `1.2k`, `3M`.
pub(super) fn plain(value: f64) -> String {
    let units = [(1e9, "B"), (1e6, "M"), (1e3, "k")];
    let (unit, suffix) = units
        .into_iter()
        .find(|(unit, _)| value >= *unit * (1.0 - 1e-9))
        .unwrap_or((1.0, ""));
    let digits = format!("{:.3}", value / unit);
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}{suffix}")
}

/// A tick in time, in the unit that suits the whole axis: `0`, `30 s`, `5 min`, `2 h`, `3 d`.
pub(super) fn time(value: f64, step: f64) -> String {
    let (unit, name) = match step {
        s if s < 60.0 => (1.0, "s"),
        s if s < 3600.0 => (60.0, "min"),
        s if s < 86_400.0 => (3600.0, "h"),
        _ => (86_400.0, "d"),
    };
    match value {
        0.0 => "0".to_owned(),
        v => format!("{} {name}", trimmed(format!("{:.2}", v / unit), ".00")),
    }
}

fn trimmed(text: String, end: &str) -> String {
    text.strip_suffix(end).map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_cover_the_data() {
        let scale = Scale::from_zero(873.0, 4);
        assert_eq!(scale.ticks(4), [0.0, 250.0, 500.0, 750.0, 1000.0]);
        assert_eq!(scale.place(500.0), 0.5);
        assert_eq!(Scale::from_zero(0.0, 4).place(0.0), 0.0);
        assert_eq!(Scale::from_zero(f64::NAN, 4).ticks(2), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn log_ticks_are_round_too() {
        let scale = Scale::log(3.0, 1500.0);
        let texts: Vec<String> = scale.ticks(4).into_iter().map(dollars).collect();
        assert_eq!(texts, ["$10", "$100", "$1k"]);
        assert!((scale.place(2.0)).abs() < 1e-12 && (scale.place(2000.0) - 1.0).abs() < 1e-12);
        assert_eq!(Scale::log(0.0, 0.0).ticks(4).len().min(1), 1);
    }

    #[test]
    fn the_log_scale_is_for_orders_of_magnitude() {
        assert!(Scale::wants_log([1.0, 0.0, 51.0]));
        assert!(!Scale::wants_log([1.0, 50.0]));
        assert!(!Scale::wants_log([0.0, 0.0]));
        assert!(!Scale::wants_log([]));
    }

    #[test]
    fn ticks_read_well() {
        assert_eq!(
            [0.0, 0.05, 0.125, 0.5, 50.0, 1200.0].map(dollars),
            ["$0", "$0.05", "$0.125", "$0.50", "$50", "$1.2k"]
        );
        let scale = Scale::between(0.0, 1500.0);
        let texts: Vec<String> = scale
            .time_ticks(6)
            .into_iter()
            .map(|t| time(t, 300.0))
            .collect();
        assert_eq!(
            texts,
            ["0", "5 min", "10 min", "15 min", "20 min", "25 min"]
        );
        assert_eq!([0.5, 1e6, 2500.0].map(plain), ["0.5", "1M", "2.5k"]);
    }
}

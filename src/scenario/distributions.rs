//! Distributions of times and of numbers of tokens.

use super::diagnostics::Diagnostic;
use super::fields::Fields;
use super::files::{read_text, sha256};
use super::reader::Reader;
use super::tree::{Kind, Node, Place};
use crate::random::{Distribution, Gamma, Hyperexponential, SHAPES};
use crate::units::Share;

/// The most tokens that one value may be; far above every context window, far below overflow.
pub(super) const MOST_TOKENS: u64 = 100_000_000;
/// The most tasks that come at once by one value.
const MOST_TASKS: u64 = 1_000_000;
/// The largest file of values that is read \[bytes\].
const MOST_BYTES: u64 = 64 << 20;
/// The largest sigma of a lognormal; above it nearly every sample is nothing or for ever.
const MOST_SIGMA: f64 = 10.0;
/// The largest coefficient of variation of a hyperexponential; above it one part hardly ever comes.
const MOST_CV: f64 = 1000.0;

/// What is distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    /// Times \[ns\].
    Time,
    /// Numbers of tokens.
    Tokens,
    /// Numbers of tasks.
    Tasks,
}

/// A time or a distribution of times \[ns\].
pub(super) fn times(node: &Node, r: &mut Reader) -> Option<Distribution> {
    distribution(node, Quantity::Time, r)
}

/// A number of tokens or a distribution of them.
pub(super) fn tokens(node: &Node, r: &mut Reader) -> Option<Distribution> {
    distribution(node, Quantity::Tokens, r)
}

/// A number of tasks or a distribution of them.
pub(super) fn tasks(node: &Node, r: &mut Reader) -> Option<Distribution> {
    distribution(node, Quantity::Tasks, r)
}

/// The distributions by name.
pub(super) const KINDS: [&str; 11] = [
    "lognormal",
    "exponential",
    "uniform",
    "normal",
    "pareto",
    "weibull",
    "gamma",
    "erlang",
    "hyperexponential",
    "mixture",
    "empirical",
];

fn distribution(node: &Node, quantity: Quantity, r: &mut Reader) -> Option<Distribution> {
    if let Kind::Scalar { .. } = node.kind {
        return Some(Distribution::Constant(quantity.value(node, r)?));
    }
    let what = match quantity {
        Quantity::Time => "a time or a distribution",
        Quantity::Tokens => "a number of tokens or a distribution",
        Quantity::Tasks => "a number of tasks or a distribution",
    };
    let (kind, node) = r.variant(node, what, &KINDS)?;
    match kind {
        "lognormal" => lognormal(node, quantity, r),
        "exponential" => {
            let mut f = Fields::of(node, "an exponential", r)?;
            let mean = f.required("mean", r, |n, r| quantity.positive(n, r));
            f.finish(r);
            Some(Distribution::Exponential { mean: mean? })
        }
        "uniform" => uniform(node, quantity, r),
        "normal" => {
            let mut f = Fields::of(node, "a normal", r)?;
            let mean = f.required("mean", r, |n, r| quantity.value(n, r));
            let stdev = f.required("stdev", r, |n, r| quantity.value(n, r));
            f.finish(r);
            Some(Distribution::Normal {
                mean: mean?,
                stdev: stdev?,
            })
        }
        "pareto" => {
            let mut f = Fields::of(node, "a pareto", r)?;
            let scale = f.required("min", r, |n, r| quantity.positive(n, r));
            let shape = f.required("shape", r, |n, r| r.positive_factor(n));
            f.finish(r);
            Some(Distribution::Pareto {
                scale: scale?,
                shape: shape?,
            })
        }
        "weibull" => {
            let mut f = Fields::of(node, "a weibull", r)?;
            let scale = f.required("scale", r, |n, r| quantity.positive(n, r));
            let shape = f.required("shape", r, |n, r| r.positive_factor(n));
            f.finish(r);
            Some(Distribution::Weibull {
                scale: scale?,
                shape: shape?,
            })
        }
        "gamma" => gamma(node, quantity, r),
        "erlang" => {
            let mut f = Fields::of(node, "an erlang", r)?;
            let phases = f.required("phases", r, |n, r| r.count_in(n, 1, *SHAPES.end() as u64));
            let mean = f.required("mean", r, |n, r| quantity.positive(n, r));
            f.finish(r);
            let gamma = Gamma::new(phases? as f64, mean?);
            Some(Distribution::Gamma(Box::new(gamma)))
        }
        "hyperexponential" => hyperexponential(node, quantity, r),
        "mixture" => mixture(node, quantity, r),
        _ => empirical(node, quantity, r),
    }
}

/// `{shape: 2, mean: 1s}`, `{cv: 0.5, mean: 1s}`, or with `scale` in place of `mean`.
fn gamma(node: &Node, quantity: Quantity, r: &mut Reader) -> Option<Distribution> {
    let mut f = Fields::of(node, "a gamma", r)?;
    let shape = f.optional("shape", r, |n, r| Some((n.owner, r.positive_factor(n)?)));
    let cv = f.optional("cv", r, |n, r| {
        let cv = r.positive_factor(n)?;
        Some((n.owner, 1.0 / (cv * cv)))
    });
    let mean = f.optional("mean", r, |n, r| Some((n.owner, quantity.positive(n, r)?)));
    let scale = f.optional("scale", r, |n, r| Some((n.owner, quantity.positive(n, r)?)));
    let shape = one_of(&mut f, ["shape", "cv"], [shape, cv], r);
    let size = one_of(&mut f, ["mean", "scale"], [mean, scale], r);
    f.finish(r);
    let ((place, shape), (_, size)) = (shape?, size?);
    if !SHAPES.contains(&shape) {
        let help = "a shape from 0.01 to 1,000, or a `cv` from 0.032 to 10, which is 1/√shape";
        r.error_help(
            place,
            format!("a gamma of shape {shape} is out of reach"),
            help,
        );
        return None;
    }
    let mean = if scale.is_some() { size * shape } else { size };
    Some(Distribution::Gamma(Box::new(Gamma::new(shape, mean))))
}

/// The one of two keys that is there.
fn one_of(
    f: &mut Fields,
    keys: [&'static str; 2],
    found: [Option<(Place, f64)>; 2],
    r: &mut Reader,
) -> Option<(Place, f64)> {
    match keys.map(|key| f.get(key)) {
        [None, None] => f.needs(&format!("the key `{}` or `{}`", keys[0], keys[1]), r),
        [Some(_), Some(second)] => {
            let message = format!("it has either `{}` or `{}`, not both", keys[0], keys[1]);
            r.error(second.owner, message);
        }
        _ => {}
    }
    match found {
        [Some(one), None] | [None, Some(one)] => Some(one),
        _ => None,
    }
}

/// `{mean: 1s, cv: 2}` or `[{share: 90%, mean: 100ms}, {share: 10%, mean: 9s}]`.
fn hyperexponential(node: &Node, quantity: Quantity, r: &mut Reader) -> Option<Distribution> {
    if let Kind::Map(_) = node.kind {
        let mut f = Fields::of(node, "a hyperexponential", r)?;
        let mean = f.required("mean", r, |n, r| quantity.positive(n, r));
        let cv = f.required("cv", r, |n, r| Some((n.place, r.factor(n)?)));
        f.finish(r);
        let (place, cv) = cv?;
        if !(1.0..=MOST_CV).contains(&cv) {
            let help = "below 1 write a `gamma`, which has a `cv` too";
            r.error_help(
                place,
                "expected a coefficient of variation from 1 to 1,000",
                help,
            );
            return None;
        }
        let two = Hyperexponential::balanced(mean?, cv);
        return Some(Distribution::Hyperexponential(two));
    }
    let parts = r.each(node, "a list of parts, or `{mean: 1s, cv: 2}`", |n, r| {
        let mut f = Fields::of(n, "a part of a hyperexponential", r)?;
        let share = f.required("share", r, |n, r| r.share(n));
        let mean = f.required("mean", r, |n, r| quantity.positive(n, r));
        f.finish(r);
        Some((share?, mean?))
    })?;
    all_of_it(parts.iter().map(|(share, _)| *share), node, r)?;
    let part = |(share, mean): (Share, f64)| (share.as_f64(), mean);
    let parts = parts.into_iter().filter(|(share, _)| *share != Share::NONE);
    let parts = Hyperexponential::new(parts.map(part).collect());
    Some(Distribution::Hyperexponential(parts))
}

/// Whether these shares come to 100%.
fn all_of_it(shares: impl Iterator<Item = Share>, node: &Node, r: &mut Reader) -> Option<()> {
    let total: u64 = shares.map(|share| u64::from(share.0)).sum();
    if total == u64::from(Share::ALL.0) {
        return Some(());
    }
    let help = "shares of a mixture come to 100% together";
    r.error_help(node.place, "the shares do not come to 100%", help);
    None
}

/// `[{share: 90%, of: 1s}, {share: 10%, of: {exponential: {mean: 10s}}}]`.
fn mixture(node: &Node, quantity: Quantity, r: &mut Reader) -> Option<Distribution> {
    let parts = r.each(node, "a list of parts", |n, r| {
        let mut f = Fields::of(n, "a part of a mixture", r)?;
        let share = f.required("share", r, |n, r| r.share(n));
        let of = f.required("of", r, |n, r| {
            if let Kind::Map(entries) = &n.kind
                && entries.iter().any(|(key, _)| key.text == "mixture")
            {
                r.error(n.place, "a mixture cannot be part of a mixture");
                return None;
            }
            distribution(n, quantity, r)
        });
        f.finish(r);
        Some((share?, of?))
    })?;
    all_of_it(parts.iter().map(|(share, _)| *share), node, r)?;
    let mut sum = 0.0;
    let mut upto = vec![];
    for (share, part) in parts {
        sum += share.as_f64();
        if share != Share::NONE {
            upto.push((sum, part));
        }
    }
    upto.last_mut()?.0 = 1.0;
    Some(Distribution::Mixture(upto))
}

impl Quantity {
    /// One value in the quantity's unit.
    fn value(self, node: &Node, r: &mut Reader) -> Option<f64> {
        match self {
            Quantity::Time => Some(r.time(node)?.0 as f64),
            Quantity::Tokens => Some(r.count_in(node, 0, MOST_TOKENS)? as f64),
            Quantity::Tasks => Some(r.count_in(node, 1, MOST_TASKS)? as f64),
        }
    }

    fn positive(self, node: &Node, r: &mut Reader) -> Option<f64> {
        let value = self.value(node, r)?;
        if value > 0.0 {
            return Some(value);
        }
        r.error(node.place, "expected more than zero");
        None
    }

    /// A value from a file, in seconds or tokens.
    fn in_file(self, line: &str) -> Option<f64> {
        let value: f64 = line.parse().ok()?;
        let (scale, most) = match self {
            Quantity::Time => (1e9, 1e18),
            Quantity::Tokens => (1.0, MOST_TOKENS as f64),
            Quantity::Tasks => (1.0, MOST_TASKS as f64),
        };
        let value = value * scale;
        (0.0..=most).contains(&value).then_some(value)
    }
}

fn lognormal(node: &Node, quantity: Quantity, r: &mut Reader) -> Option<Distribution> {
    let mut f = Fields::of(node, "a lognormal", r)?;
    let p50 = f.required("p50", r, |n, r| quantity.positive(n, r));
    let p99_node = f.get("p99");
    let p99 = p99_node.map(|n| quantity.value(n, r));
    let sigma = f.optional("sigma", r, |n, r| Some((n.place, r.factor(n)?)));
    let built = match (p99, sigma) {
        (Some(_), Some((place, _))) => {
            r.error(place, "a lognormal has either `p99` or `sigma`, not both");
            None
        }
        (None, Some((place, sigma))) if sigma > MOST_SIGMA => {
            r.error(
                place,
                format!("a sigma of {sigma} is too wide: at most 10 is allowed"),
            );
            None
        }
        (None, Some((_, sigma))) => p50.map(|p50| Distribution::Lognormal {
            mu: crate::random::math::ln(p50),
            sigma,
        }),
        (Some(p99), None) => match (p50, p99) {
            (Some(p50), Some(p99)) if p99 <= p50 => {
                let place = p99_node.map_or(node.place, |n| n.place);
                r.error(place, "`p99` must be greater than `p50`");
                None
            }
            (Some(p50), Some(p99)) => Some(Distribution::lognormal_from_quantiles(p50, p99)),
            _ => None,
        },
        (None, None) => {
            if f.get("sigma").is_none() {
                f.needs("the key `p99` or `sigma`", r);
            }
            None
        }
    };
    f.finish(r);
    built
}

fn uniform(node: &Node, quantity: Quantity, r: &mut Reader) -> Option<Distribution> {
    let bounds = r.each(node, "a list of two bounds", |n, r| quantity.value(n, r))?;
    let [low, high] = bounds[..] else {
        r.error(
            node.place,
            format!("expected two bounds, found {}", bounds.len()),
        );
        return None;
    };
    if low > high {
        r.error_help(
            node.place,
            "the first bound is above the second",
            "write the lower bound first",
        );
        return None;
    }
    Some(Distribution::Uniform { low, high })
}

fn empirical(node: &Node, quantity: Quantity, r: &mut Reader) -> Option<Distribution> {
    let mut values = match &node.kind {
        Kind::Scalar { text, .. } => from_file(node, text, quantity, r)?,
        _ => r.each(node, "a list of values or a file", |n, r| {
            quantity.value(n, r)
        })?,
    };
    if values.is_empty() {
        r.error(
            node.place,
            "an empirical distribution needs at least one value",
        );
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some(Distribution::Empirical(values))
}

fn from_file(node: &Node, name: &str, quantity: Quantity, r: &mut Reader) -> Option<Vec<f64>> {
    let text = match read_text(&r.base.join(name), MOST_BYTES) {
        Ok(text) => text,
        Err(e) => {
            r.error(node.place, format!("`{name}` {e}"));
            return None;
        }
    };
    r.has_read(name, sha256(&text));
    let mut values = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let Some(value) = quantity.in_file(line) else {
            let unit = match quantity {
                Quantity::Time => "a time in seconds",
                Quantity::Tokens => "a number of tokens",
                Quantity::Tasks => "a number of tasks",
            };
            let message = format!("expected {unit}, found `{}`", super::words::shortened(line));
            let found = Diagnostic::about(name, message).on_line(i + 1, line);
            r.foreign(node.place, found);
            return None;
        };
        values.push(value);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    #[test]
    fn every_distribution_of_the_manual_is_understood() {
        assert_eq!(read("60ms", times), Ok(Distribution::Constant(6e7)));
        assert_eq!(read("30k", tokens), Ok(Distribution::Constant(3e4)));
        let mean = Distribution::Exponential { mean: 1e9 };
        assert_eq!(read("{exponential: {mean: 1s}}", times), Ok(mean));
        let uniform = Distribution::Uniform {
            low: 1e9,
            high: 3e9,
        };
        assert_eq!(read("{uniform: [1s, 3s]}", times), Ok(uniform));
        let normal = Distribution::Normal {
            mean: 1e7,
            stdev: 2e6,
        };
        assert_eq!(
            read("{normal: {mean: 10ms, stdev: 2ms}}", times),
            Ok(normal)
        );
        let pareto = Distribution::Pareto {
            scale: 1e8,
            shape: 1.5,
        };
        assert_eq!(
            read("{pareto: {min: 100ms, shape: 1.5}}", times),
            Ok(pareto)
        );
        let empirical = Distribution::Empirical(vec![1.0, 2.0, 80.0]);
        assert_eq!(read("{empirical: [80, 1, 2]}", tokens), Ok(empirical));
        let by_sigma = read("{lognormal: {p50: 150, sigma: 0.8}}", tokens).unwrap();
        assert!((by_sigma.quantile(0.5) - 150.0).abs() < 1e-9);
        let by_tail = read("{lognormal: {p50: 300ms, p99: 2s}}", times).unwrap();
        assert!((by_tail.quantile(0.99) / 2e9 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn gamma_erlang_and_hyperexponential_say_what_they_need() {
        let two = Distribution::Gamma(Box::new(Gamma::new(2.0, 1e9)));
        for yaml in [
            "{gamma: {shape: 2, mean: 1s}}",
            "{gamma: {shape: 2, scale: 500ms}}",
            "{erlang: {phases: 2, mean: 1s}}",
        ] {
            assert_eq!(read(yaml, times), Ok(two.clone()), "{yaml}");
        }
        let quarter = Distribution::Gamma(Box::new(Gamma::new(4.0, 300.0)));
        assert_eq!(read("{gamma: {cv: 0.5, mean: 300}}", tokens), Ok(quarter));
        let parts = vec![(0.9, 1e8), (0.1, 9e9)];
        let parts = Distribution::Hyperexponential(Hyperexponential::new(parts));
        let yaml = "{hyperexponential: [{share: 90%, mean: 100ms}, {share: 10%, mean: 9s}]}";
        assert_eq!(read(yaml, times), Ok(parts));
        let fitted = read("{hyperexponential: {mean: 1s, cv: 2}}", times).unwrap();
        assert!((fitted.mean() / 1e9 - 1.0).abs() < 1e-12);
        let told = |yaml: &str| read(yaml, times).unwrap_err();
        assert_eq!(
            told("{gamma: {mean: 1s}}"),
            "a gamma needs the key `shape` or `cv`"
        );
        assert_eq!(
            told("{gamma: {shape: 1, cv: 1, mean: 1s}}"),
            "it has either `shape` or `cv`, not both"
        );
        assert_eq!(
            told("{gamma: {shape: 2000, mean: 1s}}"),
            "a gamma of shape 2000 is out of reach"
        );
        assert_eq!(
            told("{hyperexponential: {mean: 1s, cv: 0.5}}"),
            "expected a coefficient of variation from 1 to 1,000"
        );
        assert_eq!(
            told("{hyperexponential: [{share: 90%, mean: 1s}]}"),
            "the shares do not come to 100%"
        );
    }

    #[test]
    fn times_are_no_tokens_and_tokens_no_times() {
        assert_eq!(read("150", times).unwrap_err(), "`150` has no unit of time");
        assert_eq!(
            read("150ms", tokens).unwrap_err(),
            "`150ms` is not a whole number"
        );
        assert_eq!(
            read("200M", tokens).unwrap_err(),
            "200000000 is too many: at most 100,000,000 are allowed"
        );
    }

    #[test]
    fn a_file_holds_one_value_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.csv");
        std::fs::write(&path, "0.5\n\n0.25\r\n").unwrap();
        let yaml = format!("{{empirical: {}}}", path.display());
        assert_eq!(
            read(&yaml, times),
            Ok(Distribution::Empirical(vec![2.5e8, 5e8]))
        );
        for bad in ["-1", "nan", "inf", "x", "1e300"] {
            std::fs::write(&path, format!("1\n{bad}\n")).unwrap();
            let told = read(&yaml, times).unwrap_err();
            assert_eq!(told, format!("expected a time in seconds, found `{bad}`"));
        }
    }
}

//! Thresholds: conditions on the results, such as `by-the-book.spend.p95 < $40`.

use super::model::{Comparison, Statistic, Threshold};
use super::policies::{policy_advice, policy_before};
use super::reader::Reader;
use super::tree::Node;
use super::words::{near, shortened};
use crate::units::text::{parse_money, parse_share, parse_span};

/// The metrics that thresholds may name: the keys of `summary.json`.
pub const METRICS: [&str; 31] = [
    "spend_usd",
    "wasted_usd",
    "first_attempt_usd",
    "retry_usd",
    "spend_per_success_usd",
    "ideal_usd",
    "ideal_ratio",
    "attempts",
    "llm_attempts",
    "tool_attempts",
    "denied",
    "rate_limited",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "tasks",
    "tasks_ok",
    "tasks_failed",
    "tasks_unfinished",
    "cut_off",
    "dead_lettered",
    "success_rate",
    "amplification",
    "task_seconds_mean",
    "task_seconds_p50",
    "task_seconds_p90",
    "task_seconds_p99",
    "task_seconds_p999",
    "end_seconds",
    "recovery_seconds",
    "peak_attempts_per_second",
];

/// Those of them that are known of each fleet too.
pub const FLEET_METRICS: [&str; 16] = [
    "spend_usd",
    "wasted_usd",
    "retry_usd",
    "spend_per_success_usd",
    "attempts",
    "tasks",
    "tasks_ok",
    "tasks_failed",
    "tasks_unfinished",
    "dead_lettered",
    "success_rate",
    "task_seconds_mean",
    "task_seconds_p50",
    "task_seconds_p90",
    "task_seconds_p99",
    "task_seconds_p999",
];

const STATISTICS: [(&str, Statistic); 6] = [
    ("mean", Statistic::Mean),
    ("p50", Statistic::P50),
    ("p95", Statistic::P95),
    ("p99", Statistic::P99),
    ("min", Statistic::Min),
    ("max", Statistic::Max),
];

// Longer operators first, so that `<=` is not read as `<`.
const COMPARISONS: [(&str, Comparison); 4] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

const FORM: &str = "write `POLICY.METRIC < BOUND` or `POLICY.METRIC.STATISTIC < BOUND`, such as \
                    `by-the-book.spend.p95 < $40`; of one fleet `POLICY.fleets.FLEET.METRIC < BOUND`";

/// What thresholds may be about.
pub(super) struct Names<'a> {
    /// The policies.
    pub(super) policies: &'a [&'a str],
    /// The fleets; `None` where they could not be read.
    pub(super) fleets: Option<Vec<&'a str>>,
}

/// A list of thresholds.
pub(super) fn thresholds(node: &Node, names: &Names, r: &mut Reader) -> Option<Vec<Threshold>> {
    r.each(node, "a list of thresholds", |n, r| threshold(n, names, r))
}

fn threshold(node: &Node, names: &Names, r: &mut Reader) -> Option<Threshold> {
    let text = r.text(node, "a threshold")?;
    let operator = COMPARISONS
        .into_iter()
        .find(|(sign, _)| text.contains(sign));
    let Some((sign, comparison)) = operator else {
        r.error_help(
            node.place,
            "a threshold compares with `<`, `<=`, `>` or `>=`",
            FORM,
        );
        return None;
    };
    let (left, right) = text.split_once(sign)?;
    let (left, right) = (left.trim(), right.trim());
    let (policy, rest) = policy(node, left, names.policies, r)?;
    let (fleet, rest) = match rest.strip_prefix("fleets.") {
        Some(rest) => {
            let (fleet, rest) = fleet(node, rest, names.fleets.as_deref()?, r)?;
            (Some(fleet), rest)
        }
        None => (None, rest),
    };
    let (metric, statistic) = rest.split_once('.').unwrap_or((rest, "mean"));
    let metric = find_metric(node, metric, fleet.is_some(), r)?;
    let Some((_, statistic)) = STATISTICS.into_iter().find(|(name, _)| *name == statistic) else {
        let message = format!("unknown statistic `{}`", shortened(statistic));
        let known = STATISTICS.map(|(name, _)| name).join(", ");
        r.error_help(node.place, message, format!("known statistics: {known}"));
        return None;
    };
    let bound = match bound(metric, right) {
        Ok(bound) => bound,
        Err(message) => {
            r.error_help(
                node.place,
                message,
                "write a bound such as `$40`, `99%`, `90s` or `3`",
            );
            return None;
        }
    };
    Some(Threshold {
        text: text.to_owned(),
        policy,
        fleet,
        metric: metric.to_owned(),
        statistic,
        comparison,
        bound,
    })
}

/// The policy that a threshold begins with, and what follows.
fn policy<'t>(
    node: &Node,
    left: &'t str,
    policies: &[&str],
    r: &mut Reader,
) -> Option<(usize, &'t str)> {
    let found = policy_before(policies, left);
    if found.is_none() {
        let (name, rest) = left.split_once('.').unwrap_or((left, ""));
        if policies.contains(&left) || rest.is_empty() {
            r.error_help(node.place, "this threshold names no metric", FORM);
            return None;
        }
        let message = format!("unknown policy `{}`", shortened(name));
        match policy_advice(name, policies) {
            Some(help) => r.error_help(node.place, message, help),
            None => r.error(node.place, message),
        }
    }
    found
}

/// The fleet that comes next, and what follows.
fn fleet<'t>(
    node: &Node,
    left: &'t str,
    fleets: &[&str],
    r: &mut Reader,
) -> Option<(usize, &'t str)> {
    let found = policy_before(fleets, left);
    if found.is_none() {
        let (name, rest) = left.split_once('.').unwrap_or((left, ""));
        if fleets.contains(&left) || rest.is_empty() {
            r.error_help(node.place, "this threshold names no metric", FORM);
            return None;
        }
        r.unknown(node.place, "fleet", name, fleets.iter().copied());
    }
    found
}

/// The metric of that key, of a fleet or of all; `spend`, without its unit, will do.
fn find_metric(node: &Node, name: &str, of_fleet: bool, r: &mut Reader) -> Option<&'static str> {
    let called = |metric: &&str| *metric == name || metric.strip_suffix("_usd") == Some(name);
    let known: &[&str] = match of_fleet {
        true => &FLEET_METRICS,
        false => &METRICS,
    };
    let found = known.iter().copied().find(called);
    if found.is_none() {
        let message = match METRICS.iter().any(called) {
            true => format!("`{name}` is not known of single fleets"),
            false => format!("unknown metric `{}`", shortened(name)),
        };
        let short = |metric: &&'static str| metric.strip_suffix("_usd").unwrap_or(metric);
        let shorts: Vec<&str> = known.iter().map(short).collect();
        let help = match near(name, known).or_else(|| near(name, &shorts)) {
            Some(metric) => format!("did you mean `{metric}`?"),
            None => format!("known metrics: {}", known.join(", ")),
        };
        r.error_help(node.place, message, help);
    }
    found
}

/// The bound in the metric's unit.
fn bound(metric: &str, text: &str) -> Result<f64, String> {
    let fits = |fits: bool, unit: &str| match fits {
        true => Ok(()),
        false => Err(format!("`{metric}` is not measured in {unit}")),
    };
    if text.starts_with('$') {
        fits(metric.ends_with("_usd"), "dollars")?;
        return Ok(parse_money(text).map_err(|e| e.message)?.as_dollars());
    }
    if text.ends_with('%') {
        fits(
            metric.ends_with("_rate") || metric.ends_with("_ratio"),
            "percent",
        )?;
        return Ok(parse_share(text).map_err(|e| e.message)?.as_f64());
    }
    let of_times = ["amplification", "ideal_ratio"].contains(&metric);
    let times = text.strip_suffix('x').filter(|_| of_times);
    let number = times.unwrap_or(text).replace('_', "").parse::<f64>();
    if let Some(number) = number.ok().filter(|x| x.is_finite()) {
        if metric.ends_with("_rate") && number > 1.0 {
            return Err(format!("`{metric}` is a share of 1, never more"));
        }
        return Ok(number);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let seconds = metric.contains("_seconds") || metric == "end_seconds";
        if let Ok(span) = parse_span(text) {
            fits(seconds, "time")?;
            return Ok(span.as_seconds());
        }
        if let Ok(count) = crate::units::text::parse_count(text) {
            return Ok(count as f64);
        }
    }
    Err(format!("`{}` is not a bound", shortened(text)))
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;

    fn one(text: &str) -> Result<Threshold, String> {
        let list = read(&format!("['{text}']"), |node, r| {
            let names = Names {
                policies: &["a", "b.c"],
                fleets: Some(vec!["f", "f.g"]),
            };
            thresholds(node, &names, r)
        })?;
        Ok(list.into_iter().next().unwrap())
    }

    #[test]
    fn bounds_are_in_the_unit_of_the_metric() {
        let spend = one("b.c.spend.p95 < $40").unwrap();
        assert_eq!(
            (spend.policy, spend.metric.as_str(), spend.bound),
            (1, "spend_usd", 40.0)
        );
        assert_eq!(
            (spend.statistic, spend.comparison),
            (Statistic::P95, Comparison::Less)
        );
        let success = one("a.success_rate>=99%").unwrap();
        assert_eq!((success.bound, success.statistic), (0.99, Statistic::Mean));
        assert_eq!(success.comparison, Comparison::GreaterOrEqual);
        assert_eq!(one("a.task_seconds_p99 <= 1m 30s").unwrap().bound, 90.0);
        assert_eq!(one("a.attempts.max < 30k").unwrap().bound, 30_000.0);
        assert_eq!(one("a.amplification > 1.5").unwrap().bound, 1.5);
    }

    #[test]
    fn a_threshold_may_be_about_one_fleet() {
        let of = |text: &str| one(text).map(|t| (t.policy, t.fleet, t.metric, t.statistic));
        let p99 = "task_seconds_p99".to_owned();
        assert_eq!(
            of("a.fleets.f.task_seconds_p99 < 90s"),
            Ok((0, Some(0), p99.clone(), Statistic::Mean))
        );
        assert_eq!(
            of("b.c.fleets.f.g.task_seconds_p99.max < 90s"),
            Ok((1, Some(1), p99, Statistic::Max))
        );
        let retry = "retry_usd".to_owned();
        assert_eq!(
            of("a.fleets.f.retry.p95 < $3"),
            Ok((0, Some(0), retry, Statistic::P95))
        );
        let wrong = |text: &str| one(text).unwrap_err();
        assert_eq!(wrong("a.fleets.h.spend < $3"), "unknown fleet `h`");
        assert_eq!(wrong("a.fleets.f < 3"), "this threshold names no metric");
        assert_eq!(
            wrong("a.fleets.f.cut_off < 3"),
            "`cut_off` is not known of single fleets"
        );
        assert_eq!(wrong("a.fleets.f.cut < 3"), "unknown metric `cut`");
    }

    #[test]
    fn a_bound_of_another_kind_is_refused() {
        assert_eq!(
            one("a.attempts < 90s").unwrap_err(),
            "`attempts` is not measured in time"
        );
        assert_eq!(
            one("a.spend < 9%").unwrap_err(),
            "`spend_usd` is not measured in percent"
        );
        assert_eq!(one("a.spend <").unwrap_err(), "`` is not a bound");
        assert_eq!(one("a.spend < NaN").unwrap_err(), "`NaN` is not a bound");
        assert_eq!(one("a < 1").unwrap_err(), "this threshold names no metric");
        assert_eq!(one("c.spend < 1").unwrap_err(), "unknown policy `c`");
    }
}

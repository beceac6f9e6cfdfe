//! A result document for tests: made up, but shaped like a real one (an outage, a storm, policies
//! whose spends differ by orders of magnitude).

use crate::experiment::Metric;
use crate::experiment::document::{
    CauseSpend, CutResult, Difference, Document, FleetResult, LayerResult, Life, LifeSpan, Limit,
    NestingResult, OutageInfo, PolicyResult, SCHEMA, Series, Summary, TargetInfo, TargetResult,
    TaskLife, ThresholdResult, Verdict,
};
use crate::statistics;
use crate::wire::Outcome;

/// Names that try to break tables, CSV, SVG and terminals.
pub const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\u{202e}drawkcab\u{202c} עברית",
    "fire 🔥👩‍👩‍👧 drill",
    "two\nlines, \"quoted\" & \u{1b}[31mred\u{1b}[0m\u{0}",
    "\u{e000}=1+1\u{e001}",
    "",
];

const NAMES: [&str; 10] = [
    "hand-rolled",
    "by-the-book",
    "tenacity-default",
    "openai-python-defaults",
    "budgeted",
    "no-retry",
    "langchain-with-fallbacks-and-hedging",
    "breaker-only",
    "exponential-full-jitter",
    "polly",
];

/// How much each policy costs against `by-the-book`.
const WEIGHTS: [f64; 10] = [38.0, 1.0, 4.2, 2.6, 0.9, 0.35, 5.1, 0.8, 1.7, 1.2];
const BUCKETS: usize = 120;
const WIDTH: f64 = 5.0;
const REPLICATIONS: u32 = 200;

/// A document with that many policies.
pub fn document(policies: usize) -> Document {
    let policies: Vec<PolicyResult> = (0..policies)
        .map(|i| {
            let name = match i / NAMES.len() {
                0 => NAMES[i].to_owned(),
                round => format!("{}-{round}", NAMES[i % NAMES.len()]),
            };
            policy(i, name, WEIGHTS[i % NAMES.len()])
        })
        .collect();
    Document {
        schema: SCHEMA.to_owned(),
        version: "0.1.0".to_owned(),
        scenario: "tool-hiccup".to_owned(),
        about: "A hiccup of one sandbox, met by twenty agents.".to_owned(),
        source: "name: tool-hiccup\n".to_owned(),
        overrides: vec!["fleets.workers.agents=20".to_owned()],
        scenario_hash: "8f14e45f".repeat(8),
        seed: 7,
        replications: REPLICATIONS,
        replications_planned: REPLICATIONS,
        horizon_seconds: 600.0,
        targets: vec![target_info("planner", true), target_info("sandbox", false)],
        outages: vec![OutageInfo {
            target: 1,
            from_seconds: 60.0,
            until_seconds: 120.0,
        }],
        differences: differences(&policies),
        life: Some(life(policies.len())),
        policies,
        thresholds: thresholds(),
        warnings: vec!["by-the-book: tool[3] circuit_breaker never acted".to_owned()],
    }
}

/// The same document with nothing in it: no attempts, no dollars, empty series.
pub fn empty(policies: usize) -> Document {
    let mut doc = document(policies);
    for policy in &mut doc.policies {
        policy.metrics = vec![Summary::default(); Metric::COUNT];
        policy.versus_baseline = vec![Difference::default(); Metric::COUNT];
        for fleet in &mut policy.fleets {
            fleet.metrics = vec![Summary::default(); Metric::BY_FLEET.len()];
        }
        policy.series = Series::default();
        policy.spend_samples.clear();
        policy.spend_by_cause.clear();
    }
    doc
}

/// The same document with zero everywhere.
pub fn zeros(policies: usize) -> Document {
    let mut doc = document(policies);
    for policy in &mut doc.policies {
        policy.metrics = vec![summary(&[0.0, 0.0]); Metric::COUNT];
        let series = &mut policy.series;
        let totals = [&mut series.spend_mean, &mut series.spend_p5];
        for row in series.outcomes.iter_mut().chain(totals) {
            row.fill(0.0);
        }
        series.spend_p95.fill(0.0);
        policy.spend_samples.fill(0.0);
        for cause in &mut policy.spend_by_cause {
            cause.usd = 0.0;
        }
    }
    doc
}

/// Differences between the spends that the samples really have; other metrics alike.
fn differences(policies: &[PolicyResult]) -> Vec<Vec<Vec<Difference>>> {
    let pair = |i: usize, j: usize| {
        let spend = |p: usize| policies[p].spend_samples.as_slice();
        vec![statistics::difference(spend(i), spend(j)); Metric::COUNT]
    };
    let row = |i: usize| (0..i).map(|j| pair(i, j)).collect();
    (0..policies.len()).map(row).collect()
}

/// A task that fails three times under every policy, each later than under the one before.
fn life(policies: usize) -> TaskLife {
    let span = |i: usize, k: usize| LifeSpan {
        from_seconds: (k * (i + 1)) as f64,
        until_seconds: (k * (i + 1)) as f64 + 0.5,
        target: Some(k % 2),
        outcome: if k == 3 { "ok" } else { "transient" }.to_owned(),
        cause: if k == 0 { "" } else { "tool[1] retry" }.to_owned(),
        tokens: 600,
        usd: 0.25,
    };
    let life = |i: usize| Life {
        spans: (0..4).map(|k| span(i, k)).collect(),
        left_out: 0,
        ready_seconds: Some(0.0),
        end_seconds: Some((3 * (i + 1)) as f64 + 0.5),
        outcome: "ok".to_owned(),
        attempts: 4,
        usd: 1.0,
    };
    TaskLife {
        fleet: "workers".to_owned(),
        task: 17,
        replication: 0,
        policies: (0..policies).map(life).collect(),
    }
}

fn target_info(name: &str, model: bool) -> TargetInfo {
    TargetInfo {
        name: name.to_owned(),
        model,
        price_source: String::new(),
        assumptions: vec!["fails 10% of attempts (transient)".to_owned()],
    }
}

fn thresholds() -> Vec<ThresholdResult> {
    let of = |text: &str, measured, verdict, why: &str| ThresholdResult {
        text: text.to_owned(),
        measured,
        verdict,
        why: why.to_owned(),
    };
    vec![
        of(
            "by-the-book.spend.p95 < $40",
            Some(14.9),
            Verdict::Passed,
            "",
        ),
        of(
            "by-the-book.success_rate > 99%",
            Some(0.982),
            Verdict::Failed,
            "",
        ),
        of(
            "hand-rolled.recovery_seconds.p99 < 5m",
            None,
            Verdict::Undecided,
            "3 of 200 replications had not recovered when they were cut off",
        ),
    ]
}

/// A number in \[0, 1) that looks random (the golden ratio's multiples).
fn luck(a: usize, b: usize) -> f64 {
    let x = (a * 7919 + b * 104_729 + 13) as f64 * 0.618_033_988_749_894_9;
    x - x.floor()
}

fn policy(index: usize, name: String, weight: f64) -> PolicyResult {
    let bell = |i: usize| (0..6).map(|k| luck(index * 31 + k, i * 6 + k)).sum::<f64>() / 3.0 - 1.0;
    let spread = if weight > 3.0 { 0.35 } else { 0.08 };
    let samples: Vec<f64> = (0..REPLICATIONS as usize)
        .map(|i| 12.0 * weight * (1.0 + spread * bell(i)))
        .collect();
    let base: Vec<f64> = (0..REPLICATIONS as usize)
        .map(|i| 9.0 + bell(i + 1000))
        .collect();
    let spend = statistics::mean(&samples).unwrap();
    let metrics = Metric::ALL
        .iter()
        .map(|m| {
            let scaled: Vec<f64> = samples
                .iter()
                .zip(&base)
                .map(|(s, b)| metric(*m, *s, *b, weight))
                .collect();
            summary(&scaled)
        })
        .collect();
    let versus = match index {
        0 => Vec::new(),
        _ => vec![
            Difference {
                n: REPLICATIONS,
                mean: Some(spend - 456.0),
                ci95: Some([spend - 470.0, spend - 442.0]),
            };
            Metric::COUNT
        ],
    };
    PolicyResult {
        name,
        about: String::new(),
        metrics,
        versus_baseline: versus,
        cuts: vec![CutResult {
            limit: Limit::MaxEvents,
            replications: 3,
            earliest_seconds: 61.5,
            latest_seconds: 90.0,
            tasks_unfinished: 2.5,
        }],
        fleets: vec![fleet("workers", weight), fleet("sub-agents", weight / 2.0)],
        targets: vec![target(spend), target(0.0)],
        layers: vec![LayerResult {
            label: "tool[1] retry".to_owned(),
            acted: 42.5,
            attempts_caused: 40.5,
            usd_caused: 1.5,
            attempts_on_wire: 1540.25,
            attempts_visible: Some(1542.5),
            waited_seconds: 90.5,
        }],
        nesting: vec![NestingResult {
            fleet: "workers".to_owned(),
            target: 1,
            worst_attempts: (index > 0).then_some(27),
            worst_wait_seconds: (index > 0).then_some(62.5),
            most_attempts: 12,
        }],
        spend_by_cause: causes(spend, weight),
        series: series(index, spend, weight, spread),
        spend_samples: samples,
    }
}

fn metric(metric: Metric, spend: f64, base: f64, weight: f64) -> f64 {
    match metric {
        Metric::Spend => spend,
        Metric::Wasted => (spend - base).max(0.0),
        Metric::FirstAttempt => base.min(spend),
        Metric::Retry => (spend - base).max(0.0),
        Metric::SpendPerSuccess => spend / 960.0,
        Metric::Ideal => base,
        Metric::IdealRatio => spend / base,
        Metric::Attempts => 3000.0 * weight.max(0.5),
        Metric::LlmAttempts => 2000.0 * weight.max(0.5),
        Metric::ToolAttempts => 1000.0 * weight.max(0.5),
        Metric::Denied => 12.0,
        Metric::RateLimited => 700.0 * (weight - 0.8).max(0.0),
        Metric::TokensIn => spend * 300_000.0,
        Metric::TokensOut => spend * 20_000.0,
        Metric::TokensCached => 0.0,
        Metric::Tasks => 1000.0,
        Metric::TasksOk => 960.0,
        Metric::TasksFailed => 40.0,
        Metric::TasksUnfinished | Metric::CutOff | Metric::DeadLettered => 0.0,
        Metric::SuccessRate => 1.0 - 0.04 / weight.max(0.5),
        Metric::Amplification => 1.0 + weight * (0.3 + spend * 0.0005),
        Metric::TaskMean => 6.5 + weight,
        Metric::TaskP50 => 4.2 + weight,
        Metric::TaskP90 => 15.0 + weight * 3.0,
        Metric::TaskP99 => 31.0 + weight * 9.0,
        Metric::TaskP999 => 44.0 + weight * 12.0,
        Metric::End => 480.0,
        Metric::Recovery => 14.0 * weight,
        Metric::PeakRate => 22.0 * weight,
    }
}

fn summary(values: &[f64]) -> Summary {
    let s = statistics::summarise(values);
    Summary {
        n: s.n,
        mean: s.mean,
        ci95: s.ci95,
        p50: s.p50,
        p95: s.p95,
        p99: s.p99,
        min: s.min,
        max: s.max,
    }
}

fn fleet(name: &str, weight: f64) -> FleetResult {
    let value = |m: &Metric| metric(*m, 12.0 * weight, 9.0, weight);
    let summary = |m| summary(&[value(m), value(m) * 1.5]);
    FleetResult {
        name: name.to_owned(),
        metrics: Metric::BY_FLEET.iter().map(summary).collect(),
    }
}

fn target(spend: f64) -> TargetResult {
    let mut outcomes = vec![0.0; Outcome::COUNT];
    outcomes[0] = 2900.0;
    outcomes[Outcome::RateLimited as usize] = 12.25;
    TargetResult {
        attempts: 2912.25,
        first_attempts: 2500.0,
        open: 0.0,
        outcomes,
        spend_usd: spend,
        outcome_usd: vec![0.0; Outcome::COUNT],
        open_usd: 0.0,
        cache_write_usd: 0.0,
        busy_peak: 17.5,
        busy_peak_max: 20,
    }
}

fn causes(spend: f64, weight: f64) -> Vec<CauseSpend> {
    let first = spend.min(9.0);
    let rest = spend - first;
    let cause = |cause: &str, scope: &str, usd: f64| CauseSpend {
        cause: cause.to_owned(),
        scope: scope.to_owned(),
        attempts: usd * 40.0,
        usd,
    };
    let by_tool = if weight > 2.0 { 0.3 } else { 1.0 };
    vec![
        cause("first attempts", "first", first),
        cause("tool[1] retry", "tool", rest * by_tool),
        cause("turn[1] retry", "turn", rest * (1.0 - by_tool)),
    ]
}

fn series(index: usize, spend: f64, weight: f64, spread: f64) -> Series {
    let mut outcomes = vec![vec![0.0; BUCKETS]; Outcome::COUNT + 1];
    let busy = 96;
    (0..busy).for_each(|bucket| {
        let wave = 30.0 + 6.0 * luck(index, bucket);
        let outage = (12..24).contains(&bucket);
        let storm = if outage { weight } else { 0.0 };
        let after = if (24..40).contains(&bucket) {
            weight * 0.3 * (40 - bucket) as f64 / 16.0
        } else {
            0.0
        };
        let mut put = |outcome: Outcome, n: f64| outcomes[outcome as usize][bucket] = n;
        put(Outcome::Ok, if outage { wave * 0.3 } else { wave });
        put(Outcome::Transient, 2.0 + wave * storm * 0.6);
        put(Outcome::RateLimited, wave * (storm * 0.5 + after));
        put(Outcome::Timeout, wave * after * 0.3);
        put(Outcome::Invalid, 1.0);
        put(
            Outcome::CircuitOpen,
            if outage && weight < 1.5 { 9.0 } else { 0.0 },
        );
    });
    let all: Vec<f64> = (0..BUCKETS)
        .map(|b| outcomes[..8].iter().map(|row| row[b]).sum())
        .collect();
    let total: f64 = all.iter().sum();
    let mut so_far = 0.0;
    let spend_mean: Vec<f64> = all
        .iter()
        .map(|n| {
            so_far += n;
            spend * so_far / total
        })
        .collect();
    let scaled = |by: f64| spend_mean.iter().map(|v| v * by).collect();
    Series {
        width_seconds: WIDTH,
        outcomes,
        spend_p5: scaled(1.0 - spread * 0.8),
        spend_p95: scaled(1.0 + spread * 0.9),
        tasks_ok: (0..BUCKETS).map(|b| (b.min(busy) * 10) as f64).collect(),
        spend_mean,
    }
}

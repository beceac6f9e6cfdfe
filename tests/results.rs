//! What the results say beside the totals, held against what each run said for itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::scenario;
use common::trials::Quiet;
use sha2::{Digest, Sha256};
use squall::experiment::document::{self, CutResult, Document, Limit, Verdict};
use squall::experiment::{self, Books, Frame, Metric, Plan, go_on};
use squall::report;

fn plan(replications: u32) -> Plan {
    Plan {
        seed: 7,
        replications,
        source: String::new(),
        overrides: vec![],
        scenario_hash: String::new(),
    }
}

fn document(text: &str, replications: u32) -> Document {
    let (document, _) = experiment::run(&scenario(text), &plan(replications), &Quiet).unwrap();
    document
}

/// The result of a scenario that was played in two parts.
fn in_parts(text: &str, replications: u32, cut: u32) -> Document {
    let scenario = scenario(text);
    let frame = || Frame::new(&scenario, &plan(replications));
    let mut books = Books::new(frame(), 0);
    go_on(&scenario, cut, &mut books, &Quiet);
    let mut later = Books::new(frame(), cut);
    go_on(&scenario, replications, &mut later, &Quiet);
    let saved = Books::from_bytes(&later.to_bytes().unwrap()).unwrap();
    books.append(saved).unwrap();
    books.document()
}

#[test]
fn tasks_that_would_have_come_too_late_are_said_and_cut_nothing_off() {
    let text = "name: late
horizon: 10500ms
tools: {tool: {latency: 1ms}}
fleets:
  short: {agents: 1, tasks: {arrivals: {every: 1/s}, count: 25}, plan: [{tool: tool}]}
  whole: {agents: 1, tasks: {arrivals: {every: 1/s}, count: 10}, plan: [{tool: tool}]}
  open: {agents: 1, tasks: {arrivals: {every: 1/s}}, plan: [{tool: tool}]}
  batch: {agents: 1, tasks: {count: 25}, plan: [{tool: tool}]}
policies: {plain: {}}
";
    let document = document(text, 2);
    let policy = &document.policies[0];
    let mean = |metric| policy.metric(metric).mean;
    assert_eq!(mean(Metric::Tasks), Some(10.0 + 10.0 + 10.0 + 25.0));
    assert_eq!(mean(Metric::TasksUnfinished), Some(0.0));
    assert_eq!(mean(Metric::CutOff), Some(0.0));
    let late = document.warnings.iter().filter(|w| w.contains("horizon"));
    let expected = "of the 25 tasks of short only 10 arrived before the horizon on average; the \
                    others are not counted";
    assert_eq!(late.collect::<Vec<_>>(), [expected]);
    assert_eq!(in_parts(text, 2, 1).warnings, document.warnings);
}

fn summary(document: &Document) -> serde_json::Value {
    serde_json::from_slice(&report::summary_json(document).unwrap()).unwrap()
}

#[test]
fn a_cut_run_says_which_limit_and_when() {
    let text = "name: cut
horizon: 7500ms
max_events: 1000
tools:
  tool: {latency: 1s}
  broken: {latency: 1ms, failures: 100%}
fleets:
  f: {agents: 1, tasks: {count: 10}, plan: [{tool: tool}, {tool: broken}]}
policies:
  in-time: {tool: {tool: [{timeout: 500ms}]}}
  late: {tool: {broken: [{retry: {attempts: 2, delay: 499ms}}]}}
  endless: {tool: {broken: [{retry: {attempts: unlimited, delay: 0s}}]}}
thresholds: [in-time.cut_off.max <= 0, late.cut_off.max <= 0, endless.cut_off < 0.5]
";
    let doc = document(text, 3);
    assert_eq!(doc.policies[0].cuts, []);
    // A task of `late` takes 1 s, 1 ms, 499 ms and 1 ms: four are done at 6.004 s, the fifth at 7.505 s.
    let horizon = CutResult {
        limit: Limit::Horizon,
        replications: 3,
        earliest_seconds: 7.5,
        latest_seconds: 7.5,
        tasks_unfinished: 6.0,
    };
    assert_eq!(doc.policies[1].cuts, [horizon]);
    let [endless] = doc.policies[2].cuts.as_slice() else {
        panic!("{:?}", doc.policies[2].cuts);
    };
    assert_eq!((endless.limit, endless.replications), (Limit::MaxEvents, 3));
    assert_eq!(endless.tasks_unfinished, 10.0);
    assert!(endless.earliest_seconds > 1.0 && endless.latest_seconds < 7.5);
    let shares = [0, 1, 2].map(|p| doc.policies[p].metric(Metric::CutOff).mean);
    assert_eq!(shares, [Some(0.0), Some(1.0), Some(1.0)]);
    let verdicts: Vec<Verdict> = doc.thresholds.iter().map(|t| t.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Passed, Verdict::Failed, Verdict::Failed]
    );
    assert_eq!(
        doc.warnings
            .iter()
            .filter(|w| w.contains("cut off"))
            .count(),
        2
    );

    let file = summary(&doc);
    assert_eq!(file["policies"][0]["cuts"], serde_json::json!([]));
    assert_eq!(file["policies"][2]["cuts"][0]["limit"], "max_events");
    assert_eq!(file["interrupted"], false);
    let csv = String::from_utf8(report::cuts_csv(&doc).unwrap()).unwrap();
    assert_eq!(csv.lines().nth(1), Some("late,horizon,3,7.5,7.5,6"));
}

#[test]
fn cuts_of_parts_add_up() {
    let text = "name: crowded
horizon: 45s
tools: {tool: {latency: {exponential: {mean: 1s}}, failures: 20%}}
fleets: {f: {agents: 2, tasks: {count: 60}, plan: [{tool: tool}]}}
policies:
  none: {}
  retry: {tool: [{retry: {attempts: 4, delay: 1s}}]}
";
    let whole = document(text, 12);
    let cuts = &whole.policies[1].cuts;
    assert!(
        !cuts.is_empty() && cuts.iter().all(|c| c.replications < 12),
        "{cuts:?}"
    );
    assert!(in_parts(text, 12, 5) == whole);
}

/// Interpolated, the quantiles would be 1.75, 2.35 and 2.485 s.
#[test]
fn task_times_have_a_mean_and_quantiles_by_the_nearest_rank() {
    let text = "name: times
tools: {tool: {latency: 1s}}
fleets: {f: {agents: 1, tasks: {arrivals: {every: 2/s}, count: 4}, plan: [{tool: tool}]}}
policies: {none: {}}
";
    let doc = document(text, 1);
    let keys = [
        Metric::TaskMean,
        Metric::TaskP50,
        Metric::TaskP90,
        Metric::TaskP99,
    ];
    // Each comes half a second after the one before, and waits for the one agent: 1, 1.5, 2, 2.5 s.
    let times = keys.map(|m| doc.policies[0].metric(m).mean);
    assert_eq!(times, [Some(1.75), Some(1.5), Some(2.5), Some(2.5)]);
    let row = &summary(&doc)["policies"][0]["metrics"]["task_seconds_p90"];
    assert_eq!(row["mean"], 2.5);
    let csv = String::from_utf8(report::summary_csv(&doc).unwrap()).unwrap();
    assert!(
        csv.contains("none,task_seconds_mean,seconds,1,1.75,"),
        "{csv}"
    );
}

#[test]
fn an_interrupted_run_says_how_many_were_asked_for() {
    let text = "name: short
tools: {tool: {latency: 1s}}
fleets: {f: {agents: 1, tasks: {count: 2}, plan: [{tool: tool}]}}
policies: {none: {}}
";
    let scenario = scenario(text);
    let mut books = Books::new(Frame::new(&scenario, &plan(9)), 0);
    go_on(&scenario, 4, &mut books, &Quiet);
    let file = summary(&books.document());
    assert_eq!(
        (&file["replications"], &file["replications_planned"]),
        (&4.into(), &9.into())
    );
    assert_eq!(file["interrupted"], true);
    go_on(&scenario, 9, &mut books, &Quiet);
    assert_eq!(summary(&books.document())["interrupted"], false);
}

/// Two fleets against a tool each: what one loses and pays is nothing to the other.
const TWO_FLEETS: &str = "name: two-fleets
horizon: 1m
tools:
  good: {latency: 1s, price: $0.25}
  bad: {latency: 2s, price: $0.5, failures: 50%}
fleets:
  lucky: {agents: 2, tasks: {count: 4}, plan: [{tool: good}, {tool: good}]}
  unlucky: {agents: 1, tasks: {count: 6}, plan: [{tool: bad}]}
policies:
  none: {}
  retry: {tool: [{retry: {attempts: 3, delay: 1s}}]}
";

#[test]
fn each_fleet_has_its_own_results() {
    let doc = document(TWO_FLEETS, 8);
    let mean = |p: usize, f: usize, m: Metric| doc.policies[p].fleets[f].metric(m).unwrap().mean;
    for p in 0..2 {
        let lucky = [
            Metric::Tasks,
            Metric::TasksOk,
            Metric::SuccessRate,
            Metric::Spend,
        ];
        let lucky = lucky.map(|m| mean(p, 0, m));
        assert_eq!(lucky, [Some(4.0), Some(4.0), Some(1.0), Some(2.0)]);
        let times = [
            Metric::TaskMean,
            Metric::TaskP50,
            Metric::TaskP90,
            Metric::TaskP99,
            Metric::TaskP999,
        ];
        assert_eq!(times.map(|m| mean(p, 0, m)), [Some(2.0); 5]);
        let lost = [Metric::Retry, Metric::Wasted];
        assert_eq!(lost.map(|m| mean(p, 0, m)), [Some(0.0); 2]);
        let rate = mean(p, 1, Metric::SuccessRate).unwrap();
        assert!(rate > 0.0 && rate < 1.0, "{rate}");
    }
    assert!(mean(1, 1, Metric::TaskP99) > mean(0, 1, Metric::TaskP99));
    assert_eq!(doc.policies[0].fleets[1].name, "unlucky");
    let file = summary(&doc);
    let fleet = &file["policies"][1]["fleets"]["unlucky"]["metrics"];
    assert_eq!(
        fleet["spend_usd"]["mean"].as_f64(),
        mean(1, 1, Metric::Spend)
    );
    let csv = String::from_utf8(report::fleets_csv(&doc).unwrap()).unwrap();
    assert!(
        csv.contains("\nretry,lucky,tasks_ok,count,8,4,4,4,4,4,4,4,4\n"),
        "{csv}"
    );
}

#[test]
fn a_threshold_may_be_about_one_fleet() {
    let bounds = [
        ("retry.fleets.lucky.retry <= $0", Verdict::Passed),
        ("retry.fleets.unlucky.retry <= $0", Verdict::Failed),
        (
            "none.fleets.lucky.success_rate.min >= 100%",
            Verdict::Passed,
        ),
        ("none.success_rate.min >= 100%", Verdict::Failed),
        (
            "retry.fleets.lucky.task_seconds_p999.max <= 2s",
            Verdict::Passed,
        ),
    ];
    let list = bounds.map(|(text, _)| text).join(", ");
    let text = format!("{TWO_FLEETS}thresholds: [{list}]\n");
    let doc = document(&text, 8);
    let verdicts = doc.thresholds.iter().map(|t| t.verdict);
    assert_eq!(
        verdicts.collect::<Vec<_>>(),
        bounds.map(|(_, verdict)| verdict)
    );
    assert_eq!(doc.thresholds[2].measured, Some(1.0));
    assert!(in_parts(&text, 8, 3).thresholds == doc.thresholds);
}

/// Whole numbers and multiples of a quarter of a dollar: the sums are exact.
#[test]
fn fleets_add_up_to_the_policy() {
    let doc = document(TWO_FLEETS, 8);
    let counted = [
        Metric::Spend,
        Metric::Wasted,
        Metric::Retry,
        Metric::Attempts,
        Metric::Tasks,
        Metric::TasksOk,
        Metric::TasksFailed,
        Metric::TasksUnfinished,
        Metric::DeadLettered,
    ];
    for policy in &doc.policies {
        for metric in counted {
            let parts = policy.fleets.iter().map(|f| f.metric(metric).unwrap().mean);
            let sum: Option<f64> = parts.sum();
            assert_eq!(sum, policy.metric(metric).mean, "{}", metric.key());
        }
    }
}

#[test]
fn one_fleet_alone_has_the_policys_results() {
    let text = TWO_FLEETS.replace(
        "  lucky: {agents: 2, tasks: {count: 4}, plan: [{tool: good}, {tool: good}]}\n",
        "",
    );
    let doc = document(&text, 8);
    for policy in &doc.policies {
        let [fleet] = policy.fleets.as_slice() else {
            panic!("{} fleets", policy.fleets.len());
        };
        for (metric, own) in Metric::BY_FLEET.into_iter().zip(&fleet.metrics) {
            assert_eq!(own, policy.metric(metric), "{}", metric.key());
        }
    }
    assert!(!report::comparison(&doc, 120, false).contains("--fleets"));
    let several = document(TWO_FLEETS, 2);
    assert!(report::comparison(&several, 120, false).contains("--fleets"));
}

#[test]
fn fleets_of_parts_add_up() {
    let whole = document(TWO_FLEETS, 9);
    assert!(in_parts(TWO_FLEETS, 9, 4) == whole);
}

/// The keys of a file and what is behind each, of lists the first entry.
fn form(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", form(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.first().map_or_else(String::new, form)),
        Value::Null => "-".to_owned(),
        Value::Bool(_) => "b".to_owned(),
        Value::Number(_) => "n".to_owned(),
        Value::String(_) => "s".to_owned(),
    }
}

/// Results of an earlier version were refused as damaged, because their form had changed but not its name.
///
/// Who finds another digest here has changed the form of saved results or books: where squall can no
/// longer read the old ones (another metric is enough), the number in `SCHEMA` goes up.
#[test]
fn a_form_that_changes_has_another_name() {
    let text = "name: form
tools: {tool: {latency: 1s, failures: 50%, outages: [{at: 1s, for: 1s}]}}
fleets: {f: {agents: 1, tasks: {count: 10}, plan: [{tool: tool}]}}
policies: {p: {tool: [{retry: {attempts: 3, delay: 1s}}]}, q: {}}
thresholds: [p.cut_off <= 0]
";
    let scenario = scenario(text);
    let mut books = Books::new(Frame::new(&scenario, &plan(2)), 0);
    go_on(&scenario, 2, &mut books, &Quiet);
    let result = serde_json::to_value(books.document()).unwrap();
    let bytes = books.to_bytes().unwrap();
    let books_schema = String::from_utf8_lossy(bytes.split(|b| *b == b' ').next().unwrap());
    let books = serde_json::to_value(&books).unwrap();
    let keys = |metrics: &[Metric]| {
        metrics
            .iter()
            .map(|m| m.key())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let row = keys(&Metric::ALL) + &keys(&Metric::BY_FLEET);
    let digest = |value| {
        let digest = Sha256::digest(form(value) + &row);
        let digits = digest.iter().take(4).map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    };
    let named = |schema: &str, value| format!("{schema} {}", digest(value));
    assert_eq!(named(document::SCHEMA, &result), "squall.result/2 6b6e86b0");
    assert_eq!(named(&books_schema, &books), "squall.books/2 95fce52e");
}

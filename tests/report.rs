//! The reports: the same document gives the same bytes, on every form; and the sample in
//! `output/sample/` is what `squall run scenarios/retry-storm.yaml --report` writes today.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use squall::experiment::document::Document;
use squall::experiment::{self, Metric, Plan, Progress};
use squall::{report, scenario};

const SCENARIO: &str = "scenarios/retry-storm.yaml";
/// Set it to write the sample rather than to compare it.
const RENEW: &str = "SQUALL_RENEW";

struct Unwatched;
impl Progress for Unwatched {}

fn document(replications: Option<u32>) -> Document {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = scenario::load(&root.join(SCENARIO), &[]).unwrap();
    let plan = Plan {
        seed: loaded.scenario.seed,
        replications: replications.unwrap_or(loaded.scenario.replications),
        scenario_hash: report::sha256_hex(loaded.source.as_bytes()),
        source: loaded.source,
        overrides: vec![],
    };
    experiment::run(&loaded.scenario, &plan, &Unwatched)
        .unwrap()
        .0
}

#[test]
fn the_sample_is_what_the_code_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("output/sample");
    let doc = document(None);
    let mut files = report::report_html(&[&doc]).unwrap();
    files.extend(report::report_markdown(&[&doc]).unwrap());
    files.extend(report::report_csv(&[&doc]).unwrap());
    let mut stale = vec![];
    for (name, bytes) in files {
        let path = folder.join(&name);
        if std::env::var_os(RENEW).is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, bytes).unwrap();
        } else if std::fs::read(&path).ok().as_deref() != Some(bytes.as_slice()) {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "output/sample/ is behind: {}. If the change is meant, renew it with `{RENEW}=1 cargo test \
         --test report` and look at it before you commit",
        stale.join(", ")
    );
}

#[test]
fn a_document_that_was_saved_makes_the_same_page() {
    let doc = document(Some(3));
    let saved: Document = serde_json::from_slice(&report::result_json(&doc).unwrap()).unwrap();
    let page = |doc: &Document| report::report_html(&[doc]).unwrap();
    assert!(page(&doc) == page(&saved));
    assert!(report::report_csv(&[&doc]).unwrap() == report::report_csv(&[&saved]).unwrap());
}

#[test]
fn the_parts_add_up_to_the_spend() {
    let doc = document(Some(3));
    for policy in &doc.policies {
        let spend = policy.metric(Metric::Spend).mean.unwrap();
        let parts: f64 = report::story::parts(policy).iter().map(|p| p.usd).sum();
        let outcomes: f64 = report::story::by_outcome(policy)
            .iter()
            .map(|(_, usd)| usd)
            .sum();
        assert!(
            (parts - spend).abs() < 1e-9,
            "{}: {parts} of {spend}",
            policy.name
        );
        assert!(
            (outcomes - spend).abs() < 1e-9,
            "{}: {outcomes} of {spend}",
            policy.name
        );
    }
}

#[test]
fn a_life_is_the_tasks_own() {
    let doc = document(Some(2));
    let life = doc.life.unwrap();
    assert_eq!(life.policies.len(), doc.policies.len());
    for (policy, life) in doc.policies.iter().zip(&life.policies) {
        let kept = life
            .spans
            .iter()
            .filter(|s| s.until_seconds > s.from_seconds)
            .count();
        assert!(kept <= life.attempts as usize, "{}", policy.name);
        assert_eq!(
            life.left_out > 0,
            life.attempts as usize > kept,
            "{}",
            policy.name
        );
        if life.left_out == 0 {
            let usd: f64 = life.spans.iter().map(|s| s.usd).sum();
            assert!((usd - life.usd).abs() < 1e-9);
        }
    }
}

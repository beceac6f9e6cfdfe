//! Holds every preset against what was recorded from the library it is named after.
//!
//! `tests/conformance/*.json` are the vectors (`README.md` beside them describes them), `plan.rs`
//! says which preset, with which overrides, stands for each case. A case that nothing stands for
//! is counted as not yet; one that `scope.rs` gives a reason for, as out of scope; none is left
//! out. The table goes to `docs/conformance.md`; renew it with
//! `SQUALL_RENEW=1 cargo test --test conformance`.

#![expect(
    clippy::unwrap_used,
    reason = "a vector file that is not as described is a failed test"
)]

mod common;

#[path = "conformance/buckets.rs"]
mod buckets;
#[path = "conformance/check.rs"]
mod check;
#[path = "conformance/conversations.rs"]
mod conversations;
#[path = "conformance/plan.rs"]
mod plan;
#[path = "conformance/replay.rs"]
mod replay;
#[path = "conformance/scope.rs"]
mod scope;
#[path = "conformance/tables.rs"]
mod tables;
#[path = "conformance/trip_rules.rs"]
mod trip_rules;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What came of one file.
struct Row {
    library: String,
    file: String,
    version: String,
    source: String,
    passed: usize,
    not_yet: Vec<String>,
    out: Vec<String>,
    wrong: Vec<String>,
}

fn files() -> Vec<(String, Value)> {
    let mut files = vec![];
    for entry in fs::read_dir("tests/conformance").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            files.push((stem, serde_json::from_str(&text).unwrap()));
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

fn hold(stem: &str, file: &Value) -> Row {
    let text = |key: &str| file[key].as_str().unwrap().to_owned();
    let mut row = Row {
        library: text("library"),
        file: stem.to_owned(),
        version: text("version"),
        source: text("source"),
        passed: 0,
        not_yet: vec![],
        out: vec![],
        wrong: vec![],
    };
    for case in file["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let kind = case["kind"].as_str().unwrap();
        if let Some(why) = scope::why_out(stem, id) {
            row.out.push(format!("{id} ({why})"));
            continue;
        }
        match plan::of(stem, case) {
            None => row.not_yet.push(format!("{kind} {id}")),
            Some(plan) => match check::case(&plan, case) {
                Ok(()) => row.passed += 1,
                Err(told) => row.wrong.push(format!(
                    "{stem}: {id}: {told} [{}]",
                    plan.layers.join(" > ")
                )),
            },
        }
    }
    row
}

fn table(rows: &[Row]) -> String {
    let sum = |count: fn(&Row) -> usize| rows.iter().map(count).sum::<usize>();
    let (passed, not_yet) = (sum(|r| r.passed), sum(|r| r.not_yet.len()));
    let out = sum(|r| r.out.len());
    let mut text = String::from("# Conformance\n\n");
    let _ = write!(
        text,
        "Each preset is held against vectors recorded from the library it is named after\n\
         (`tests/conformance/`, by `tests/conformance.rs`, which also writes this page). {passed} cases \
         pass,\n{not_yet} are not yet held against anything, {out} are out of scope for the reasons below; none fails, or \
         the tests would.\n\n\
         \"executed\" vectors come from running that version; \"source-reading\" and \"documentation\" \
         ones\nfrom an independent re-implementation of what was read.\n\n\
         | library | version | vectors | passed | not yet | out of scope |\n|---|---|---|---:|---:|---:|\n"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} (`{}`) | {} | {} | {} | {} | {} |",
            row.library,
            row.file,
            row.version,
            row.source,
            row.passed,
            row.not_yet.len(),
            row.out.len()
        );
    }
    let _ = writeln!(
        text,
        "| **all** | | | **{passed}** | **{not_yet}** | **{out}** |"
    );
    text.push_str("\n## Not yet\n\n");
    if not_yet == 0 {
        text.push_str("Nothing.\n");
    }
    for row in rows.iter().filter(|r| !r.not_yet.is_empty()) {
        let _ = writeln!(text, "- `{}`: {}", row.file, row.not_yet.join("; "));
    }
    text.push_str("\n## Out of scope\n\n");
    for row in rows.iter().filter(|r| !r.out.is_empty()) {
        let _ = writeln!(text, "- `{}`: {}", row.file, row.out.join("; "));
    }
    text
}

#[test]
fn presets_do_what_their_libraries_do() {
    let rows: Vec<Row> = files()
        .iter()
        .map(|(stem, file)| hold(stem, file))
        .collect();
    let text = table(&rows);
    println!("{text}");
    let wrong: Vec<&str> = rows
        .iter()
        .flat_map(|r| &r.wrong)
        .map(String::as_str)
        .collect();
    assert!(
        wrong.is_empty(),
        "{} cases differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let page = Path::new("docs/conformance.md");
    if std::env::var_os("SQUALL_RENEW").is_some() {
        fs::write(page, &text).unwrap();
    }
    let kept = fs::read_to_string(page).unwrap_or_default();
    assert!(
        kept == text,
        "{} is out of step: run with SQUALL_RENEW=1",
        page.display()
    );
}

/// Polly's breaker has no recorded trace; its preset is held against the recorded defaults.
fn polly_breaker() -> String {
    let (_, file) = files()
        .into_iter()
        .find(|(stem, _)| stem == "polly")
        .unwrap();
    let theirs = &file["parameters"]["breaker"];
    let number = |key: &str| theirs[key].as_f64().unwrap();
    let written = format!(
        "{{circuit_breaker: {{failure_rate: {}%, window: {{time: {}s, buckets: {}, begin: call}}, \
         minimum_calls: {}, decides: each_failure, open_for: {}s, on: any, ignore: none}}}}",
        number("FailureRatio") * 100.0,
        number("SamplingDuration_s"),
        number("windows"),
        number("MinimumThroughput"),
        number("BreakDuration_s"),
    );
    let name = "{circuit_breaker: polly-breaker@8}".to_owned();
    let kind = |text: &str| squall::scenario::layer(text).unwrap().kind;
    assert_eq!(kind(&name), kind(&written));
    name
}

#[test]
fn every_preset_is_held_against_something() {
    let mut held = vec![];
    for (stem, file) in files() {
        for case in file["cases"].as_array().unwrap() {
            for layer in plan::of(&stem, case)
                .into_iter()
                .flat_map(|plan| plan.layers)
            {
                let stack = squall::presets::stacks().find(|s| layer.contains(&s.full_name()));
                if let Some(stack) = stack.filter(|_| layer.starts_with("stack: ")) {
                    held.extend(stack.yaml.lines().map(str::to_owned));
                }
                held.push(layer);
            }
        }
    }
    held.push(polly_breaker());
    for preset in squall::presets::all() {
        let name = preset.full_name();
        let names_it = |layer: &&String| {
            let words: Vec<&str> = layer.split([' ', ',', '}']).collect();
            words.contains(&name.as_str())
        };
        assert!(
            held.iter().any(|layer| names_it(&layer)),
            "nothing holds {name}"
        );
    }
    for stack in squall::presets::stacks() {
        // The layers of these are held one by one, as presets.
        let name = stack.full_name();
        let is_held = held
            .iter()
            .any(|layer| layer.starts_with("stack: ") && layer.contains(&name));
        assert!(
            is_held || ["temporal", "botocore-adaptive"].contains(&stack.name),
            "nothing holds the stack {name}"
        );
    }
}

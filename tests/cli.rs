//! The program as it is typed: what it prints where, what it writes, how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

fn squall() -> Command {
    Command::new(env!("CARGO_BIN_EXE_squall"))
}

/// Runs it in the project's folder; returns exit code, stdout, stderr.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = squall().args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|e| {
            let name = e.file_name().into_string().unwrap();
            (name, fs::read(e.path()).unwrap())
        })
        .collect()
}

const HICCUP: &str = "scenarios/tool-hiccup.yaml";

#[test]
fn run_prints_a_table_and_writes_whole_files() {
    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let (code, stdout, stderr) = run(&["run", HICCUP, "--output", folder]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("zero-delay") && stdout.contains("5.10 s"),
        "{stdout}"
    );
    assert!(!stdout.contains('\u{1b}'), "no colour without a terminal");
    assert!(stderr.contains("wrote 18 files"), "{stderr}");
    let files = files(&out.path().join("tool-hiccup"));
    assert_eq!(files.len(), 18);
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    for file in manifest["files"].as_array().unwrap() {
        let bytes = &files[file["name"].as_str().unwrap()];
        assert_eq!(file["bytes"], bytes.len());
    }
}

#[test]
fn json_is_the_summary_and_nothing_else() {
    let (code, stdout, stderr) = run(&["run", HICCUP, "--json", "--no-files"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let summary: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(summary["schema"], "squall.summary/1");
    let metrics = &summary["policies"][0]["metrics"];
    assert_eq!(metrics["tool_attempts"]["mean"], 85.0);
    assert_eq!(metrics["spend_per_success_usd"]["mean"], 0.0);
    let refused = &summary["policies"][3];
    assert_eq!(
        refused["metrics"]["spend_per_success_usd"]["mean"],
        serde_json::Value::Null
    );
    assert_eq!(refused["targets"]["sandbox"]["outcomes"]["transient"], 5.0);
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let out = TempDir::new().unwrap();
    let play = |threads: &str| {
        let folder = out.path().join(threads);
        let output = folder.to_str().unwrap();
        let scenario = "scenarios/fan-out.yaml";
        let args = ["run", scenario, "--replications", "12", "--quiet"];
        let (code, stdout, _) =
            run(&[&args[..], &["--threads", threads, "--output", output]].concat());
        assert_eq!(code, 0);
        (stdout, files(&folder.join("fan-out")))
    };
    let one = play("1");
    assert!(one == play("2"), "1 and 2 threads differ");
    assert!(one == play("7"), "1 and 7 threads differ");
}

#[test]
fn policies_are_chosen_by_name_and_values_overridden() {
    let args = [
        "run",
        "scenarios/validation-retries.yaml",
        "--no-files",
        "--json",
    ];
    let set = ["--set", "fleets.workers.tasks.count=10000"];
    let (code, stdout, _) = run(&[&args[..], &set, &["--policy", "attempts-10"]].concat());
    assert_eq!(code, 0);
    let summary: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(summary["policies"].as_array().unwrap().len(), 1);
    assert_eq!(
        summary["policies"][0]["metrics"]["spend_usd"]["mean"],
        5_000.0
    );
    let (code, _, stderr) = run(&["run", HICCUP, "--policy", "zero-dlay"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("did you mean `zero-delay`?"), "{stderr}");
}

#[test]
fn mistakes_name_file_line_and_column() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.yaml");
    let text = fs::read_to_string(HICCUP).unwrap();
    let text = text.replace("latency: 60ms", "latency: 60\n    lattency: 5s");
    fs::write(&file, text.replace("agents: 1", "agents: -1")).unwrap();
    let file = file.to_str().unwrap();
    for command in ["check", "run"] {
        let (code, stdout, stderr) = run(&[command, file]);
        assert_eq!((code, stdout.as_str()), (2, ""));
        for part in [
            "`60` has no unit",
            "lattency",
            "did you mean",
            "-1",
            "bad.yaml:17:",
        ] {
            assert!(stderr.contains(part), "{command}: no {part} in\n{stderr}");
        }
    }
}

#[test]
fn check_accepts_everything_that_is_shipped() {
    let scenarios = fs::read_dir("scenarios")
        .unwrap()
        .map(|e| e.unwrap().path());
    for path in scenarios.filter(|p| p.extension().is_some_and(|e| e == "yaml")) {
        let (code, stdout, stderr) = run(&["check", path.to_str().unwrap()]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains(": ok ("));
    }
}

/// A file with a scenario of one retry.
fn one_retry(folder: &TempDir, policy: &str) -> String {
    let path = folder.path().join("one.yaml");
    let text = format!(
        "name: one\ntools: {{t: {{latency: 1s}}}}\n\
         fleets: {{f: {{agents: 2, tasks: {{count: 2}}, plan: [{{tool: t}}]}}}}\n\
         policies:\n  p: {policy}\n"
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_lint_warns_and_fails_only_if_strict() {
    let folder = TempDir::new().unwrap();
    let file = one_retry(&folder, "{tool: [{retry: {attempts: 3}}]}");
    let (code, stdout, stderr) = run(&["check", &file]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.ends_with(": ok (1 policy, 100 replications)\n"),
        "{stdout}"
    );
    assert!(
        stderr.contains("warning: no-backoff: this tries again at once"),
        "{stderr}"
    );
    assert!(stderr.contains("one.yaml:5:15"), "{stderr}");
    assert!(
        stderr.contains("one: 1 warning; `squall check --explain RULE` says more"),
        "{stderr}"
    );
    let (code, stdout, _) = run(&["check", "--strict", &file]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    let (_, _, stderr) = run(&["run", &file, "--no-files"]);
    assert!(
        stderr.contains(&format!("1 warning; `squall check {file}` shows them")),
        "{stderr}"
    );
    let (_, _, stderr) = run(&["run", &file, "--no-files", "--quiet"]);
    assert_eq!(stderr, "");
    let file = one_retry(
        &folder,
        "{tool: [{retry: {attempts: 3}, allow: [no-backoff]}]}",
    );
    assert_eq!(run(&["check", "--strict", &file]).0, 0);
    let file = one_retry(&folder, "{allow: [no-cap], tool: [{timeout: 9s}]}");
    let (code, _, stderr) = run(&["check", "--strict", &file]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("this `allow` never acts: `no-cap` finds nothing here"),
        "{stderr}"
    );
}

#[test]
fn check_explains_its_rules() {
    let (code, stdout, _) = run(&["check", "--explain", "no-jitter"]);
    assert_eq!(code, 0);
    assert!(
        stdout.starts_with("no-jitter: a backoff without jitter"),
        "{stdout}"
    );
    assert!(
        stdout.contains("What to do: add `jitter: full`"),
        "{stdout}"
    );
    let (code, _, stderr) = run(&["check", "--explain", "no-jiter"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("there is no rule `no-jiter`; did you mean `no-jitter`?"),
        "{stderr}"
    );
}

#[test]
fn check_has_a_form_for_machines() {
    let folder = TempDir::new().unwrap();
    let file = one_retry(&folder, "{tool: [{retry: {attempts: 3}}]}");
    let bad = folder.path().join("bad.yaml");
    fs::write(&bad, "name: bad\n").unwrap();
    let (code, stdout, stderr) = run(&[
        "check",
        "--format",
        "json",
        &file,
        bad.to_str().unwrap(),
        "nowhere.yaml",
    ]);
    assert_eq!((code, stderr.as_str()), (4, ""));
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["version"], 1);
    let status = |i: usize| document["files"][i]["status"].as_str().unwrap();
    assert_eq!([status(0), status(1), status(2)], ["ok", "wrong", "unread"]);
    let found = &document["files"][0]["findings"][0];
    assert_eq!(found["rule"], "no-backoff");
    assert_eq!(
        (found["line"].as_u64(), found["column"].as_u64()),
        (Some(5), Some(15))
    );
    assert_eq!(found["policies"], serde_json::json!(["p"]));
    assert_eq!(document["files"][1]["findings"][0]["severity"], "error");
}

#[test]
fn exit_codes_say_what_happened() {
    let threshold = |text: &str| {
        let set = format!("thresholds=[\"{text}\"]");
        let (code, ..) = run(&["run", HICCUP, "--no-files", "--set", &set]);
        code
    };
    assert_eq!(threshold("zero-delay.end_seconds < 6"), 0);
    assert_eq!(threshold("zero-delay.end_seconds < 5"), 1);
    assert_eq!(threshold("breaker.spend_per_success_usd < $1"), 3);
    assert_eq!(run(&["run"]).0, 2);
    assert_eq!(run(&["fly"]).0, 2);
    assert_eq!(run(&["run", "nowhere.yaml"]).0, 4);
    let file = TempDir::new().unwrap();
    let blocked = file.path().join("file");
    fs::write(&blocked, "").unwrap();
    let (code, stdout, stderr) = run(&["run", HICCUP, "--output", blocked.to_str().unwrap()]);
    assert_eq!(
        (code, stdout.as_str()),
        (4, ""),
        "nothing is played for nothing"
    );
    assert!(stderr.contains("tool-hiccup"), "{stderr}");
    assert_eq!(run(&["trace", HICCUP, "--replication", "100"]).0, 2);
}

#[test]
fn thresholds_on_policies_that_are_left_out_are_named() {
    let set = "thresholds=[zero-delay.attempts < 1, breaker.attempts < 1000]";
    let args = ["run", HICCUP, "--no-files", "--set", set];
    assert_eq!(run(&args).0, 1);
    let (code, _, stderr) = run(&[&args[..], &["--policy", "breaker"]].concat());
    let told = "note: not judged, because their policies are not played: zero-delay.attempts < 1";
    assert_eq!(code, 0);
    assert!(stderr.lines().any(|line| line == told), "{stderr}");
}

#[test]
fn a_trace_has_one_row_an_attempt_in_three_forms() {
    let trace = |format: &str| {
        let (code, stdout, _) = run(&[
            "trace",
            HICCUP,
            "--policy",
            "exponential",
            "--format",
            format,
        ]);
        assert_eq!(code, 0);
        stdout
    };
    let csv = trace("csv");
    assert_eq!(csv.lines().count(), 1 + 4);
    assert!(
        csv.lines()
            .nth(2)
            .unwrap()
            .starts_with("1.06,1.12,agent,0,0,0,0,2,0,tool[0] retry,tool,sandbox")
    );
    let jsonl = trace("jsonl");
    let rows: Vec<serde_json::Value> = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[3]["outcome"], "ok");
    let chrome: serde_json::Value = serde_json::from_str(&trace("chrome")).unwrap();
    let slices = chrome["traceEvents"].as_array().unwrap().iter();
    assert_eq!(slices.filter(|e| e["ph"] == "X").count(), 4);
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    let args = [
        "trace",
        "scenarios/retry-storm.yaml",
        "--policy",
        "hand-rolled",
    ];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_report_is_made_by_run_and_again_from_its_result() {
    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let args = [
        "run",
        HICCUP,
        "--output",
        folder,
        "--replications",
        "2",
        "--report",
        "--quiet",
    ];
    assert_eq!(run(&args).0, 0);
    let result = out.path().join("tool-hiccup");
    let page = fs::read(result.join("report.html")).unwrap();
    fs::remove_file(result.join("report.html")).unwrap();
    let (code, stdout, stderr) = run(&["report", result.to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert!(fs::read(result.join("report.html")).unwrap() == page);
    let elsewhere = out.path().join("elsewhere");
    for (format, file) in [("markdown", "report.md"), ("csv", "report.csv")] {
        let to = elsewhere.to_str().unwrap();
        let json = result.join("result.json");
        let args = [
            "report",
            json.to_str().unwrap(),
            "--format",
            format,
            "--output",
            to,
        ];
        assert_eq!(run(&args).0, 0);
        assert!(elsewhere.join(file).exists(), "{file}");
    }
}

#[test]
fn what_is_no_result_is_said_and_ends_with_2_and_what_is_missing_with_4() {
    let out = TempDir::new().unwrap();
    let cases = [
        ("text", "hello", "this is no JSON"),
        ("other", "{\"schema\": 3}", "this is no result of squall's"),
        (
            "newer",
            "{\"schema\": \"squall.result/99\"}",
            "this squall reads `squall.result/2`",
        ),
        (
            "summary",
            "{\"schema\": \"squall.summary/1\"}",
            "not the result itself",
        ),
        (
            "half",
            "{\"schema\": \"squall.result/2\"}",
            "the result is damaged",
        ),
    ];
    for (name, content, expected) in cases {
        let path = out.path().join(name);
        fs::write(&path, content).unwrap();
        let (code, _, stderr) = run(&["report", path.to_str().unwrap()]);
        assert_eq!(code, 2, "{name}");
        assert!(
            stderr.contains(expected) && stderr.contains("help: "),
            "{stderr}"
        );
    }
    assert_eq!(
        run(&["report", out.path().join("none").to_str().unwrap()]).0,
        4
    );
    let output = squall()
        .arg("report")
        .current_dir(out.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("make one with `squall run FILE`"));
}

#[test]
fn verify_says_theirs_and_ours() {
    let (code, text, _) = run(&["verify", "--filter", "1,026 calls"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("$33.86") && text.contains("$33.858"),
        "{text}"
    );
    assert!(
        text.contains("1 of 1 claims reproduced; none failed"),
        "{text}"
    );
    let (code, _, told) = run(&["verify", "--filter", "nobody claims this"]);
    assert_eq!(code, 2);
    assert!(
        told.contains("no claim has `nobody claims this` in it"),
        "{told}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_a_failure() {
    for flag in ["--help", "--version"] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_squall"));
        let child = command
            .arg(flag)
            .stdout(full)
            .stderr(std::process::Stdio::piped());
        let output = child.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{flag}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("error: stdout: "), "{told}");
    }
}

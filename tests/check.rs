//! Scenario files, good and bad, through the library's front door.
//!
//! `data/mistakes.txt` holds small changes of a sound scenario and what each must be told; the
//! tests here add whole files, and files that are hostile rather than wrong.

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use squall::scenario::{self, Arrivals, Loaded, Problems};

const GOOD: &str = include_str!("data/tool-hiccup.yaml");
const MISTAKES: &str = include_str!("data/mistakes.txt");

fn check(text: &str) -> Result<Loaded, Problems> {
    scenario::parse(text, "s.yaml", Path::new("scenarios"), &[])
}

/// What was found, one `line:column: message` each.
fn found(result: Result<Loaded, Problems>) -> String {
    let diagnostics = match result {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems.diagnostics,
    };
    let line = |d: &scenario::Diagnostic| format!("{}:{}: {}", d.line, d.column, d.message);
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sketch_is_sound() {
    let loaded = check(GOOD).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.source, GOOD);
    let scenario = loaded.scenario;
    assert_eq!(scenario.targets.len(), 2);
    assert_eq!(
        scenario.policies[1].tool.others[2].label,
        "by-the-book.tool[2] retry"
    );
}

#[test]
fn each_mistake_is_found_where_it_is() {
    let mut seen = 0;
    for block in MISTAKES
        .split("\n\n")
        .filter(|block| !block.trim().is_empty())
    {
        let (change, expected) = block.trim_start_matches('\n').split_once('\n').unwrap();
        let (to, expected) = expected.split_once('\n').unwrap();
        let from = change.replace("\\n", "\n");
        let to = to.strip_prefix("=> ").unwrap().replace("\\n", "\n");
        assert!(GOOD.contains(&from), "{from}");
        let result = check(&GOOD.replacen(&from, &to, 1));
        assert!(result.is_err(), "{from} => {to}");
        assert_eq!(found(result), expected.trim_end(), "{from} => {to}");
        seen += 1;
    }
    assert!(seen >= 90, "{seen}");
}

#[test]
fn files_that_are_no_scenarios_are_told_so() {
    let cases = [
        ("", "1:1: there is nothing in it"),
        ("# nothing\n", "1:1: there is nothing in it"),
        ("---\n", "1:4: expected a scenario, found nothing"),
        ("[1]", "1:1: expected a scenario, found a list"),
        ("12", "1:1: expected a scenario, found a number"),
        ("name: [", "1:7: unclosed bracket '['"),
        ("name: a\n\tseed: 3\n", "2:1: a tab cannot indent"),
        ("name: a\n  b: c\n", "2:4: a key cannot stand here"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document begins here"),
        ("\0\u{1}\u{2}", "1:1: unexpected character: `\\u{0}'"),
        (
            "%YAML 1.1\n---\na: 1\n",
            "1:1: YAML directives are disallowed",
        ),
        ("a: *x\n", "1:4: while parsing node, found unknown anchor"),
        ("a: &x [*x]", "1:8: this alias stands inside its own anchor"),
        ("? [a]\n: b\n", "1:3: a key must be text"),
    ];
    for (text, expected) in cases {
        assert_eq!(found(check(text)), expected, "{text:?}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_its_order() {
    let text = GOOD
        .replace("seed: 7", "sed: 7")
        .replace("rate: 10%", "rate: 110%")
        .replace("tool: sandbox", "tool: sandbx")
        .replace("attempts: 5", "attempts: none")
        .replace("< $40", "< $-4");
    let expected = "3:1: unknown key `sed`\n\
                    19:22: `110%` is more than 100%\n\
                    33:15: unknown tool `sandbx`\n\
                    47:27: `none` is not a whole number\n\
                    54:5: `$-4` is negative";
    assert_eq!(found(check(&text)), expected);
    let shown = check(&text).unwrap_err().render(false);
    assert!(shown.contains("s.yaml:33:15"), "{shown}");
    assert!(shown.contains("33 |       - tool: sandbx\n"), "{shown}");
    assert!(shown.contains("help: did you mean `sandbox`?"), "{shown}");
}

#[test]
fn positions_survive_windows_line_ends_and_wide_characters() {
    let text = GOOD
        .replace("A five-second", "Ä 五-second")
        .replace("rate: 10%", "rate: 110%");
    let expected = "19:22: `110%` is more than 100%";
    assert_eq!(found(check(&text)), expected);
    assert_eq!(found(check(&text.replace('\n', "\r\n"))), expected);
    assert_eq!(found(check(&format!("\u{feff}{text}"))), expected);
}

#[test]
fn an_override_is_checked_like_the_file() {
    let set = |text: &str| scenario::parse(GOOD, "s.yaml", Path::new(""), &[text.to_owned()]);
    let loaded = set("tools.sandbox.failures.rate=20%").unwrap();
    assert_eq!(loaded.scenario.targets[1].failures.rate.0, 200_000);
    let wrong = |text: &str| set(text).unwrap_err().to_string();
    assert_eq!(
        wrong("policies.by-the-book.tool.2.retry.attempts=0"),
        "--set:1:44: 0 is too few: at least 1 is needed"
    );
    assert_eq!(
        wrong("tools.sandbx.cancels=true"),
        "--set:1:7: there is no `sandbx` in `tools` (did you mean `sandbox`?)"
    );
    assert_eq!(
        wrong("tools.sandbox.cancls=true"),
        "--set:1:15: unknown key `cancls` (did you mean `cancels`?)"
    );
    assert_eq!(
        wrong("tools.sandbox.failures={rate: 3}"),
        "--set:1:31: `3` is not a share (write a share in percent, from `0%` to `100%`, such as `12.5%`)"
    );
}

#[test]
fn plans_and_fleets_have_bounds() {
    let step = "- tool: sandbox";
    let plan = |steps: &str| {
        found(check(
            &GOOD.replace(step, &format!("{steps}\n      {step}")),
        ))
    };
    let many = ["- wait: 1s"; 1000].join("\n      ");
    assert_eq!(
        plan(&many),
        "29:5: this plan has 1003 steps: at most 1000 are allowed"
    );
    let deep = format!(
        "- {}wait: 1s{}",
        "{repeat: 2, steps: [".repeat(16),
        "]}".repeat(16)
    );
    let deep = deep.replace("[wait: 1s]", "[{wait: 1s}]");
    assert!(
        plan(&deep).ends_with("this is nested more than 16 deep"),
        "{}",
        plan(&deep)
    );
    let (head, tail) = GOOD.split_once("  workers:\n").unwrap();
    let (fleet, tail) = tail.split_once("\npolicies:").unwrap();
    let fleets: String = (0..256).map(|i| format!("  f{i}:\n{fleet}")).collect();
    let told = found(check(&format!("{head}{fleets}\npolicies:{tail}")));
    assert!(
        told.ends_with("this is one fleet too many: at most 255 are allowed"),
        "{told}"
    );
    let policies: String = (0..257).map(|i| format!("  p{i}: {{}}\n")).collect();
    let (head, _) = GOOD.split_once("\npolicies:").unwrap();
    let told = found(check(&format!("{head}\npolicies:\n{policies}")));
    assert!(
        told.ends_with("this is one policy too many: at most 256 are compared"),
        "{told}"
    );
}

#[test]
fn hostile_files_are_refused_at_once() {
    let deep = "[".repeat(100_000);
    assert_eq!(
        found(check(&deep)),
        "1:65: this is nested more than 64 deep"
    );
    let deep = "- ".repeat(100_000);
    assert!(found(check(&deep)).ends_with("this is nested more than 64 deep"));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..30 {
        let before = format!("*a{}", i - 1);
        bomb += &format!("a{i}: &a{i} [{}]\n", vec![before; 10].join(", "));
    }
    let told = found(check(&bomb));
    assert!(
        told.contains("there are more than 50000 values up to here"),
        "{told}"
    );
    let wide = format!("name: {}\n", "x".repeat(900_000));
    assert!(found(check(&wide)).contains("this cannot be the name of a folder"));
    let many: String = (0..30_000).map(|i| format!("k{i}: 1\n")).collect();
    let problems = check(&many).unwrap_err();
    assert!(problems.render(false).ends_with("more\n"));
}

#[test]
fn a_file_of_a_hundred_megabytes_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.yaml");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(100 << 20).unwrap();
    let problems = scenario::load(&path, &[]).unwrap_err();
    let told = problems.to_string();
    assert!(
        told.ends_with("the file has 104,857,600 bytes: at most 1,048,576 are read"),
        "{told}"
    );
    assert!(!problems.unreadable);
    assert!(
        scenario::load(&folder.path().join("none"), &[])
            .unwrap_err()
            .unreadable
    );
    std::fs::File::create(&path)
        .unwrap()
        .write_all(b"a: \xff")
        .unwrap();
    let told = scenario::load(&path, &[]).unwrap_err().to_string();
    assert!(
        told.ends_with("the file is not UTF-8 text: byte 4 of line 1 is wrong"),
        "{told}"
    );
}

#[test]
fn the_shipped_traces_are_read() {
    for (file, last) in [("chat", 424), ("code", 853)] {
        let tasks = format!("tasks: {{trace: data/azure-llm-2023-{file}.csv}}");
        let text = GOOD
            .replace("tasks: {count: 1000}", &tasks)
            .replace("prompt: 1200", "prompt: trace");
        let fleet = check(&text).unwrap().scenario.fleets.remove(0);
        assert_eq!(fleet.tasks.count, Some(2000));
        let Arrivals::Trace(rows) = fleet.tasks.arrivals else {
            panic!("no trace");
        };
        assert_eq!(rows.len(), 2000);
        assert_eq!(rows[0].at.0, 0);
        assert_eq!(rows[1999].at.0 / 1_000_000_000, last);
    }
}

#[test]
fn an_allow_names_rules() {
    let layer = |allow: &str| {
        found(check(&GOOD.replace(
            "- timeout: 30s",
            &format!("- {{timeout: 30s, allow: {allow}}}"),
        )))
    };
    assert_eq!(layer("[no-jiter]"), "49:32: unknown rule `no-jiter`");
    assert_eq!(
        layer("no-jitter"),
        "49:31: expected a list of rules, found text"
    );
    let idle = "49:32: this `allow` never acts: `no-jitter` finds nothing here";
    assert_eq!(layer("[no-jitter]"), idle);
    let policy = GOOD.replace(
        "  by-the-book:\n",
        "  by-the-book:\n    allow: [no-cap, x]\n",
    );
    assert!(found(check(&policy)).ends_with(": unknown rule `x`"));
    // A layer is still one layer.
    let two = GOOD.replace(
        "- timeout: 30s",
        "- {timeout: 30s, concurrency: {max: 1}, allow: []}",
    );
    assert!(found(check(&two)).contains("`concurrency` is one too many"));
}

#[test]
fn a_dropped_request_needs_a_timeout() {
    let text = GOOD.replace("queue: 100", "queue: 100, when_full: drop");
    let expected = "40:3: policy `hand-rolled` has no timeout: it waits for ever when `sandbox` \
                    drops a request";
    assert!(check(&text).is_ok());
    assert_eq!(found(check(&text)), expected);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = check(&String::from_utf8_lossy(&bytes)).map_err(|p| p.render(true));
    }

    #[test]
    fn random_yaml_never_panics(text in "[-a-c0-9:,?&*!|>{}\\[\\]'\"%#~ \n\t]{0,80}") {
        let _ = check(&text).map_err(|p| p.render(false));
    }

    #[test]
    fn random_changes_never_panic(
        changes in proptest::collection::vec((0..GOOD.len(), 0..30usize, "[-a-z0-9:,{}$%/\\[\\] \n]{0,6}"), 1..6),
        path in "[a-z.0-9]{0,30}",
        value in "[a-z0-9:,{}%\\[\\] ]{0,10}",
    ) {
        let mut text = GOOD.to_owned();
        for (at, length, with) in changes {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &with);
        }
        let set = format!("{path}={value}");
        let result = scenario::parse(&text, "s.yaml", Path::new(""), &[set]);
        let _ = result.map_err(|p| p.render(false));
    }
}

#[test]
fn what_new_users_write_is_answered_with_what_to_write() {
    let help = |text: &str| {
        let problems = check(text).expect_err("it is wrong");
        problems.diagnostics[0].to_string()
    };
    let layers = |text: &str| {
        format!(
            "name: x\nhorizon: 1h\ntools: {{s: {{latency: 1s}}}}\nfleets: {{f: {{agents: 1, tasks: \
             {{count: 2}}, plan: [{{tool: s}}]}}}}\npolicies: {{a: {{{text}}}}}\n"
        )
    };
    let list = "layers are a list, also where there is one (begin each with a dash";
    assert!(help(&layers("tool: {retry: {attempts: 3}}")).contains(list));
    assert!(help(&layers("turn: {timeout: 3s}")).contains(list));
    assert!(help(&layers("tool: [{retry: 3}]")).contains("write `retry: {attempts: 3}`"));
    assert!(help(&layers("tool: [{retries: {}}]")).contains("did you mean `retry`?"));
    let bound = |text: &str| format!("{}thresholds: [{text}]\n", layers(""));
    assert!(help(&bound("a.success_rate > 99")).contains("a share of 1, never more"));
    assert!(help(&bound("a.spend.p90 < $3")).contains("known statistics: mean, p50, p95"));
    assert!(check(&bound("a.amplification < 1.5x")).is_ok());
}

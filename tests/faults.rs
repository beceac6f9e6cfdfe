//! What the machine can do to a run: full disks, closed pipes, narrow terminals, kills, and numbers
//! so large that a run must stop by itself.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");
const HICCUP: &str = "scenarios/tool-hiccup.yaml";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A command of the shell, with the program as `$SQUALL`.
fn shell(line: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env("SQUALL", SQUALL);
    shell.output().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |e: std::io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
    entries.map(name).collect()
}

#[test]
fn stdout_on_a_full_disk_is_said() {
    for command in ["run --no-files", "run --no-files --json", "trace", "check"] {
        let output = shell(&format!("$SQUALL {command} {HICCUP} > /dev/full"));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{command}: {stderr}");
        assert!(
            stderr.contains("stdout: No space left"),
            "{command}: {stderr}"
        );
    }
}

#[test]
fn files_on_a_full_disk_leave_nothing_half_written() {
    let out = TempDir::new().unwrap();
    let folder = out.path().display();
    // Blocks of 512 bytes: the summary fits, a picture does not. The signal would kill the shell's
    // child, so it is ignored, as a full disk sends none.
    let line = format!("trap '' XFSZ; ulimit -f 40; exec $SQUALL run {HICCUP} --output {folder}");
    let output = shell(&line);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(
        stderr.contains("error: ") && stderr.contains("too large"),
        "{stderr}"
    );
    assert!(
        text(&output.stdout).contains("zero-delay"),
        "the table is printed all the same"
    );
    let left = names(&out.path().join("tool-hiccup"));
    assert!(left.iter().all(|name| !name.ends_with(".part")), "{left:?}");
    assert!(
        !left.contains(&"manifest.json".to_owned()),
        "the manifest comes last"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let out = TempDir::new().unwrap();
    let locked = out.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let may_write_all_the_same = fs::write(locked.join("probe"), "").is_ok();
    // Whoever is root may write anywhere but here.
    let locked = if may_write_all_the_same {
        Path::new("/proc/squall")
    } else {
        &locked
    };
    let output = shell(&format!(
        "$SQUALL run {HICCUP} --output {}",
        locked.display()
    ));
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains(&locked.display().to_string()), "{stderr}");
}

#[test]
fn readers_who_leave_early_are_no_error() {
    for command in [
        "run --no-files",
        "run --no-files --json",
        "trace",
        "presets",
    ] {
        let file = if command == "presets" {
            ""
        } else {
            "scenarios/retry-storm.yaml"
        };
        let mut child = Command::new(SQUALL)
            .args(command.split(' '))
            .args((!file.is_empty()).then_some(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {stderr}");
        assert!(!stderr.contains("error"), "{command}: {stderr}");
    }
}

#[test]
fn without_any_terminal_it_runs() {
    let line = format!("env -i $SQUALL run {HICCUP} --no-files <&- 2>&-");
    let output = shell(&line);
    assert_eq!(output.status.code(), Some(0));
    let table = text(&output.stdout);
    assert!(
        table.contains("zero-delay") && !table.contains('\u{1b}'),
        "{table}"
    );
}

#[test]
fn an_interrupted_run_marks_what_it_saved_and_goes_on() {
    let out = TempDir::new().unwrap();
    let args = [
        "run",
        "scenarios/fan-out.yaml",
        "--replications",
        "100000",
        "--output",
    ];
    let mut command = Command::new(SQUALL);
    command.args(args).arg(out.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let saved = out.path().join("fan-out/unfinished.books");
    // Two minutes at the most: a save is due after a second.
    for _ in 0..12_000 {
        if saved.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(shell(&format!("kill -INT {}", child.id())).status.success());
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stdout.contains("of 100000 replications were run"),
        "{stdout}"
    );
    assert!(stderr.contains("--resume goes on from here"), "{stderr}");
    assert!(saved.exists(), "what it had is kept");
    let summary = fs::read_to_string(out.path().join("fan-out/summary.json")).unwrap();
    assert!(summary.contains("interrupted: "), "{summary}");
}

#[test]
fn an_interrupted_verification_says_how_far_it_came() {
    let mut command = Command::new(SQUALL);
    command.arg("verify");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(shell(&format!("kill -INT {}", child.id())).status.success());
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{stdout}{stderr}");
    let last = stdout.lines().last().unwrap();
    assert!(last.starts_with("interrupted "), "{last}");
    assert!(stderr.contains("claims were judged"), "{stderr}");
    // What it says of what it judged is what it would have said without the others.
    let rows = stdout.lines().filter(|l| l.ends_with("  ok")).count();
    if rows > 0 {
        let said = format!("after {rows} of ");
        assert!(last.contains(&said), "{last}");
        let said = format!(": {rows} of {rows} claims reproduced; none failed");
        assert!(last.ends_with(&said), "{last}");
    }
}

/// A scenario of one tool, one plan, with what is given in place of agents and tasks.
fn endless(folder: &Path, horizon: &str, fleets: &str) -> String {
    let path = folder.join("endless.yaml");
    let text = format!(
        "name: endless
horizon: {horizon}
max_events: 200k
replications: 1
tools: {{tool: {{latency: 10ms, failures: 50%}}}}
fleets:
{fleets}
policies: {{none: {{}}, retry: {{tool: [{{retry: {{attempts: unlimited, delay: 0s}}}}]}}}}
"
    );
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn fleet(name: &str, agents: &str, tasks: &str) -> String {
    format!("  {name}: {{agents: {agents}, tasks: {{{tasks}}}, plan: [{{tool: tool}}]}}\n")
}

/// Runs it with at most 3 GB of address space; returns what it says.
fn bounded(file: &str) -> (i32, String) {
    let line = format!("ulimit -v 3000000; exec $SQUALL run {file} --no-files --threads 1 2>&1");
    let output = shell(&line);
    (output.status.code().unwrap_or(-1), text(&output.stdout))
}

#[test]
fn numbers_beyond_reason_are_refused_with_their_place() {
    let dir = TempDir::new().unwrap();
    let cases = [
        ("1h", fleet("f", "4000000000", "count: 10"), "agents"),
        ("1h", fleet("f", "1", "count: 1000000000000000000"), "count"),
        ("1000y", fleet("f", "1", "count: 1"), "horizon"),
        ("1h", fleet("f", "unlimited", "count: 4000000001"), "tasks"),
        (
            "1h",
            fleet("f", "1", "arrivals: {poisson: 1000000000000000000000/s}"),
            "poisson",
        ),
    ];
    for (horizon, fleets, what) in cases {
        let file = endless(dir.path(), horizon, &fleets);
        let (code, said) = bounded(&file);
        assert_eq!(code, 2, "{what}: {said}");
        assert!(said.contains("endless.yaml:"), "{what}: {said}");
    }
}

#[test]
fn a_run_away_scenario_stops_and_says_so() {
    let dir = TempDir::new().unwrap();
    let cases = [
        ("1h", fleet("f", "10", "count: 4000000000")),
        ("500d", fleet("f", "1", "arrivals: {poisson: 1000000/s}")),
        (
            "150000d",
            fleet("f", "unlimited", "arrivals: {poisson: 1/s}"),
        ),
        (
            "500d",
            fleet("f", "unlimited", "arrivals: {every: 1000000/s}"),
        ),
    ];
    for (horizon, fleets) in cases {
        let file = endless(dir.path(), horizon, &fleets);
        let (code, said) = bounded(&file);
        assert_eq!(code, 0, "{fleets}: {said}");
        let words: Vec<&str> = said.split_whitespace().collect();
        let said = words.join(" ");
        assert!(
            said.contains("cut off by max_events (200000)"),
            "{fleets}: {said}"
        );
    }
}

/// A trace was put in the place of whatever was there: of a link, a pipe, a device.
#[test]
fn a_trace_is_written_through_a_link() {
    let dir = TempDir::new().unwrap();
    let (link, file) = (dir.path().join("link"), dir.path().join("file"));
    fs::write(&file, "before").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let mut trace = Command::new(SQUALL);
    trace.args(["trace", HICCUP, "--output"]).arg(&link);
    assert!(trace.status().unwrap().success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .starts_with("start_seconds")
    );
}

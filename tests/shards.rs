//! Runs in parts: shards that are merged, runs that were killed and went on. The bytes are those of
//! the whole run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A scenario of short runs, in which policies differ, and some values are missing now and then.
const SMALL: &str = "name: small
horizon: 1m
tools:
  tool: {latency: {exponential: {mean: 100ms}}, failures: 30%, price: $0.001}
fleets:
  f: {agents: 3, tasks: {count: 4}, plan: [{tool: tool}, {tool: tool}]}
policies:
  none: {}
  retry: {tool: [{retry: {attempts: 3, backoff: {exponential: {base: 50ms}, jitter: full}}}]}
thresholds: [retry.success_rate > 0.5]
";

struct Place {
    folder: TempDir,
    scenario: PathBuf,
}

impl Place {
    fn new() -> Place {
        let folder = TempDir::new().unwrap();
        let scenario = folder.path().join("small.yaml");
        fs::write(&scenario, SMALL).unwrap();
        Place { folder, scenario }
    }

    /// `squall run` of the scenario into a folder of that name, ready to be started.
    fn run(&self, output: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.arg("run").arg(&self.scenario).args(args);
        command.arg("--output").arg(self.folder.path().join(output));
        command
    }

    fn merge(&self, output: &str, shards: &[PathBuf]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.arg("merge").args(shards);
        command.arg("--output").arg(self.folder.path().join(output));
        command
    }

    fn files(&self, output: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.folder.path().join(output).join("small")).unwrap();
        let file = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        };
        entries.map(|e| file(e.unwrap().path())).collect()
    }

    fn shards(&self, output: &str, replications: &str, n: u32) -> Vec<PathBuf> {
        let shard = |k: u32| {
            let part = format!("{k}/{n}");
            let args = ["--replications", replications, "--shard", &part];
            let (code, stdout, stderr) = ended(&mut self.run(output, &args));
            assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
            let folder = self.folder.path().join(output).join("small");
            folder.join(format!("shard-{k}-of-{n}.books"))
        };
        (1..=n).map(shard).collect()
    }
}

/// Exit code, stdout, stderr.
fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

fn same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for (name, bytes) in one {
        assert!(bytes == &other[name], "{name} differs");
    }
}

#[test]
fn merged_shards_are_the_whole_run() {
    let place = Place::new();
    // Below and above the number of replications that are kept one by one.
    // Of six shards of four replications the first is empty, and so is the fourth.
    for (replications, parts) in [("37", 5), ("4500", 3), ("4", 6)] {
        let whole = format!("whole-{replications}");
        let args = ["--replications", replications];
        let (code, table, _) = ended(&mut place.run(&whole, &args));
        assert_eq!(code, 0);
        let mut shards = place.shards(&format!("parts-{replications}"), replications, parts);
        shards.reverse();
        let merged = format!("merged-{replications}");
        let (code, merged_table, stderr) = ended(&mut place.merge(&merged, &shards));
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(table, merged_table);
        same(&place.files(&whole), &place.files(&merged));
    }
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let place = Place::new();
    let shards = place.shards("a", "9", 3);
    let refused = |shards: &[PathBuf], part: &str| {
        let (code, stdout, stderr) = ended(&mut place.merge("out", shards));
        assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
        assert!(
            stderr.contains(part) && stderr.contains("help:"),
            "{stderr}"
        );
    };
    let [one, two, three] = [0, 1, 2].map(|i| shards[i].clone());
    refused(
        &[one.clone(), three.clone()],
        "replications 3 to 5 are missing",
    );
    refused(
        &[one.clone(), two.clone()],
        "replications 6 to 8 are missing",
    );
    refused(&[two.clone(), three.clone()], "begins with replication 3");
    refused(
        &[one.clone(), one.clone(), two],
        "replication 0 is there twice",
    );
    let other = place.shards("b", "10", 3);
    refused(
        &[one.clone(), other[1].clone(), three],
        "the number of replications: 9 here, 10 there",
    );
    let mut bytes = fs::read(&one).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&one, &bytes).unwrap();
    refused(std::slice::from_ref(&one), "is damaged");
    fs::write(&one, &bytes[..40]).unwrap();
    refused(std::slice::from_ref(&one), "is damaged");
    fs::write(&one, "{}").unwrap();
    refused(&[one], "is not a file of");
}

/// Starts a run and kills it as soon as it has saved something; says whether it had.
fn killed(mut command: Command, saved: &Path) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let before = fs::read(saved).ok();
    let mut child = command.spawn().unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if saved.exists() && fs::read(saved).ok() != before {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bytes() {
    let place = Place::new();
    // Long enough to be killed twice, as it saves once a second.
    let mut replications = 20_000;
    let saved = place.folder.path().join("killed/small/unfinished.books");
    loop {
        let n = replications.to_string();
        let first = place.run("killed", &["--replications", &n]);
        if killed(first, &saved) {
            break;
        }
        replications *= 4;
    }
    let n = replications.to_string();
    let args = ["--replications", &n];
    killed(
        place.run("killed", &["--replications", &n, "--resume"]),
        &saved,
    );
    if saved.exists() {
        let wrong = ["--replications", &n, "--resume", "--seed", "9"];
        let (code, _, stderr) = ended(&mut place.run("killed", &wrong));
        assert_eq!(code, 4, "{stderr}");
        assert!(stderr.contains("the seed: 1 here, 9 there"), "{stderr}");
    }
    let (code, _, stderr) = ended(&mut place.run("killed", &[&args[..], &["--resume"]].concat()));
    assert_eq!(code, 0, "{stderr}");
    assert!(!saved.exists(), "what is finished is not kept");
    assert_eq!(ended(&mut place.run("whole", &args)).0, 0);
    same(&place.files("whole"), &place.files("killed"));
}

/// A scenario that reads a list and a trace.
const READS: &str = "name: small
horizon: 1m
tools:
  tool: {latency: {empirical: times.csv}}
fleets:
  f: {agents: 3, tasks: {trace: trace.csv, limit: 2}, plan: [{tool: tool}]}
policies:
  none: {}
";
const TIMES: &str = "0.1\n0.2\n";
const TRACE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.0,374,44
2023-11-16 18:15:47.0,396,109
2023-11-16 18:15:48.0,879,55
";

#[test]
fn files_that_changed_between_parts_are_refused() {
    let place = Place::new();
    let write = |name: &str, text: &str| fs::write(place.folder.path().join(name), text).unwrap();
    write("small.yaml", READS);
    write("times.csv", TIMES);
    write("trace.csv", TRACE);
    let args = ["--replications", "40"];
    let before = place.shards("before", "40", 2);
    let whole = ended(&mut place.run("whole", &args));
    assert_eq!(whole.0, 0, "{}", whole.2);
    // Other contents, also where nothing is read of them; then the old ones again.
    for (name, text, changed) in [
        ("times.csv", TIMES, "0.1\n0.3\n".to_owned()),
        ("trace.csv", TRACE, TRACE.replace("879", "880")),
    ] {
        write(name, &changed);
        let after = place.shards("after", "40", 2);
        let parts = [before[0].clone(), after[1].clone()];
        let (code, stdout, stderr) = ended(&mut place.merge("out", &parts));
        assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
        let contents = format!("the contents of `{name}` (SHA-256): ");
        assert!(
            stderr.contains(&contents) && stderr.contains("help:"),
            "{stderr}"
        );
        // What another run left of its books is refused in the same way.
        let left = place.folder.path().join("resumed/small");
        fs::create_dir_all(&left).unwrap();
        let unfinished = left.join("unfinished-shard-1-of-2.books");
        fs::copy(&before[0], &unfinished).unwrap();
        let resumed = ["--replications", "40", "--shard", "1/2", "--resume"];
        let (code, _, stderr) = ended(&mut place.run("resumed", &resumed));
        assert_eq!(code, 4, "{stderr}");
        assert!(stderr.contains(&contents), "{stderr}");
        write(name, text);
        let (code, _, stderr) = ended(&mut place.run("resumed", &resumed));
        assert_eq!(code, 0, "{stderr}");
    }
    let again = place.shards("again", "40", 2);
    let parts = [before[0].clone(), again[1].clone()];
    let (code, table, stderr) = ended(&mut place.merge("merged", &parts));
    assert_eq!((code, &table), (0, &whole.1), "{stderr}");
    same(&place.files("whole"), &place.files("merged"));
}

#[test]
fn resume_begins_where_there_is_nothing_to_go_on_with() {
    let place = Place::new();
    let args = ["--replications", "10"];
    assert_eq!(ended(&mut place.run("plain", &args)).0, 0);
    let resumed = [&args[..], &["--resume"]].concat();
    assert_eq!(ended(&mut place.run("resumed", &resumed)).0, 0);
    same(&place.files("plain"), &place.files("resumed"));
}

//! What inputs are thrown at, and what they start from.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use squall::scenario;
use squall::units::text;

/// A reader.
pub struct Target {
    pub name: &'static str,
    /// How many inputs unless the command says otherwise.
    pub usual: u64,
    /// Good inputs to damage.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads one; whether it was accepted.
    pub read: fn(&[u8]) -> bool,
}

/// All readers: eleven million inputs.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "units",
        usual: 8_000_000,
        seeds: unit_seeds,
        read: units,
    },
    Target {
        name: "thresholds",
        usual: 600_000,
        seeds: threshold_seeds,
        read: threshold,
    },
    Target {
        name: "overrides",
        usual: 600_000,
        seeds: override_seeds,
        read: overrides,
    },
    Target {
        name: "prices",
        usual: 500_000,
        seeds: price_seeds,
        read: price,
    },
    Target {
        name: "layers",
        usual: 500_000,
        seeds: layer_seeds,
        read: layer,
    },
    Target {
        name: "traces",
        usual: 300_000,
        seeds: trace_seeds,
        read: trace,
    },
    Target {
        name: "lists",
        usual: 300_000,
        seeds: list_seeds,
        read: list,
    },
    Target {
        name: "scenarios",
        usual: 200_000,
        seeds: scenario_seeds,
        read: whole,
    },
];

const SMALL: &str = "name: small
models: {m: {latency: 1s, price: gpt-4o}}
fleets: {f: {agents: 1, tasks: {count: 1}, plan: [{llm: m, output: 1}]}}
policies: {p: {}}
";

fn lines(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(corpus().join(name)).expect("the corpus is beside the sources");
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn parses(text: &str, overrides: &[String]) -> bool {
    match scenario::parse(
        text,
        "fuzz.yaml",
        scratch().parent().unwrap_or(Path::new("")),
        overrides,
    ) {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.render(false).is_empty(), "refused without a word");
            false
        }
    }
}

/// The file that trace and list inputs are written to, in memory where the system has such a place.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("squall-fuzz-{}.csv", std::process::id()))
}

fn unit_seeds() -> Vec<Vec<u8>> {
    lines("units.txt")
}

fn units(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let span = text::parse_span(&text);
    if let Ok(span) = &span {
        let again = text::parse_span(&text::span_exact(*span));
        assert_eq!(
            again.as_ref().ok(),
            Some(span),
            "what is printed reads back"
        );
    }
    let money = text::parse_money(&text);
    if let Ok(money) = &money {
        let again = text::parse_money(&text::money_exact(*money));
        assert_eq!(
            again.as_ref().ok(),
            Some(money),
            "what is printed reads back"
        );
    }
    let share = text::parse_share(&text);
    if let Ok(share) = &share {
        let again = text::parse_share(&text::share(*share));
        assert_eq!(
            again.as_ref().ok(),
            Some(share),
            "what is printed reads back"
        );
    }
    let others = [
        text::parse_price(&text).is_ok(),
        text::parse_count(&text).is_ok(),
        text::parse_rate(&text).is_ok(),
        text::parse_factor(&text).is_ok(),
    ];
    span.is_ok() || money.is_ok() || share.is_ok() || others.contains(&true)
}

fn threshold_seeds() -> Vec<Vec<u8>> {
    lines("thresholds.txt")
}

fn threshold(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    // Quoted, so that the text reaches the reader of thresholds and not that of YAML.
    let quoted = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', " ");
    parses(&format!("{SMALL}thresholds: [\"{quoted}\"]\n"), &[])
}

fn override_seeds() -> Vec<Vec<u8>> {
    lines("overrides.txt")
}

fn overrides(input: &[u8]) -> bool {
    parses(SMALL, &[String::from_utf8_lossy(input).into_owned()])
}

fn price_seeds() -> Vec<Vec<u8>> {
    lines("prices.txt")
}

fn price(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    parses(&SMALL.replace("gpt-4o", &text), &[])
}

fn layer_seeds() -> Vec<Vec<u8>> {
    lines("layers.txt")
}

fn layer(input: &[u8]) -> bool {
    scenario::layer(&String::from_utf8_lossy(input)).is_ok()
}

fn trace_seeds() -> Vec<Vec<u8>> {
    vec![fs::read(corpus().join("trace.csv")).expect("the corpus is beside the sources")]
}

fn from_file(input: &[u8], tasks: &str, output: &str) -> bool {
    thread_local!(static TEXT: RefCell<String> = const { RefCell::new(String::new()) });
    let path = scratch();
    fs::write(&path, input).expect("the scratch file can be written");
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    TEXT.with_borrow_mut(|text| {
        text.clear();
        text.push_str(
            &SMALL
                .replace("{count: 1}", tasks)
                .replace("output: 1", output),
        );
        *text = text.replace("FILE", &name);
        parses(text, &[])
    })
}

fn trace(input: &[u8]) -> bool {
    from_file(input, "{trace: FILE}", "output: trace")
}

fn list_seeds() -> Vec<Vec<u8>> {
    vec![
        b"0.1\n0.25\n3\n12.5\n".to_vec(),
        b"10\n20\n\n30\n40000\n".to_vec(),
    ]
}

fn list(input: &[u8]) -> bool {
    from_file(input, "{count: 1}", "output: {empirical: FILE}")
}

fn scenario_seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the scenarios are beside")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

fn whole(input: &[u8]) -> bool {
    parses(&String::from_utf8_lossy(input), &[])
}

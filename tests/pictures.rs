//! The pictures in `docs/img/` are what `squall run scenarios/retry-storm.yaml` draws today.
//!
//! ```text
//! scenarios/retry-storm.yaml ──► experiment::run ──► report::charts ──► docs/img/*.svg, *.png
//! ```

use std::path::Path;

use squall::experiment::{self, Plan, Progress};
use squall::report::{self, Chart};
use squall::scenario;

const SCENARIO: &str = "scenarios/retry-storm.yaml";
/// The charts that the README shows.
const SHOWN: [&str; 2] = ["call_volume", "cumulative_spend"];
/// Set it to write the pictures rather than to compare them.
const RENEW: &str = "SQUALL_RENEW";

/// Nobody watches.
struct Unwatched;

impl Progress for Unwatched {}

fn charts(root: &Path) -> Vec<Chart> {
    let loaded = scenario::load(&root.join(SCENARIO), &[]).expect("a shipped scenario is sound");
    let plan = Plan {
        seed: loaded.scenario.seed,
        replications: loaded.scenario.replications,
        source: loaded.source,
        overrides: vec![],
        scenario_hash: String::new(),
    };
    let (document, _) =
        experiment::run(&loaded.scenario, &plan, &Unwatched).expect("nobody interrupts");
    report::charts(&document).expect("it can be drawn")
}

#[test]
fn the_pictures_in_the_documentation_are_what_is_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("docs/img");
    let renew = std::env::var_os(RENEW).is_some();
    let charts = charts(root);
    let shown = charts.iter().filter(|chart| SHOWN.contains(&chart.name));
    let files = shown.flat_map(|chart| {
        [("svg", chart.svg.as_bytes()), ("png", &chart.png)]
            .map(|(end, bytes)| (format!("{}.{end}", chart.name), bytes))
    });
    let mut stale = vec![];
    for (name, bytes) in files {
        let path = folder.join(&name);
        if renew {
            std::fs::write(&path, bytes).unwrap();
        } else if std::fs::read(&path).ok().as_deref() != Some(bytes) {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "docs/img/ is behind what `squall run {SCENARIO}` draws: {}. If the change is meant, renew \
         them with `{RENEW}=1 cargo test --test pictures` and look at them before you commit",
        stale.join(", ")
    );
}

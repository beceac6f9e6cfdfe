//! One run of one of the models in `benches/models`, with the ledger as observer, as `squall run`
//! plays it: what `benches/peers` compares and what instructions are counted on.
//!
//! `play MODEL [AGENTS] [HORIZON] [ROUNDS]` prints one line a round: events, seconds of process time,
//! bytes an agent.

#![expect(
    clippy::disallowed_types,
    reason = "it measures; the clock stands in where the system does not say"
)]

use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use squall::experiment::{Progress, play_one};
use squall::random::Weather;
use squall::scenario;
use squall::simulation::Program;

struct Quiet;
impl Progress for Quiet {}

/// Seconds that this process has had of a processor; where the system does not say, by the clock.
fn process_seconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let line = std::fs::read_to_string("/proc/self/schedstat").ok();
    let ns = line.and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
    ns.map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns as f64 / 1e9)
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    let name = args.next().unwrap_or_else(|| "agents".to_owned());
    let agents = args.next().filter(|n| n != "-");
    let horizon = args.next().filter(|n| n != "-");
    let rounds = args
        .next()
        .map_or(1, |n| n.parse().expect("a number of rounds"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/models/{name}.yaml"));
    let text = std::fs::read_to_string(&path).expect("a model of that name");
    let fleet = if name == "mm1" { "customers" } else { "agents" };
    let set = |key: String, value: Option<String>| value.map(|v| format!("{key}={v}"));
    let set: Vec<String> = [
        set(format!("fleets.{fleet}.agents"), agents),
        set("horizon".to_owned(), horizon),
    ]
    .into_iter()
    .flatten()
    .collect();
    let loaded = scenario::parse(&text, &name, Path::new("."), &set);
    let scenario = loaded.expect("the model is sound").scenario;
    let program = Program::new(&scenario, &scenario.policies[0]);
    for _ in 0..rounds {
        let begin = process_seconds();
        let (ledger, end) = play_one(&scenario, &program, Weather::new(scenario.seed, 0), &Quiet);
        let attempts: u64 = ledger.targets.iter().map(|t| t.attempts).sum();
        println!(
            "{name} events={} attempts={attempts} seconds={:.4} bytes={}",
            end.events,
            process_seconds() - begin,
            end.bytes_per_agent
        );
    }
}

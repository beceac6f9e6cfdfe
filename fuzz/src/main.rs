//! Throws mutated inputs at everything that reads what people write.
//!
//! ```text
//! cargo run -- [TARGET|all] [INPUTS] [SEED]
//! ```
//!
//! A target starts from its seeds (the shipped scenarios, `corpus/`, values from the docs), damages
//! them and reads the result. It fails, with the input, if reading panics, takes longer than
//! [`bounds::LONGEST`] or holds more than [`bounds::MOST_BYTES`]; and where an input is accepted, if
//! what is printed of it reads back as something else. The same seed gives the same inputs.

mod bounds;
mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use mutate::{Rng, mutate};
use targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: bounds::Counted = bounds::Counted;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let which = args.first().map_or("all", String::as_str);
    let inputs: Option<u64> = args.get(1).map(|n| n.parse().expect("INPUTS is a number"));
    let seed: u64 = args
        .get(2)
        .map_or(1, |n| n.parse().expect("SEED is a number"));
    bounds::watch();
    let chosen = TARGETS.iter().filter(|t| which == "all" || t.name == which);
    let mut all = 0;
    let mut failed = 0;
    for target in chosen {
        let n = inputs.unwrap_or(target.usual);
        failed += fuzz(target, n, seed);
        all += n;
    }
    println!("{all} inputs in all, {failed} failures");
    std::process::exit(i32::from(failed > 0 || all == 0));
}

/// Throws so many inputs at a target; returns how many failed.
fn fuzz(target: &Target, inputs: u64, seed: u64) -> u64 {
    let seeds = (target.seeds)();
    let mut rng = Rng(seed);
    let mut input = vec![];
    let (mut accepted, mut failed, mut most) = (0u64, 0u64, 0usize);
    let start = Instant::now();
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..inputs {
        input.clone_from(&seeds[rng.below(seeds.len())]);
        mutate(&mut rng, &mut input, &seeds);
        bounds::begin(&input);
        let mut result = Ok(false);
        let peak = bounds::peak_of(|| {
            result = catch_unwind(AssertUnwindSafe(|| (target.read)(&input)));
        });
        most = most.max(peak);
        let wrong = match result {
            Ok(read) => {
                accepted += u64::from(read);
                (peak > bounds::MOST_BYTES).then(|| format!("held {peak} bytes"))
            }
            Err(panic) => Some(
                panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                    .unwrap_or_default(),
            ),
        };
        if let Some(wrong) = wrong {
            failed += 1;
            if failed <= 20 {
                eprintln!(
                    "{}: {wrong}\n<<<{}>>>",
                    target.name,
                    String::from_utf8_lossy(&input)
                );
            }
        }
    }
    println!(
        "{:<10} {inputs:>9} inputs, {accepted:>8} accepted, {failed} failed, at most {} kB, {:.0} s",
        target.name,
        most / 1024,
        start.elapsed().as_secs_f64()
    );
    failed
}

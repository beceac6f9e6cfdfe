//! What several test files share: random scenarios, and a log of everything that a run tells.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod generator;
pub mod log;
pub mod trials;

use std::path::Path;

use squall::scenario::{self, Scenario};

/// The scenario of a text that must be sound.
pub fn scenario(text: &str) -> Scenario {
    match scenario::parse(text, "test.yaml", Path::new("."), &[]) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{}\n{text}", problems.render(false)),
    }
}

/// How many random scenarios a property is held against: `usual`, unless the environment variable
/// `SQUALL_CASES` says how many times as many.
pub fn cases(usual: u32) -> u32 {
    let times = std::env::var("SQUALL_CASES").ok();
    usual * times.map_or(1, |n| n.parse().expect("SQUALL_CASES is a number"))
}

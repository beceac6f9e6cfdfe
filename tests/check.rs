//! Scenario files, good and bad, through the library's front door.

use std::path::Path;

use squall::scenario::{self, Loaded, Problems};

const GOOD: &str = include_str!("data/tool-hiccup.yaml");

fn check(text: &str) -> Result<Loaded, Problems> {
    scenario::parse(text, "s.yaml", Path::new("scenarios"), &[])
}

#[test]
fn the_sketch_is_sound() {
    let loaded = check(GOOD).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.scenario.targets.len(), 2);
}

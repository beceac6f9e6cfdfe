//! Presets: the retry stacks that agents really run, by name and version, as data.
//!
//! A preset is the text of a layer as it would stand in a scenario, with where that was learnt.
//! This room holds only texts; `scenario` reads them with the reader of scenario files, so whatever
//! a preset does can be written by hand, and `tests/conformance.rs` holds each against vectors
//! recorded from the library it is named after.
//!
//! A [`Stack`] is the text of a whole policy: the layers that a framework really has.
//!
//! `name@version` is one preset; the name alone is the first of that name in its table, the newest.

mod breakers;
mod budgets;
mod executors;
mod frameworks;
mod libraries;
mod sdks;
mod services;
mod stacks;

/// A preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// The first version that behaves so, as people name it.
    pub version: &'static str,
    /// What it is named after.
    pub library: &'static str,
    /// The version that was looked at.
    pub looked_at: &'static str,
    /// Where in its source or documentation.
    pub source: &'static str,
    /// Which layer it makes.
    pub layer: LayerKind,
    /// What it does, in one line.
    pub about: &'static str,
    /// What in it feeds a storm.
    pub storm: &'static str,
    /// The layer's keys, as YAML.
    pub yaml: &'static str,
}

/// A stack of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: &'static str,
    /// The first version that behaves so, as people name it.
    pub version: &'static str,
    /// What it is named after.
    pub library: &'static str,
    /// The version that was looked at.
    pub looked_at: &'static str,
    /// Where in its source or documentation.
    pub source: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// The body of a policy, as YAML.
    pub yaml: &'static str,
}

impl Stack {
    /// The scopes that it has layers at, outermost first as its text has them.
    pub fn scopes(&self) -> impl Iterator<Item = &'static str> {
        let keys = self.yaml.lines().filter(|line| !line.starts_with(' '));
        keys.filter_map(|line| line.split_once(':').map(|(key, _)| key))
    }

    /// Its name and version.
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// All stacks.
pub fn stacks() -> impl Iterator<Item = &'static Stack> {
    stacks::STACKS.iter()
}

/// The stack `name@version`, or the newest of `name`.
pub fn find_stack(name: &str) -> Option<&'static Stack> {
    let (name, version) = match name.split_once('@') {
        None => (name, None),
        Some((name, version)) => (name, Some(version)),
    };
    let of_name = || stacks().filter(|s| s.name == name);
    let Some(version) = version else {
        return of_name().next();
    };
    let exact = of_name().find(|s| s.version == version);
    exact.or_else(|| of_name().find(|s| is_version(s.looked_at, version)))
}

/// The layers for which there are presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// `retry`.
    Retry,
    /// `circuit_breaker`.
    CircuitBreaker,
    /// `adaptive_throttle`.
    AdaptiveThrottle,
    /// `rate_limit`.
    RateLimit,
    /// `retry_budget`.
    RetryBudget,
}

impl LayerKind {
    /// The layer's key in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            LayerKind::Retry => "retry",
            LayerKind::CircuitBreaker => "circuit_breaker",
            LayerKind::AdaptiveThrottle => "adaptive_throttle",
            LayerKind::RateLimit => "rate_limit",
            LayerKind::RetryBudget => "retry_budget",
        }
    }
}

impl Preset {
    /// Its name and version.
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Its layer as it would stand in a list of layers.
    pub fn as_layer(&self) -> String {
        let mut text = format!("- {}:\n", self.layer.name());
        for line in self.yaml.lines() {
            text.push_str("    ");
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// All presets, those of one name together, newest first.
pub fn all() -> impl Iterator<Item = &'static Preset> {
    let tables = [
        sdks::PRESETS,
        services::PRESETS,
        frameworks::PRESETS,
        libraries::PRESETS,
        executors::PRESETS,
        breakers::PRESETS,
        budgets::PRESETS,
    ];
    tables.into_iter().flatten()
}

/// The preset `name@version`, or the newest of `name`. A version is also found by the full version
/// that was looked at, and by the begin of that: the newest that fits.
pub fn find(name: &str) -> Option<&'static Preset> {
    match name.split_once('@') {
        None => all().find(|p| p.name == name),
        Some((name, version)) => {
            let of_name = || all().filter(|p| p.name == name);
            let exact = of_name().find(|p| p.version == version);
            exact.or_else(|| of_name().find(|p| is_version(p.looked_at, version)))
        }
    }
}

/// Whether a version that was looked at is the one named, or one of it: 3.54.0 is of 3.54.
fn is_version(looked_at: &str, named: &str) -> bool {
    let rest = looked_at.strip_prefix(named);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_version_is_one_preset() {
        let mut names: Vec<String> = all().map(Preset::full_name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn presets_of_one_name_stand_together() {
        let mut seen: Vec<&str> = Vec::new();
        for preset in all() {
            if seen.last() != Some(&preset.name) {
                assert!(!seen.contains(&preset.name), "{}", preset.name);
                seen.push(preset.name);
            }
        }
    }

    #[test]
    fn the_name_alone_is_the_newest() {
        assert_eq!(find("openai-python").map(|p| p.version), Some("3"));
        assert_eq!(
            find("openai-python@1").map(|p| p.looked_at),
            Some("1.109.1")
        );
        assert_eq!(find("openai-python@3.54.0").map(|p| p.version), Some("3"));
        assert_eq!(find("openai-python@3.54").map(|p| p.version), Some("3"));
        assert_eq!(find("openai-python@2").map(|p| p.version), Some("2.54"));
        assert_eq!(find("openai-python@9"), None);
        assert_eq!(find("openai-python@3.5"), None);
        assert_eq!(find("nothing"), None);
    }

    #[test]
    fn every_preset_says_what_it_is() {
        for p in all() {
            for text in [p.library, p.looked_at, p.source, p.about, p.storm, p.yaml] {
                assert!(!text.trim().is_empty(), "{}", p.full_name());
            }
            assert!(
                p.about.ends_with('.') && p.storm.ends_with('.'),
                "{}",
                p.full_name()
            );
            assert!(!p.about.contains('\n'), "{}", p.full_name());
        }
    }
}

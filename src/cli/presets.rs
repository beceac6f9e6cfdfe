//! `squall presets`: lists the presets and stacks, and shows one.

use std::fmt::Write;

use serde::Serialize;

use crate::presets::{self, LayerKind, Preset};
use crate::resilience::{DelayRange, RetrySpec};
use crate::scenario;
use crate::scenario::lint::storm_prone;
use crate::units::text;

use super::args::{PresetsCommand, PresetsOptions};
use super::exit::{Exit, Failure};
use super::{stacks, terminal};

/// How many retries `show` shows.
const SHOWN: u32 = 10;

/// Lists the presets, or shows one.
pub fn presets(options: &PresetsOptions) -> Result<Exit, Failure> {
    match &options.command {
        Some(PresetsCommand::Show { name }) => terminal::print(&shown(name)?)?,
        None if options.json => terminal::print(&json())?,
        None => terminal::print(&list())?,
    }
    Ok(Exit::Fine)
}

/// The stack of that name, the preset of that name, or both.
fn shown(name: &str) -> Result<String, Failure> {
    let stack = presets::find_stack(name).map(stacks::show);
    match (stack, presets::find(name)) {
        (Some(stack), None) => Ok(stack),
        (Some(stack), Some(preset)) => {
            Ok(format!("{stack}Its own layer alone\n\n{}", show(preset)))
        }
        (None, _) => Ok(show(named(name)?)),
    }
}

fn named(name: &str) -> Result<&'static Preset, Failure> {
    presets::find(name).ok_or_else(|| {
        let names: Vec<String> = presets::all()
            .flat_map(|p| [p.name.to_owned(), p.full_name()])
            .chain(presets::stacks().map(|s| s.name.to_owned()))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = match scenario::nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`squall presets` lists them".to_owned(),
        };
        Failure::Usage(format!("there is no preset `{name}`; {help}"))
    })
}

/// One line a preset, then one line a stack.
fn list() -> String {
    let width = presets::all()
        .map(|p| p.full_name().len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for preset in presets::all() {
        let _ = writeln!(out, "{:<width$}  {}", preset.full_name(), preset.about);
    }
    out.push_str("\nStacks: all the layers of a library, as in `ours: {stack: crewai}`\n\n");
    for stack in presets::stacks() {
        let _ = writeln!(out, "{:<width$}  {}", stack.full_name(), stack.about);
    }
    out
}

/// A preset as `--json` prints it.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    version: &'static str,
    newest: bool,
    library: &'static str,
    looked_at: &'static str,
    source: &'static str,
    layer: &'static str,
    about: &'static str,
    storm: &'static str,
    yaml: &'static str,
}

/// A stack as `--json` prints it.
#[derive(Serialize)]
struct ListedStack {
    stack: &'static str,
    version: &'static str,
    library: &'static str,
    looked_at: &'static str,
    source: &'static str,
    about: &'static str,
    yaml: &'static str,
}

/// What `--json` lists: a preset of one layer has the key `layer`, a stack the key `stack`.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Layer(Listed),
    Stack(ListedStack),
}

fn json() -> String {
    let listed: Vec<Entry> = presets::all()
        .map(|p| {
            Entry::Layer(Listed {
                name: p.name,
                version: p.version,
                newest: presets::find(p.name) == Some(p),
                library: p.library,
                looked_at: p.looked_at,
                source: p.source,
                layer: p.layer.name(),
                about: p.about,
                storm: p.storm,
                yaml: p.yaml,
            })
        })
        .collect();
    let stacks = presets::stacks().map(|s| ListedStack {
        stack: s.name,
        version: s.version,
        library: s.library,
        looked_at: s.looked_at,
        source: s.source,
        about: s.about,
        yaml: s.yaml,
    });
    let listed: Vec<Entry> = listed.into_iter().chain(stacks.map(Entry::Stack)).collect();
    let mut out = serde_json::to_string_pretty(&listed).expect("texts and truth values are JSON");
    out.push('\n');
    out
}

/// Everything about a preset.
fn show(preset: &Preset) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {} {}",
        preset.full_name(),
        preset.library,
        preset.looked_at
    );
    let _ = writeln!(out, "{}", preset.about);
    let _ = writeln!(out, "Source: {}\n\n{}", preset.source, preset.as_layer());
    if let Some(spec) = retry_of(preset) {
        out.push_str(&outlook_of(&spec));
    }
    let _ = writeln!(out, "Storm-prone: {}", preset.storm);
    for told in retry_of(preset).iter().flat_map(storm_prone) {
        let _ = writeln!(out, "Storm-prone: {} ({}).", told.finds, told.id);
    }
    out
}

/// The retry layer of a preset, if it is one.
fn retry_of(preset: &Preset) -> Option<RetrySpec> {
    if preset.layer != LayerKind::Retry {
        return None;
    }
    let layer = scenario::layer(&format!("{{retry: {}}}", preset.full_name()));
    let Ok(scenario::LayerKind::Retry(spec)) = layer.map(|layer| layer.kind) else {
        unreachable!("a test reads every preset of a retry layer");
    };
    Some(*spec)
}

/// The delays of the first retries and the worst wait.
pub(super) fn outlook_of(spec: &RetrySpec) -> String {
    let outlook = spec.outlook(SHOWN);
    let mut out = String::new();
    let titled = match &outlook.throttled {
        None => vec![("wait before retry", &outlook.delays)],
        Some(throttled) => vec![
            ("wait before retry", &outlook.delays),
            ("after rate_limited", throttled),
        ],
    };
    for (title, delays) in titled.into_iter().filter(|(_, delays)| !delays.is_empty()) {
        out.push_str(&table(title, delays));
        out.push('\n');
    }
    let calls = match spec.attempts {
        Some(1) => "one attempt, no retry".to_owned(),
        Some(n) => format!("at most {n} attempts"),
        None => "any number of attempts".to_owned(),
    };
    let worst = match outlook.worst_wait {
        Some(wait) => format!("worst total wait {}", text::span(wait)),
        None => "no end to the total wait".to_owned(),
    };
    let _ = writeln!(out, "Without Retry-After: {calls}, {worst}\n");
    out
}

fn table(title: &str, delays: &[DelayRange]) -> String {
    let mut out = format!("{title:<18} {:>10} {:>10} {:>10}\n", "min", "mean", "max");
    for (k, delay) in (1..).zip(delays) {
        let [min, mean, max] = [delay.min, delay.mean, delay.max].map(text::span);
        let _ = writeln!(out, "{k:<18} {min:>10} {mean:>10} {max:>10}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_shown() {
        for preset in presets::all() {
            let shown = show(preset);
            assert!(shown.contains("Storm-prone: "), "{}", preset.full_name());
            let layer = preset.as_layer();
            let read = scenario::layer(&layer.replacen("- ", "  ", 1));
            assert!(read.is_ok(), "{layer}\n{}", read.unwrap_err().render(false));
        }
    }

    #[test]
    fn what_is_shown_says_how_long_it_waits() {
        let shown = show(named("openai-python").unwrap());
        assert!(shown.starts_with("openai-python@3: openai (Python) 3.54.0\n"));
        assert!(shown.contains("- retry:\n    attempts: 3\n"));
        assert!(
            shown.contains("at most 3 attempts, worst total wait 1.50 s"),
            "{shown}"
        );
        let aws = show(named("botocore-standard-2026").unwrap());
        assert!(aws.contains("after rate_limited"));
    }

    #[test]
    fn the_list_has_a_line_for_each() {
        let all = presets::all().count() + presets::stacks().count();
        assert_eq!(list().lines().count(), all + 3);
        let parsed: serde_json::Value = serde_json::from_str(&json()).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), all);
    }

    #[test]
    fn a_slip_in_a_name_is_told() {
        let told = named("openai-pyton").unwrap_err().to_string();
        assert!(told.contains("did you mean `openai-python`?"), "{told}");
    }
}

//! `report.md`: the same story for a wiki or a pull request; its charts are files beside it.

use crate::experiment::Metric;
use crate::experiment::document::{Document, Verdict};

use super::format::{NO_VALUE, count, money, money_change, percent, seconds, visible};
use super::story::{self, COLUMNS, best, exact_money, fleets as say, value};

/// The report as GitHub-flavoured Markdown.
pub(super) fn markdown(docs: &[&Document]) -> String {
    let mut out = String::new();
    if docs.len() > 1 {
        out.push_str(&matrix(docs));
    }
    for (i, doc) in docs.iter().enumerate() {
        out.push_str(&one(docs, i, doc));
    }
    out
}

/// The name of a chart's file: its own, or with the result's place where there are several.
pub(super) fn chart_file(docs: &[&Document], i: usize, chart: &str) -> String {
    match docs.len() {
        1 => format!("{chart}.png"),
        _ => format!("{}-{chart}.png", i + 1),
    }
}

fn one(docs: &[&Document], i: usize, doc: &Document) -> String {
    let mut out = format!("# {}\n\n", text(&story::name(&doc.scenario)));
    if !doc.about.is_empty() {
        out.push_str(&format!("{}\n\n", text(&doc.about)));
    }
    let sentences = story::verdict(doc);
    let bold = |s: &String| {
        let parts = s.split('`').enumerate();
        let part = |(i, part): (usize, &str)| match i % 2 {
            0 => text(part),
            _ => format!("**{}**", text(part)),
        };
        parts.map(part).collect::<String>()
    };
    let lines: Vec<String> = sentences.iter().map(bold).collect();
    out.push_str(&format!("> {}\n\n", lines.join(" ")));
    for t in &doc.thresholds {
        let word = match t.verdict {
            Verdict::Passed => "✓ passed",
            Verdict::Failed => "✗ **failed**",
            Verdict::Undecided => "? undecided",
        };
        out.push_str(&format!(
            "- {word}: {}\n",
            text(&format!("{} {}", t.text, t.why))
        ));
    }
    out.push_str(&comparison(doc));
    out.push_str(&fleets(doc));
    for (chart, title) in [
        ("cumulative_spend", "Cumulative spend"),
        ("call_volume", "Call volume by outcome"),
        ("spend_distribution", "Spend distribution"),
    ] {
        out.push_str(&format!(
            "## {title}\n\n![{title}]({})\n\n",
            chart_file(docs, i, chart)
        ));
    }
    out.push_str(&money_went(doc));
    out.push_str(&storm(doc));
    out.push_str(&layers(doc));
    out.push_str(&life(doc));
    out.push_str(&careful(doc));
    out
}

/// A table: heads, then rows.
fn table(heads: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule: Vec<String> = (0..heads.len())
        .map(|i| if i == 0 { ":--" } else { "--:" }.to_owned())
        .collect();
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{}{rows}\n", line(heads), line(&rule))
}

fn matrix(docs: &[&Document]) -> String {
    let mut names: Vec<&str> = vec![];
    for policy in docs.iter().flat_map(|doc| &doc.policies) {
        if !names.contains(&policy.name.as_str()) {
            names.push(&policy.name);
        }
    }
    let mut heads = vec!["Policy".to_owned()];
    heads.extend(docs.iter().map(|doc| text(&story::name(&doc.scenario))));
    let row = |name: &&str| {
        let mut row = vec![text(&story::name(name))];
        row.extend(
            docs.iter()
                .map(|doc| match doc.policies.iter().find(|p| p.name == **name) {
                    None => NO_VALUE.to_owned(),
                    Some(p) => format!(
                        "{} ({})",
                        money(story::mean(p, Metric::Spend)),
                        percent(story::mean(p, Metric::SuccessRate))
                    ),
                }),
        );
        row
    };
    let rows: Vec<Vec<String>> = names.iter().map(row).collect();
    format!(
        "# Policy by scenario\n\nMean spend a run, and the share of tasks that finished.\n\n{}",
        table(&heads, &rows)
    )
}

fn comparison(doc: &Document) -> String {
    let mut heads = vec!["Policy".to_owned()];
    heads.extend(COLUMNS.iter().map(|c| c.head.to_owned()));
    heads.insert(2, "Spend vs first".to_owned());
    let marks: Vec<Vec<bool>> = COLUMNS.iter().map(|c| best(doc, c)).collect();
    let row = |(i, policy): (usize, &crate::experiment::document::PolicyResult)| {
        let mut row = vec![text(&story::name(&policy.name))];
        row.extend(COLUMNS.iter().zip(&marks).map(|(column, marks)| {
            let shown = value(column, policy).map_or_else(|| NO_VALUE.to_owned(), column.format);
            if marks[i] {
                format!("**{shown}**")
            } else {
                shown
            }
        }));
        let versus = doc.difference(i, 0, Metric::Spend).and_then(|d| d.mean);
        row.insert(2, versus.map_or_else(|| NO_VALUE.to_owned(), money_change));
        row
    };
    let rows: Vec<Vec<String>> = doc.policies.iter().enumerate().map(row).collect();
    format!("\n## The policies side by side\n\n{}", table(&heads, &rows))
}

/// Each fleet by itself, where there are several.
fn fleets(doc: &Document) -> String {
    if !say::are_several(doc) {
        return String::new();
    }
    let mut heads = vec!["Policy".to_owned(), "fleet".to_owned()];
    heads.extend(say::COLUMNS.iter().map(|(head, ..)| (*head).to_owned()));
    let mut rows = vec![];
    for (name, by_policy) in say::fleets(doc) {
        for (policy, fleet) in doc.policies.iter().zip(by_policy) {
            let mut row = vec![text(&story::name(&policy.name)), text(&story::name(name))];
            row.extend(say::COLUMNS.iter().map(|column| say::cell(column, fleet)));
            rows.push(row);
        }
    }
    format!(
        "## Each fleet by itself\n\n{}\n\n{}",
        say::ABOUT,
        table(&heads, &rows)
    )
}

fn money_went(doc: &Document) -> String {
    let heads = ["Policy", "For", "Attempts", "Dollars"].map(str::to_owned);
    let mut rows = vec![];
    for policy in &doc.policies {
        let total = story::mean(policy, Metric::Spend);
        let name = text(&story::name(&policy.name));
        let parts = story::parts(policy);
        let dollars: Vec<f64> = parts.iter().map(|p| p.usd).collect();
        for (part, shown) in parts.iter().zip(story::adding_up(&dollars, total)) {
            rows.push(vec![
                name.clone(),
                text(&part.label),
                count(part.attempts),
                shown,
            ]);
        }
        let attempts = count(story::mean(policy, Metric::Attempts));
        rows.push(vec![
            name.clone(),
            "**spend**".to_owned(),
            attempts,
            format!("**{}**", exact_money(total, total)),
        ]);
        rows.push(vec![
            name,
            "of it thrown away".to_owned(),
            String::new(),
            exact_money(story::mean(policy, Metric::Wasted), total),
        ]);
    }
    format!("## Where the money went\n\n{}", table(&heads, &rows))
}

fn storm(doc: &Document) -> String {
    let mut heads = vec!["Policy".to_owned()];
    heads.extend(story::STORM.map(|(head, ..)| head.to_owned()));
    let row = |policy: &crate::experiment::document::PolicyResult| {
        let mut row = vec![text(&story::name(&policy.name))];
        row.extend(story::STORM.map(|(_, metric, format)| {
            let mean = policy.metric(metric).mean;
            mean.map_or_else(|| NO_VALUE.to_owned(), format)
        }));
        row
    };
    let rows: Vec<Vec<String>> = doc.policies.iter().map(row).collect();
    let about = story::STORM_ABOUT;
    format!(
        "## The storm in figures\n\n{about}\n\n{}",
        table(&heads, &rows)
    )
}

fn layers(doc: &Document) -> String {
    let (mut did, mut can) = (vec![], vec![]);
    for policy in &doc.policies {
        let name = text(&story::name(&policy.name));
        for layer in story::layers::retries(policy) {
            did.push(vec![
                name.clone(),
                text(&story::name(&layer.label)),
                story::layers::seen(layer),
                count(layer.attempts_caused),
                money(layer.usd_caused),
                seconds(layer.waited_seconds),
            ]);
        }
        for nesting in &policy.nesting {
            can.push(vec![
                name.clone(),
                text(&story::name(&nesting.fleet)),
                text(&story::name(&doc.targets[nesting.target].name)),
                story::layers::worst_attempts(nesting),
                story::layers::worst_wait(nesting),
                story::layers::most_simulated(nesting),
            ]);
        }
    }
    if did.is_empty() {
        return String::new();
    }
    let heads = [
        "Policy",
        "Layer",
        "Attempts",
        "It asked for",
        "They cost",
        "It waited",
    ];
    let did = table(&heads.map(str::to_owned), &did);
    let heads = [
        "Policy",
        "Fleet",
        "Calls",
        "Worst of one call",
        "Longest waits",
        "Most simulated",
    ];
    let can = table(&heads.map(str::to_owned), &can);
    let about = story::layers::ABOUT;
    format!("## What the logs show, and the wire\n\n{about}\n\n{did}\n{can}")
}

fn life(doc: &Document) -> String {
    let Some(life) = &doc.life else {
        return String::new();
    };
    let heads = ["Policy", "Ended", "Took", "Attempts", "Dollars"].map(str::to_owned);
    let row = |(policy, it): (
        &crate::experiment::document::PolicyResult,
        &crate::experiment::document::Life,
    )| {
        let took = it.end_seconds.zip(it.ready_seconds);
        let ended = if it.outcome.is_empty() {
            "unfinished"
        } else {
            &it.outcome
        };
        vec![
            text(&story::name(&policy.name)),
            text(ended),
            took.map_or_else(|| NO_VALUE.to_owned(), |(end, ready)| seconds(end - ready)),
            it.attempts.to_string(),
            money(it.usd),
        ]
    };
    let rows: Vec<Vec<String>> = doc.policies.iter().zip(&life.policies).map(row).collect();
    format!(
        "## One task's life under each policy\n\nTask {} of fleet {} in replication {}, the one that the policies treat most differently.\n\n{}",
        life.task,
        text(&story::name(&life.fleet)),
        life.replication,
        table(&heads, &rows)
    )
}

fn careful(doc: &Document) -> String {
    let mut out = String::from("## What was assumed\n\n");
    for target in &doc.targets {
        let facts: Vec<String> = target.assumptions.iter().map(|f| text(f)).collect();
        out.push_str(&format!(
            "- **{}** (prices: {}): {}\n",
            text(&story::name(&target.name)),
            text(&target.price_source),
            facts.join("; ")
        ));
    }
    for warning in &doc.warnings {
        out.push_str(&format!("- Warning: {}\n", text(warning)));
    }
    let fence = "`".repeat(longest_run(&doc.source).max(2) + 1);
    out.push_str(&format!(
        "\n{} replications, seed {}, squall {}, SHA-256 of scenario and overrides `{}`. Every figure again:\n\n    {}\n\n<details><summary>The scenario file</summary>\n\n{fence}yaml\n{}\n{fence}\n\n</details>\n",
        doc.replications, doc.seed, visible(&doc.version), visible(&doc.scenario_hash), story::command(doc), doc.source.trim_end()
    ));
    out
}

/// The longest run of backticks, which a fence must exceed.
fn longest_run(source: &str) -> usize {
    source.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text that stays text: everything that Markdown or HTML could read is escaped.
fn text(raw: &str) -> String {
    let mut out = String::new();
    for c in visible(raw).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '@' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_hostile_name_breaks_no_table() {
        let mut doc = fixture::document(2);
        doc.policies[0].name = "<script>alert(1)</script> | **x**\n`y`".to_owned();
        let page = markdown(&[&doc]);
        assert!(!page.contains("<script"));
        let row = page.lines().find(|line| line.contains("alert")).unwrap();
        assert!(row.contains("alert(1)") && row.contains("\\*\\*x"));
        let heads = page
            .lines()
            .find(|line| line.starts_with("| Policy | Spend"))
            .unwrap();
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let rows = page
            .lines()
            .filter(|line| line.starts_with("| by-the-book | "));
        assert_eq!(cells(rows.clone().next().unwrap()), cells(heads));
    }

    #[test]
    fn a_fence_is_longer_than_any_in_the_source() {
        let mut doc = fixture::document(1);
        doc.source = "````\nx".to_owned();
        assert!(markdown(&[&doc]).contains("`````yaml"));
    }
}

//! Findings as a table for a terminal, and as `docs/validation.md`.

use std::fmt::Write;

use super::play::{Curve, Finding, Verdict};
use super::{Case, Claim, Source, Tolerance};

/// The table of a terminal: a line a claim under a heading a source, and a line that counts, of the
/// claims that were to be judged.
pub fn table(findings: &[Finding], wanted: usize) -> String {
    let mut out = String::new();
    let rows: Vec<[String; 6]> = findings.iter().map(row).collect();
    let heads = ["setup", "what", "theirs", "ours", "may be off by", ""];
    let width = |i: usize| {
        let all = rows.iter().map(|row| row[i].chars().count());
        all.max().unwrap_or(0).max(heads[i].len())
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |cells: [&str; 6]| {
        let cell = |(i, text): (usize, &&str)| match i {
            2..=4 => format!("{text:>0$}", widths[i]),
            _ => format!("{text:<0$}", widths[i]),
        };
        let cells: Vec<String> = cells.iter().enumerate().map(cell).collect();
        format!("  {}", cells.join("  ")).trim_end().to_owned()
    };
    let mut source: Option<&Source> = None;
    for (finding, row) in findings.iter().zip(&rows) {
        if source.is_none_or(|s| !std::ptr::eq(s, finding.case.source)) {
            let s = finding.case.source;
            let _ = match s.link {
                "" => writeln!(out, "\n{}\n{}\n", s.title, s.detail),
                link => writeln!(out, "\n{} ({})\n{link}\n", s.title, s.year),
            };
            let _ = writeln!(out, "{}", line(heads));
            source = Some(s);
        }
        let _ = writeln!(out, "{}", line(row.each_ref().map(String::as_str)));
    }
    let _ = writeln!(out, "\n{}", count(findings, wanted));
    out
}

/// How many claims came out how, and how many were not judged.
fn count(findings: &[Finding], wanted: usize) -> String {
    let judged = findings.len();
    let cut_short = match judged {
        0 => return format!("interrupted before the first of {wanted} claims was judged"),
        n if n < wanted => format!("interrupted after {n} of {wanted} claims: "),
        _ => String::new(),
    };
    let of = |verdict| findings.iter().filter(|f| f.verdict == verdict).count();
    let failed = match (of(Verdict::Failed), of(Verdict::TooRough)) {
        (0, 0) => "none failed".to_owned(),
        (failed, 0) => format!("{failed} failed"),
        (failed, rough) => format!("{failed} failed, {rough} too rough to say"),
    };
    format!(
        "{cut_short}{} of {judged} claims reproduced; {failed}",
        of(Verdict::Passed),
    )
}

fn row(finding: &Finding) -> [String; 6] {
    let claim = finding.claim;
    [
        finding.case.setup.to_owned(),
        what(claim),
        claim.unit.print(finding.theirs),
        ours(finding),
        tolerance(claim),
        word(finding.verdict).to_owned(),
    ]
}

fn what(claim: &Claim) -> String {
    match claim.policy {
        "none" if claim.what != "calls" && claim.what != "last client done" => {
            claim.what.to_owned()
        }
        policy => format!("{policy}: {}", claim.what),
    }
}

/// The mean with half of its interval, in the digits of the unit.
fn ours(finding: &Finding) -> String {
    let unit = finding.claim.unit;
    match finding.half {
        0.0 => unit.print(finding.ours),
        half => format!("{} ± {}", unit.print(finding.ours), unit.print(half)),
    }
}

fn tolerance(claim: &Claim) -> String {
    match claim.tolerance {
        Tolerance::By(width) => claim.unit.print(width),
        Tolerance::Share(share) => format!("{} %", share * 100.0),
        Tolerance::Exact => "nothing".to_owned(),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed => "FAILED",
        Verdict::TooRough => "TOO ROUGH",
    }
}

/// How a claim's row begins in the manual: all of it that does not need a run.
pub fn row_begin(case: &Case, claim: &Claim) -> String {
    let theirs = claim.unit.print(claim.theirs.value());
    format!("| {} | {} | {theirs} |", case.setup, what(claim))
}

/// The manual's page of all findings, of the claims that were to be judged.
pub fn markdown(findings: &[Finding], wanted: usize) -> String {
    let mut out = String::from(MARKDOWN_HEAD);
    let mut source: Option<&Source> = None;
    for finding in findings {
        let (case, s) = (finding.case, finding.case.source);
        if source.is_none_or(|known| !std::ptr::eq(known, s)) {
            let title = match s.link {
                "" => s.title.to_owned(),
                link => format!("[{}]({link}), {}", s.title, s.year),
            };
            let _ = writeln!(out, "\n## {title}\n\n{}\n", s.detail);
            if s.key == "aws" {
                out += MARKDOWN_GRID;
            }
            out += "| setup | what | theirs | ours | may be off by | | scenario |\n";
            out += "|---|---|---|---|---|---|---|\n";
            source = Some(s);
        }
        let path = case.scenario.path;
        let name = path.rsplit('/').next().unwrap_or(path);
        let _ = writeln!(
            out,
            "{} {} | {} | {} | [{name}](../{path}) |",
            row_begin(case, finding.claim),
            ours(finding),
            tolerance(finding.claim),
            word(finding.verdict),
        );
    }
    let _ = writeln!(out, "\n{}.", count(findings, wanted));
    out
}

const MARKDOWN_HEAD: &str = "\
# Validation: other people's numbers, reproduced

Made by `squall verify --markdown`; `squall verify` plays it all again anywhere and exits with 1 if a claim fails.

Theirs is what the source states, or its formula. Ours is the mean over the replications with half of its 95 % t
interval, none where nothing is random. A claim passes if ours is not farther from theirs than the tolerance, which is
stated and not fitted, and if the interval is at most half as wide to each side: else it is too rough to say anything.
";

const MARKDOWN_GRID: &str = "\
![Calls and time over the number of clients, five policies](img/aws-backoff.svg)

The curves of the original, from 100 runs a point as there: `squall verify --grid docs/img` draws them.

";

/// A grid as comma-separated values.
pub fn grid_csv(curves: &[Curve]) -> String {
    let mut out = String::from("clients,policy,calls,milliseconds\n");
    for (policy, points) in curves {
        for (clients, calls, ms) in points {
            let _ = writeln!(out, "{clients},{policy},{calls:.3},{ms:.3}");
        }
    }
    out
}

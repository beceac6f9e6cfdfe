//! The verdict: one to three plain sentences whose words the intervals choose.
//!
//! A policy is called the cheapest only where the paired interval of its difference to every other
//! one that finishes about as much lies below zero.

use crate::experiment::Metric;
use crate::experiment::document::{Difference, Document, PolicyResult};
use crate::report::format::{money, percent};

use super::comparison::competing;
use super::{mean, name};

/// What an interval of a difference can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// It lies below zero.
    Less,
    /// It lies above zero.
    More,
    /// All replications agree that there is none.
    Equal,
    /// It cannot say.
    Unknown,
}

fn shown(difference: Option<Difference>) -> Shown {
    match difference.and_then(|d| d.ci95) {
        Some([low, high]) if low == 0.0 && high == 0.0 => Shown::Equal,
        Some([_, high]) if high < 0.0 => Shown::Less,
        Some([low, _]) if low > 0.0 => Shown::More,
        _ => Shown::Unknown,
    }
}

/// The sentences. Names of policies stand between backticks.
pub fn verdict(doc: &Document) -> Vec<String> {
    let Some(leader) = leader(doc) else {
        return vec!["Nothing was run.".to_owned()];
    };
    let mut sentences = vec![first(doc, leader)];
    sentences.extend(contrast(doc, leader));
    sentences.extend(finishes_more(doc, leader));
    sentences
}

/// The cheapest mean among the policies that finish about as much as the best.
fn leader(doc: &Document) -> Option<usize> {
    let who = competing(doc);
    let spend = |i: &usize| mean(&doc.policies[*i], Metric::Spend);
    let runners = (0..doc.policies.len()).filter(|i| who[*i]);
    runners.min_by(|a, b| spend(a).total_cmp(&spend(b)))
}

fn first(doc: &Document, leader: usize) -> String {
    let who = competing(doc);
    let policy = &doc.policies[leader];
    let others = (0..doc.policies.len()).filter(|i| who[*i] && *i != leader);
    let mut equal = vec![leader];
    let mut unknown = vec![leader];
    for other in others {
        match shown(doc.difference(leader, other, Metric::Spend)) {
            Shown::Less => {}
            Shown::Equal => equal.push(other),
            Shown::More | Shown::Unknown => unknown.push(other),
        }
    }
    if finished(policy) == 0.0 && doc.policies.len() > 1 {
        let spend = money(mean(policy, Metric::Spend));
        return format!(
            "No policy finishes a single task; the cheapest way to fail is {}, at {spend}.",
            quoted(policy)
        );
    }
    if unknown.len() > 1 {
        let all: Vec<usize> = (0..doc.policies.len())
            .filter(|i| unknown.contains(i) || equal.contains(i))
            .collect();
        let spends = all.iter().map(|i| mean(&doc.policies[*i], Metric::Spend));
        let most = spends.fold(0.0, f64::max);
        let why = match doc.replications {
            1 => "One replication cannot",
            _ => "These runs cannot",
        };
        return format!(
            "{why} show which policy is the cheapest: {} finish {} of tasks for {} to {}.",
            list(doc, &all),
            share_of(doc, &all),
            money(mean(policy, Metric::Spend)),
            money(most)
        );
    }
    equal.sort_unstable();
    let (verb, each) = match equal.len() {
        1 => ("finishes", ""),
        _ => ("finish", " each"),
    };
    let spend = money(mean(policy, Metric::Spend));
    format!(
        "{} {verb} {} of tasks for {spend}{each}{}.",
        list(doc, &equal),
        share_of(doc, &equal),
        certainty(doc, policy)
    )
}

/// The interval of the spend, in brackets.
fn certainty(doc: &Document, policy: &PolicyResult) -> String {
    match policy.metric(Metric::Spend).ci95 {
        None => " (one replication: no interval)".to_owned(),
        Some([low, high]) if low == high => {
            format!(" (the same in all {} replications)", doc.replications)
        }
        Some([low, high]) => format!(" (95 % interval {} to {})", money(low), money(high)),
    }
}

/// The leader against the dearest policy.
fn contrast(doc: &Document, leader: usize) -> Option<String> {
    let spend = |i: &usize| mean(&doc.policies[*i], Metric::Spend);
    let all = 0..doc.policies.len();
    let dearest = all
        .filter(|i| *i != leader)
        .rev()
        .max_by(|a, b| spend(a).total_cmp(&spend(b)))?;
    let policy = &doc.policies[dearest];
    let difference = doc.difference(dearest, leader, Metric::Spend)?;
    let what = match finished(policy) {
        0.0 => "finishes nothing".to_owned(),
        share => format!("finishes {}", percent(share)),
    };
    let spends = format!(
        "{} spends {} and {what}",
        quoted(policy),
        money(spend(&dearest))
    );
    match shown(Some(difference)) {
        Shown::More => {
            let [low, high] = difference.ci95?;
            let size = money(difference.mean?);
            Some(match low == high {
                true => format!("{spends}. The difference is {size} a run."),
                false => format!(
                    "{spends}. The difference is {size} a run ({} to {}).",
                    money(low),
                    money(high)
                ),
            })
        }
        Shown::Equal => None,
        // Who spends less and is not the leader finishes too little to be.
        Shown::Less => {
            let [low, high] = difference.ci95?;
            let size = money(-difference.mean?);
            Some(match low == high {
                true => format!("{spends}: that is {size} a run saved, for less work."),
                false => format!(
                    "{spends}: that is {size} a run saved ({} to {}), for less work.",
                    money(-high),
                    money(-low)
                ),
            })
        }
        Shown::Unknown => {
            let cannot = match difference.n {
                0 | 1 => {
                    "one replication cannot say whether the difference in spend is more than luck"
                }
                _ => "the runs cannot show that the difference in spend is more than luck",
            };
            Some(format!("{spends}; {cannot}."))
        }
    }
}

/// A dearer policy that is shown to finish more.
fn finishes_more(doc: &Document, leader: usize) -> Option<String> {
    let more = |i: &usize| {
        *i != leader && shown(doc.difference(*i, leader, Metric::SuccessRate)) == Shown::More
    };
    let all = 0..doc.policies.len();
    let rate = |i: &usize| finished(&doc.policies[*i]);
    let best = all
        .filter(more)
        .max_by(|a, b| rate(a).total_cmp(&rate(b)))?;
    let policy = &doc.policies[best];
    Some(format!(
        "{} finishes more, {}, for {}.",
        quoted(policy),
        percent(finished(policy)),
        money(mean(policy, Metric::Spend))
    ))
}

fn finished(policy: &PolicyResult) -> f64 {
    mean(policy, Metric::SuccessRate)
}

fn quoted(policy: &PolicyResult) -> String {
    format!("`{}`", name(&policy.name).replace('`', "'"))
}

/// Names in a list: all of them, or the first few and how many more.
fn list(doc: &Document, which: &[usize]) -> String {
    let names: Vec<String> = which.iter().map(|i| quoted(&doc.policies[*i])).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] if names.len() <= 4 => format!("{} and {last}", most.join(", ")),
        _ => format!("{} and {} more", names[..3].join(", "), names.len() - 3),
    }
}

/// The share of tasks that they finish: one value, or from least to most.
fn share_of(doc: &Document, which: &[usize]) -> String {
    let rates = || which.iter().map(|i| finished(&doc.policies[*i]));
    let (least, most) = (rates().fold(1.0, f64::min), rates().fold(0.0, f64::max));
    match (percent(least), percent(most)) {
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// Two policies that finish alike, with this difference of the second's spend to the first's.
    fn two(ci95: Option<[f64; 2]>) -> Document {
        let mut doc = fixture::document(2);
        doc.replications = if ci95.is_some() { 200 } else { 1 };
        for policy in &mut doc.policies {
            policy.metrics[Metric::SuccessRate as usize].mean = Some(0.99);
        }
        let spend = Metric::Spend as usize;
        for d in &mut doc.differences[1][0] {
            *d = Difference {
                n: 200,
                mean: Some(0.0),
                ci95: Some([0.0, 0.0]),
            };
        }
        let mean = ci95.map_or(-1.0, |[low, high]| (low + high) / 2.0);
        doc.differences[1][0][spend] = Difference {
            n: doc.replications,
            mean: Some(mean),
            ci95,
        };
        doc
    }

    #[test]
    fn a_winner_is_named_where_the_interval_lies_below_zero() {
        let text = verdict(&two(Some([-450.0, -440.0])));
        assert!(text[0].starts_with("`by-the-book` finishes 99.0% of tasks for $"));
        assert!(text[1].starts_with("`hand-rolled` spends $"));
        assert!(text[1].ends_with("The difference is $445.00 a run ($440.00 to $450.00)."));
    }

    #[test]
    fn no_winner_is_named_where_the_interval_holds_zero() {
        let text = verdict(&two(Some([-450.0, 1.0])));
        assert!(text[0].starts_with("These runs cannot show which policy is the cheapest: "));
        assert!(text[1].ends_with("cannot show that the difference in spend is more than luck."));
    }

    #[test]
    fn who_spends_less_because_it_finishes_less_is_said_to() {
        let mut doc = two(Some([9.0, 10.0]));
        doc.policies[0].metrics[Metric::SuccessRate as usize].mean = Some(0.5);
        let spend = Metric::Spend as usize;
        let dearer = mean(&doc.policies[0], Metric::Spend) + 9.5;
        doc.policies[1].metrics[spend].mean = Some(dearer);
        let text = verdict(&doc);
        assert!(
            text[0].starts_with("`by-the-book` finishes 99.0%"),
            "{text:?}"
        );
        assert!(
            text[1].ends_with(
                "finishes 50.0%: that is $9.50 a run saved ($9.00 to $10.00), for less work."
            ),
            "{text:?}"
        );
    }

    #[test]
    fn one_replication_shows_nothing() {
        let text = verdict(&two(None));
        assert!(
            text[0].starts_with("One replication cannot show"),
            "{}",
            text[0]
        );
    }

    #[test]
    fn equal_policies_are_named_together() {
        let text = verdict(&two(Some([0.0, 0.0])));
        assert!(text[0].starts_with("`hand-rolled` and `by-the-book` finish 99.0%"));
        assert_eq!(text.len(), 1);
    }

    #[test]
    fn where_nothing_finishes_nobody_wins() {
        let mut doc = two(Some([-450.0, -440.0]));
        for policy in &mut doc.policies {
            policy.metrics[Metric::SuccessRate as usize].mean = Some(0.0);
        }
        assert!(verdict(&doc)[0].starts_with("No policy finishes a single task"));
    }
}

//! Playing cases, and judging claims.

use std::path::Path;

use rayon::prelude::*;

use crate::random::Weather;
use crate::scenario::{self, Scenario};
use crate::simulation::{Program, run as simulate};
use crate::statistics::summarise;

use super::claims::aws;
use super::{Case, Claim, Seen};

/// How thorough a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// All replications: each claim's interval must be small against its tolerance.
    Full,
    /// An eighth of them: a claim passes if its interval reaches its tolerance.
    Quick,
}

/// What became of a claim.
#[derive(Debug)]
pub struct Finding {
    /// The case.
    pub case: &'static Case,
    /// The claim.
    pub claim: &'static Claim,
    /// What the source says.
    pub theirs: f64,
    /// What the simulator says: the mean over the replications.
    pub ours: f64,
    /// Half of the mean's 95 % t interval; 0 where all replications agree.
    pub half: f64,
    /// How many replications it is the mean of.
    pub replications: u32,
    /// The verdict.
    pub verdict: Verdict,
}

/// Whether the simulator agrees with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within the tolerance.
    Passed,
    /// Outside it.
    Failed,
    /// The interval is too wide against the tolerance to say.
    TooRough,
}

/// A shipped scenario could not be played; a bug of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setup}: {what}")]
pub struct Fault {
    /// The setup.
    pub setup: String,
    /// What is wrong with it.
    pub what: String,
}

/// Plays the cases and judges their claims, in their order. Runs on the current rayon pool; asks
/// `stop` between cases and returns what it has.
pub fn verify(
    cases: &[&'static Case],
    effort: Effort,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Finding>, Fault> {
    let mut findings = vec![];
    for case in cases {
        if stop() {
            break;
        }
        findings.extend(one(case, effort)?);
    }
    Ok(findings)
}

fn one(case: &'static Case, effort: Effort) -> Result<Vec<Finding>, Fault> {
    let fault = |what: String| Fault {
        setup: case.setup.to_owned(),
        what,
    };
    let scenario = load(case.scenario.text, case.scenario.path, case.set).map_err(fault)?;
    let replications = match effort {
        Effort::Full => case.replications,
        Effort::Quick => (case.replications / 8).max(2),
    };
    let mut policies: Vec<&str> = case.claims.iter().map(|c| c.policy).collect();
    policies.dedup();
    let mut findings = vec![];
    for name in policies {
        let runs = play(&scenario, name, replications, case.warm_up).map_err(fault)?;
        if !runs.iter().all(Seen::is_complete) {
            return Err(fault(format!("a run of `{name}` was cut off")));
        }
        let claims = case.claims.iter().filter(|c| c.policy == name);
        findings.extend(claims.map(|claim| judge(case, claim, &runs, effort)));
    }
    Ok(findings)
}

fn load(text: &str, path: &str, set: &[&str]) -> Result<Scenario, String> {
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    match scenario::parse(text, path, Path::new(""), &set) {
        Ok(loaded) => Ok(loaded.scenario),
        Err(problems) => Err(problems.render(false)),
    }
}

/// Every replication of one policy, in order.
fn play(
    scenario: &Scenario,
    policy: &str,
    replications: u32,
    warm_up: u32,
) -> Result<Vec<Seen>, String> {
    let named = scenario.policies.iter().find(|p| p.name == policy);
    let policy = named.ok_or_else(|| format!("there is no policy `{policy}`"))?;
    let program = Program::new(scenario, policy);
    let run = |replication: u32| {
        let mut seen = Seen::new(warm_up);
        let weather = Weather::new(scenario.seed, u64::from(replication));
        let end = simulate(scenario, &program, weather, &mut seen, &|| false);
        seen.close(&end);
        seen
    };
    Ok((0..replications).into_par_iter().map(run).collect())
}

fn judge(case: &'static Case, claim: &'static Claim, runs: &[Seen], effort: Effort) -> Finding {
    let values: Vec<f64> = runs.iter().map(claim.reading).collect();
    let summary = summarise(&values);
    let ours = summary.mean.unwrap_or(f64::NAN);
    let half = summary.ci95.map_or(0.0, |[low, high]| (high - low) / 2.0);
    let theirs = claim.theirs.value();
    let width = claim.tolerance.width(theirs, claim.unit);
    Finding {
        case,
        claim,
        theirs,
        ours,
        half,
        replications: runs.len() as u32,
        verdict: verdict((ours - theirs).abs(), half, width, effort),
    }
}

/// Whether a reading that is `off` by so much, with an interval of `half` to each side, is within
/// `width`. In full, half of the tolerance is the most that luck may hide.
fn verdict(off: f64, half: f64, width: f64, effort: Effort) -> Verdict {
    let reach = match effort {
        Effort::Full => width,
        Effort::Quick => width + half,
    };
    if off > reach || off.is_nan() {
        Verdict::Failed
    } else if effort == Effort::Full && half > width / 2.0 {
        Verdict::TooRough
    } else {
        Verdict::Passed
    }
}

/// The clients of the grid of [`aws::GRID`]: 10, 20 … 190.
pub const GRID_CLIENTS: std::ops::RangeInclusive<u32> = 1..=19;

/// One curve of a grid: a policy, and for each number of clients (clients, mean calls, mean
/// milliseconds until the last one is done).
pub type Curve = (&'static str, Vec<(u32, f64, f64)>);

/// Plays the AWS experiment for 10 to 190 clients, so many runs each.
pub fn grid(replications: u32) -> Result<Vec<Curve>, Fault> {
    let point = |policy: &'static str, tens: u32| {
        let set = format!("fleets.clients.agents={}", 10 * tens);
        let shipped = &aws::SCENARIO;
        let runs = load(shipped.text, shipped.path, &[&set])
            .and_then(|scenario| play(&scenario, policy, replications, 0))
            .map_err(|what| Fault { setup: set, what })?;
        let mean = |of: fn(&Seen) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        Ok((10 * tens, mean(Seen::attempts), mean(Seen::end_ms)))
    };
    let curve = |policy: &&'static str| {
        let points: Result<Vec<_>, Fault> = GRID_CLIENTS.map(|n| point(policy, n)).collect();
        Ok((*policy, points?))
    };
    aws::POLICIES.iter().map(curve).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_passes_only_on_a_fine_enough_interval() {
        use Effort::{Full, Quick};
        assert_eq!(verdict(0.9, 0.4, 1.0, Full), Verdict::Passed);
        assert_eq!(verdict(1.1, 0.4, 1.0, Full), Verdict::Failed);
        assert_eq!(verdict(0.9, 0.6, 1.0, Full), Verdict::TooRough);
        assert_eq!(verdict(1.1, 0.4, 1.0, Quick), Verdict::Passed);
        assert_eq!(verdict(1.5, 0.4, 1.0, Quick), Verdict::Failed);
        assert_eq!(verdict(f64::NAN, 0.0, 1.0, Quick), Verdict::Failed);
    }

    #[test]
    fn a_wrong_claim_fails() {
        static WRONG: Case = Case {
            source: &aws::SOURCE,
            setup: "a claim that is wrong",
            scenario: &super::super::claims::bills::SCENARIO,
            set: &[],
            replications: 2,
            warm_up: 0,
            claims: &[Claim {
                what: "bill",
                policy: "none",
                reading: Seen::spend,
                theirs: super::super::Theirs::Published(52.81),
                tolerance: super::super::Tolerance::Exact,
                unit: super::super::Unit::Dollars,
            }],
        };
        let found = verify(&[&WRONG], Effort::Full, &|| false).expect("it can be played");
        assert_eq!(found[0].verdict, Verdict::Failed);
        assert_eq!(found[0].ours, 52.8);
    }
}

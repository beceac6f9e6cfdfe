//! Billing: what each outcome is charged, and whether it counts toward limits.

use crate::units::Share;
use crate::wire::Outcome;

/// What one outcome is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingRule {
    /// Share of the input tokens charged.
    pub input: Share,
    /// Share of the output tokens charged.
    pub output: Share,
    /// Share of the price per call charged.
    pub call: Share,
    /// Whether such an attempt counts toward the target's rate limits.
    pub counted: bool,
}

/// A rule for each outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billing([BillingRule; Outcome::COUNT]);

impl BillingRule {
    /// Charged in full.
    pub const FULL: BillingRule = BillingRule {
        input: Share::ALL,
        output: Share::ALL,
        call: Share::ALL,
        counted: true,
    };
    /// Free, but counted.
    pub const FREE: BillingRule = BillingRule {
        input: Share::NONE,
        output: Share::NONE,
        call: Share::NONE,
        counted: true,
    };
}

impl Billing {
    /// The rule for `outcome`.
    pub fn rule(&self, outcome: Outcome) -> BillingRule {
        self.0[outcome as usize]
    }

    /// Replaces the rule for `outcome`.
    pub fn set(&mut self, outcome: Outcome, rule: BillingRule) {
        self.0[outcome as usize] = rule;
    }
}

impl Default for Billing {
    /// `ok` and `invalid` in full; a client-side timeout in full too, because generation goes on;
    /// everything else free but counted.
    ///
    /// Source: providers return no usage for 429 and 5xx (Gemini's billing FAQ says 400 and 500 are
    /// not charged, Azure's that 429 is not); OpenAI and Anthropic publish no rule for abandoned
    /// requests, so full is our assumption, and the careful one.
    fn default() -> Billing {
        let mut billing = Billing([BillingRule::FREE; Outcome::COUNT]);
        for outcome in [Outcome::Ok, Outcome::Invalid, Outcome::Timeout] {
            billing.set(outcome, BillingRule::FULL);
        }
        billing
    }
}

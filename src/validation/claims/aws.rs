//! M. Brooker, "Exponential Backoff And Jitter".

use crate::validation::Unit::{Calls, Millis};
use crate::validation::{Case, Claim, Seen, Shipped, Source, Theirs, Tolerance};

/// The policies, in the order of the original's code with none first.
pub const POLICIES: [&str; 5] = [
    "none",
    "exponential",
    "equal-jitter",
    "full-jitter",
    "decorrelated",
];

/// N clients and one row.
pub static SCENARIO: Shipped = Shipped {
    path: "scenarios/validation/aws-backoff.yaml",
    text: include_str!("../../../scenarios/validation/aws-backoff.yaml"),
};

/// The post.
pub static SOURCE: Source = Source {
    key: "aws",
    title: "M. Brooker, \"Exponential Backoff And Jitter\", AWS Architecture Blog",
    year: 2015,
    link: "https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/",
    detail: "The post shows curves; the numbers are means of 1,000 runs of its simulator \
             (https://github.com/aws-samples/aws-arch-backoff-simulator), from which we also have \
             what the text leaves open: each hop is drawn by itself, the first failure waits for \
             5·2¹ ms, decorrelated jitter begins with previous = base, a write is a call and a \
             read is none, and time ends when the last client has its answer.",
};

const fn calls(policy: &'static str, theirs: f64) -> Claim {
    Claim {
        what: "calls",
        policy,
        reading: Seen::attempts,
        theirs: Theirs::Published(theirs),
        tolerance: Tolerance::Share(0.005),
        unit: Calls,
    }
}

const fn finish(policy: &'static str, theirs: f64) -> Claim {
    Claim {
        what: "last client done",
        policy,
        reading: Seen::end_ms,
        theirs: Theirs::Published(theirs),
        tolerance: Tolerance::Share(0.02),
        unit: Millis,
    }
}

pub(super) static CASES: &[Case] = &[Case {
    source: &SOURCE,
    setup: "100 clients",
    scenario: &SCENARIO,
    set: &[],
    replications: 4_000,
    warm_up: 0,
    claims: &[
        calls("none", 2422.4),
        finish("none", 2028.0),
        calls("exponential", 1855.2),
        finish("exponential", 63398.0),
        calls("equal-jitter", 812.5),
        finish("equal-jitter", 6612.0),
        calls("full-jitter", 795.9),
        finish("full-jitter", 4894.0),
        calls("decorrelated", 1002.7),
        finish("decorrelated", 4582.0),
    ],
}];

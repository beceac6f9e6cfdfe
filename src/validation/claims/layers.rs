//! Retries in layers.

use crate::validation::Unit::Ratio;
use crate::validation::{Case, Claim, Seen, Shipped, Source, Theirs, Tolerance};

static SCENARIO: Shipped = Shipped {
    path: "scenarios/validation/layers.yaml",
    text: include_str!("../../../scenarios/validation/layers.yaml"),
};

static SRE: Source = Source {
    key: "sre",
    title: "Google, \"Site Reliability Engineering\", chapter 22: Addressing Cascading Failures",
    year: 2016,
    link: "https://sre.google/sre-book/addressing-cascading-failures/",
    detail: "Three layers that each make up to four attempts; and a client that may retry a tenth of \
             its requests, with three attempts a request (the budget is in chapter 21, Handling \
             Overload). By the same rule three layers of three make 27.",
};

static BUILDERS: Source = Source {
    key: "builders",
    title: "M. Brooker, \"Timeouts, retries, and backoff with jitter\", Amazon Builders' Library",
    year: 2019,
    link: "https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/",
    detail: "A stack five deep, three attempts in each layer: the load on the database grows 243 \
             times.",
};

const fn load(policy: &'static str, theirs: f64, tolerance: Tolerance) -> Claim {
    Claim {
        what: "load",
        policy,
        reading: Seen::load,
        theirs: Theirs::Published(theirs),
        tolerance,
        unit: Ratio,
    }
}

const fn case(source: &'static Source, setup: &'static str, claims: &'static [Claim]) -> Case {
    Case {
        source,
        setup,
        scenario: &SCENARIO,
        set: &[],
        replications: 2,
        warm_up: 0,
        claims,
    }
}

pub(super) static CASES: &[Case] = &[
    case(
        &SRE,
        "a dead backend under layers",
        &[
            load("three-by-four", 64.0, Tolerance::Exact),
            load("three-by-three", 27.0, Tolerance::Exact),
            load("alone", 3.0, Tolerance::Exact),
            load("alone-with-a-budget", 1.1, Tolerance::Exact),
        ],
    ),
    case(
        &BUILDERS,
        "a dead database under five layers",
        &[load("five-by-three", 243.0, Tolerance::Exact)],
    ),
];

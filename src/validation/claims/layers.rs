//! Retries in layers.

use crate::validation::Unit::Ratio;
use crate::validation::{Case, Claim, Seen, Shipped, Source, Theirs, Tolerance};

static SCENARIO: Shipped = Shipped {
    path: "scenarios/validation/layers.yaml",
    text: include_str!("../../../scenarios/validation/layers.yaml"),
};

static THROTTLED: Shipped = Shipped {
    path: "scenarios/validation/throttle.yaml",
    text: include_str!("../../../scenarios/validation/throttle.yaml"),
};

static OVERLOAD: Source = Source {
    key: "sre-throttle",
    title: "Google, \"Site Reliability Engineering\", chapter 21: Handling Overload",
    year: 2016,
    link: "https://sre.google/sre-book/handling-overload/",
    detail: "Client-side throttling: of D requests a second to a backend that accepts C of them, \
             min(D, K·C) are sent. Load is what is sent over what is asked for, at C = 50/s.",
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

const fn throttled(
    setup: &'static str,
    set: &'static [&'static str],
    claims: &'static [Claim],
) -> Case {
    Case {
        source: &OVERLOAD,
        setup,
        scenario: &THROTTLED,
        set,
        replications: 4,
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
    throttled(
        "D = 400/s",
        &["fleets.client.tasks.arrivals.poisson=400/s"],
        &[
            load("k-of-two", 100.0 / 400.0, Tolerance::Share(0.01)),
            load("k-of-one-and-a-tenth", 55.0 / 400.0, Tolerance::Share(0.01)),
        ],
    ),
    throttled(
        "D = 60/s",
        &["fleets.client.tasks.arrivals.poisson=60/s"],
        &[
            load("k-of-two", 1.0, Tolerance::Share(0.01)),
            load("k-of-one-and-a-tenth", 55.0 / 60.0, Tolerance::Share(0.01)),
        ],
    ),
    case(
        &BUILDERS,
        "a dead database under five layers",
        &[load("five-by-three", 243.0, Tolerance::Exact)],
    ),
];

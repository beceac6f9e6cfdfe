//! M. Brooker, "Fixing retries with token buckets and circuit breakers".

use crate::random::math::pow;
use crate::validation::Unit::Ratio;
use crate::validation::{Case, Claim, Seen, Shipped, Source, Theirs, Tolerance};

static SCENARIO: Shipped = Shipped {
    path: "scenarios/validation/retries.yaml",
    text: include_str!("../../../scenarios/validation/retries.yaml"),
};

static SOURCE: Source = Source {
    key: "brooker",
    title: "M. Brooker, \"Fixing retries with token buckets and circuit breakers\"",
    year: 2022,
    link: "https://brooker.co.za/blog/2022/02/28/retries.html",
    detail: "For no retries and three retries the simulator of the post \
             (https://github.com/mbrooker/simulator_example, retry_sim) has closed forms: success \
             1 - p^(n+1) and load (1 - p^(n+1))/(1 - p) for n retries. The text says that with N \
             retries the effective failure rate is x^N; counting the first try it is x^(N+1).",
};

const fn success(policy: &'static str, theirs: fn() -> f64) -> Claim {
    Claim {
        what: "success",
        policy,
        reading: Seen::success,
        theirs: Theirs::Formula(theirs),
        tolerance: Tolerance::By(0.005),
        unit: Ratio,
    }
}

const fn load(policy: &'static str, theirs: fn() -> f64) -> Claim {
    Claim {
        what: "load",
        policy,
        reading: Seen::load,
        theirs: Theirs::Formula(theirs),
        tolerance: Tolerance::Share(0.01),
        unit: Ratio,
    }
}

fn succeeds(p: f64, retries: f64) -> f64 {
    1.0 - pow(p, retries + 1.0)
}

const fn case(setup: &'static str, set: &'static [&'static str], claims: &'static [Claim]) -> Case {
    Case {
        source: &SOURCE,
        setup,
        scenario: &SCENARIO,
        set,
        replications: 40,
        warm_up: 0,
        claims,
    }
}

pub(super) static CASES: &[Case] = &[
    case(
        "p = 0.5",
        &["tools.server.failures=50%"],
        &[
            success("none", || succeeds(0.5, 0.0)),
            load("none", || 1.0),
            success("three-retries", || succeeds(0.5, 3.0)),
            load("three-retries", || succeeds(0.5, 3.0) / 0.5),
        ],
    ),
    case(
        "p = 0.1",
        &["tools.server.failures=10%"],
        &[
            success("none", || succeeds(0.1, 0.0)),
            load("none", || 1.0),
            success("three-retries", || succeeds(0.1, 3.0)),
            load("three-retries", || succeeds(0.1, 3.0) / 0.9),
        ],
    ),
];

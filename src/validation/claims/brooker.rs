//! M. Brooker, "Fixing retries with token buckets and circuit breakers".

use crate::random::math::pow;
use crate::validation::Theirs::{Formula, Published};
use crate::validation::Unit::Ratio;
use crate::validation::{Case, Claim, Seen, Shipped, Source, Theirs, Tolerance};

static SCENARIO: Shipped = Shipped {
    path: "scenarios/validation/retries.yaml",
    text: include_str!("../../../scenarios/validation/retries.yaml"),
};

static CLIENTS: Shipped = Shipped {
    path: "scenarios/validation/clients.yaml",
    text: include_str!("../../../scenarios/validation/clients.yaml"),
};

static SOURCE: Source = Source {
    key: "brooker",
    title: "M. Brooker, \"Fixing retries with token buckets and circuit breakers\"",
    year: 2022,
    link: "https://brooker.co.za/blog/2022/02/28/retries.html",
    detail: "For no retries and three retries the simulator of the post \
             (https://github.com/mbrooker/simulator_example, retry_sim) has closed forms: success \
             1 - p^(n+1) and load (1 - p^(n+1))/(1 - p) for n retries. The text says that with N \
             retries the effective failure rate is x^N; counting the first try it is x^(N+1). The \
             figures of the bucket and the breaker are means of that simulator; there the breaker \
             stops retries alone, and the bucket is the only bound on them.",
};

const fn success(policy: &'static str, theirs: Theirs) -> Claim {
    Claim {
        what: "success",
        policy,
        reading: Seen::success,
        theirs,
        tolerance: Tolerance::By(0.005),
        unit: Ratio,
    }
}

const fn load(policy: &'static str, theirs: Theirs) -> Claim {
    Claim {
        what: "load",
        policy,
        reading: Seen::load,
        theirs,
        tolerance: Tolerance::Share(0.01),
        unit: Ratio,
    }
}

fn succeeds(p: f64, retries: f64) -> f64 {
    1.0 - pow(p, retries + 1.0)
}

const fn case(
    setup: &'static str,
    scenario: &'static Shipped,
    set: &'static [&'static str],
    claims: &'static [Claim],
) -> Case {
    Case {
        source: &SOURCE,
        setup,
        scenario,
        set,
        replications: 40,
        warm_up: 0,
        claims,
    }
}

pub(super) static CASES: &[Case] = &[
    case(
        "p = 0.5",
        &SCENARIO,
        &["tools.server.failures=50%"],
        &[
            success("none", Formula(|| succeeds(0.5, 0.0))),
            load("none", Formula(|| 1.0)),
            success("three-retries", Formula(|| succeeds(0.5, 3.0))),
            load("three-retries", Formula(|| succeeds(0.5, 3.0) / 0.5)),
        ],
    ),
    case(
        "p = 0.5, clients that remember",
        &CLIENTS,
        &["tools.server.failures=50%"],
        &[
            success("adaptive", Published(0.572)),
            load("adaptive", Published(1.142)),
            success("breaker", Published(0.501)),
            load("breaker", Published(1.0)),
        ],
    ),
    case(
        "p = 0.1",
        &SCENARIO,
        &["tools.server.failures=10%"],
        &[
            success("none", Formula(|| succeeds(0.1, 0.0))),
            load("none", Formula(|| 1.0)),
            success("three-retries", Formula(|| succeeds(0.1, 3.0))),
            load("three-retries", Formula(|| succeeds(0.1, 3.0) / 0.9)),
        ],
    ),
    case(
        "p = 0.1, clients that remember",
        &CLIENTS,
        &["tools.server.failures=10%"],
        &[
            success("adaptive", Published(0.991)),
            load("adaptive", Published(1.103)),
            success("breaker", Published(0.926)),
            load("breaker", Published(1.03)),
        ],
    ),
];

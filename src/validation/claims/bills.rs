//! Bills of incidents, from their own inputs: claimed and computed.

use crate::validation::Unit::Dollars;
use crate::validation::{Case, Claim, Seen, Shipped, Source, Theirs, Tolerance};

/// So many calls with so many tokens each.
pub static SCENARIO: Shipped = Shipped {
    path: "scenarios/validation/bills.yaml",
    text: include_str!("../../../scenarios/validation/bills.yaml"),
};

static GROWING: Shipped = Shipped {
    path: "scenarios/growing-prompt.yaml",
    text: include_str!("../../../scenarios/growing-prompt.yaml"),
};

static RETRIES: Shipped = Shipped {
    path: "scenarios/validation-retries.yaml",
    text: include_str!("../../../scenarios/validation-retries.yaml"),
};

static SOURCE: Source = Source {
    key: "bills",
    title: "Bills of incidents, recomputed from the inputs that were told with them",
    year: 2025,
    link: "",
    detail: "Claim checks: theirs is what was claimed, ours what the claim's own calls, tokens and \
             prices come to.",
};

const fn bill(policy: &'static str, theirs: f64, tolerance: Tolerance) -> Claim {
    Claim {
        what: "bill",
        policy,
        reading: Seen::spend,
        theirs: Theirs::Published(theirs),
        tolerance,
        unit: Dollars,
    }
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
        replications: 2,
        warm_up: 0,
        claims,
    }
}

pub(super) static CASES: &[Case] = &[
    case(
        "960 calls of (12,000 in, 2,500 out) at $2.50/M and $10/M",
        &SCENARIO,
        &[],
        &[bill("none", 52.80, Tolerance::Exact)],
    ),
    case(
        "1,026 calls of (5,000 in, 1,200 out) at $3/M and $15/M",
        &SCENARIO,
        &[
            "fleets.callers.tasks.count=1026",
            "models.model.price={input: $3/M, output: $15/M}",
            "fleets.callers.plan.0.prompt=5000",
            "fleets.callers.plan.0.output=1200",
        ],
        // Claimed to the cent.
        &[bill("none", 33.86, Tolerance::By(0.005))],
    ),
    case(
        "57,500 calls of (8,000 in, 2,000 out) at $2.50/M and $10/M",
        &SCENARIO,
        &[
            "fleets.callers.tasks.count=57500",
            "fleets.callers.plan.0.prompt=8000",
            "fleets.callers.plan.0.output=2000",
        ],
        &[bill("none", 2300.0, Tolerance::Exact)],
    ),
    case(
        "one document, ten attempts, each prompt 500 tokens longer",
        &GROWING,
        &[
            "fleets.priced-by-size.tasks.count=1",
            "models.real.price={per_call: $0}",
        ],
        &[bill("ten-attempts-growing", 1.325, Tolerance::Exact)],
    ),
    case(
        "10,000 such documents",
        &GROWING,
        &["models.real.price={per_call: $0}"],
        &[
            bill("one-attempt", 500.0, Tolerance::Exact),
            bill("ten-attempts-growing", 13_250.0, Tolerance::Exact),
        ],
    ),
    case(
        "1,000 documents that never pass, at $0.05 an attempt",
        &RETRIES,
        &[],
        &[
            bill("attempts-1", 50.0, Tolerance::Exact),
            bill("attempts-10", 500.0, Tolerance::Exact),
        ],
    ),
];

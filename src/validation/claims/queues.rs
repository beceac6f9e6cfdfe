//! Queueing theory.

use crate::random::math::exp;
use crate::validation::Unit::{Ratio, Seconds};
use crate::validation::theory::{
    batches_mm1, erlang_a, erlang_b, erlang_transform, gm1, interrupted_transform, mg1, mg1_shared,
    mm1, mmc, repairman,
};
use crate::validation::{Case, Claim, Seen, Shipped, Source, Theirs, Tolerance};

static OPEN: Shipped = Shipped {
    path: "scenarios/validation/queue.yaml",
    text: include_str!("../../../scenarios/validation/queue.yaml"),
};

static CLOSED: Shipped = Shipped {
    path: "scenarios/validation/repairman.yaml",
    text: include_str!("../../../scenarios/validation/repairman.yaml"),
};

static SOURCE: Source = Source {
    key: "queues",
    title: "L. Kleinrock, \"Queueing Systems\", volumes 1 and 2",
    year: 1976,
    link: "https://www.wiley.com/en-us/Queueing+Systems%2C+Volume+I-p-9780471491101",
    detail: "Formulas of chapters 3 and 5 (M/M/1, Erlang's B and C, Pollaczek and Khinchine, the \
             machine repairman), of chapters 4 and 6 (several at once, G/M/1) and of chapter 4 of volume 2 (shared servers), computed by the program; times are means over the tasks after the \
             first 5,000 of a run, which meet an empty queue.",
};

static IMPATIENT: Source = Source {
    key: "impatience",
    title: "O. Garnett, A. Mandelbaum, M. Reiman, \"Designing a Call Center with Impatient Customers\", \
            Manufacturing & Service Operations Management 4(3)",
    year: 2002,
    link: "https://doi.org/10.1287/msom.4.3.208.7753",
    detail: "Erlang's A, computed by the program from its birth-death process: customers leave the line \
             at a rate of 1/5 s each, and are served at 1.2/s. A timeout around the whole call goes on while the \
             customer is served; so service takes Exp(1 s) and is cut off at 1/5 s, which leaves the number of \
             customers what it is in Erlang's A, and to those who leave the line adds a sixth of the others. Tasks \
             after the first 5,000 of a run.",
};

const fn claim(what: &'static str, reading: fn(&Seen) -> f64, theirs: fn() -> f64) -> Claim {
    Claim {
        what,
        policy: "none",
        reading,
        theirs: Theirs::Formula(theirs),
        tolerance: Tolerance::Share(0.01),
        unit: Seconds,
    }
}

const fn loss(theirs: fn() -> f64) -> Claim {
    Claim {
        unit: Ratio,
        ..claim("lost", Seen::loss, theirs)
    }
}

const fn sojourn(theirs: fn() -> f64) -> Claim {
    claim("time in system", Seen::sojourn, theirs)
}

const fn open(
    setup: &'static str,
    set: &'static [&'static str],
    replications: u32,
    claims: &'static [Claim],
) -> Case {
    Case {
        source: &SOURCE,
        setup,
        scenario: &OPEN,
        set,
        replications,
        warm_up: 5_000,
        claims,
    }
}

/// A lognormal of median 0.5 s and sigma 1: mean and second moment.
fn lognormal() -> (f64, f64) {
    (0.5 * exp(0.5), 0.25 * exp(2.0))
}

pub(super) static CASES: &[Case] = &[
    open("M/M/1, 70 % busy", &[], 80, &[sojourn(|| mm1(0.7, 1.0))]),
    open(
        "M/M/5, 70 % busy (Erlang's C)",
        &[
            "tools.server.capacity={servers: 5}",
            "fleets.customers.tasks.arrivals={poisson: 35/10s}",
        ],
        24,
        &[sojourn(|| mmc(5, 3.5))],
    ),
    open(
        "M/M/5/5, 4 erlangs (Erlang's B)",
        &[
            "tools.server.capacity={servers: 5, queue: 0}",
            "fleets.customers.tasks.arrivals={poisson: 4/s}",
        ],
        24,
        &[loss(|| erlang_b(5, 4.0))],
    ),
    open(
        "M/G/5/5, lognormal, 4 erlangs (Erlang's B)",
        &[
            "tools.server.capacity={servers: 5, queue: 0}",
            "tools.server.latency={lognormal: {p50: 606.53066ms, sigma: 1}}",
            "fleets.customers.tasks.arrivals={poisson: 4/s}",
        ],
        64,
        &[loss(|| erlang_b(5, 4.0))],
    ),
    open(
        "M/D/1, 70 % busy",
        &["tools.server.latency=1s"],
        40,
        &[sojourn(|| mg1(0.7, 1.0, 1.0))],
    ),
    open(
        "M/G/1, lognormal, 58 % busy",
        &["tools.server.latency={lognormal: {p50: 500ms, sigma: 1}}"],
        160,
        &[sojourn(|| mg1(0.7, lognormal().0, lognormal().1))],
    ),
    open(
        "M/G/1, Weibull of shape 2, 70 % busy",
        // The scale is 1/Gamma(3/2), so that the mean is 1 and the second moment 4/pi.
        &["tools.server.latency={weibull: {scale: 1128.379167ms, shape: 2}}"],
        64,
        &[sojourn(|| mg1(0.7, 1.0, 4.0 / std::f64::consts::PI))],
    ),
    open(
        "M/G/1, two exponentials, 50 % busy",
        &[
            "tools.server.latency={mixture: [{share: 80%, of: {exponential: {mean: 500ms}}}, \
             {share: 20%, of: {exponential: {mean: 3s}}}]}",
            "fleets.customers.tasks.arrivals={poisson: 5/10s}",
        ],
        240,
        // The second moment of an exponential is twice its mean squared.
        &[sojourn(|| {
            mg1(0.5, 1.0, 0.8 * 2.0 * 0.25 + 0.2 * 2.0 * 9.0)
        })],
    ),
    open(
        "D/M/1, 70 % busy",
        &["fleets.customers.tasks.arrivals={gaps: 1428571428ns}"],
        80,
        &[sojourn(|| gm1(|s| exp(-s / 0.7)))],
    ),
    open(
        "E3/M/1, 70 % busy",
        &["fleets.customers.tasks.arrivals={gaps: {erlang: {phases: 3, mean: 1428571428ns}}}"],
        80,
        &[sojourn(|| gm1(erlang_transform(3, 1.0 / 0.7)))],
    ),
    open(
        "M/M/1, on and off, 70 % busy",
        &[
            "fleets.customers.tasks.arrivals={on_off: {on: {exponential: {mean: 2s}}, \
             off: {exponential: {mean: 1s}}, rate: 105/100s}}",
        ],
        120,
        &[sojourn(|| gm1(interrupted_transform(1.05, 0.5, 1.0)))],
    ),
    open(
        "M/M/1, five at once, 70 % busy",
        &[
            "fleets.customers.tasks.arrivals={poisson: 14/100s}",
            "fleets.customers.tasks.batch=5",
        ],
        160,
        &[sojourn(|| batches_mm1(0.14, 5.0))],
    ),
    open(
        "M/G/1 shared by all, two exponentials, 70 % busy",
        &[
            "tools.server.capacity={servers: 1, order: shared}",
            "tools.server.latency={mixture: [{share: 80%, of: {exponential: {mean: 500ms}}}, \
             {share: 20%, of: {exponential: {mean: 3s}}}]}",
        ],
        240,
        &[sojourn(|| mg1_shared(0.7, 1.0))],
    ),
    open(
        "M/G/1 shared by all, constant, 70 % busy",
        &[
            "tools.server.capacity={servers: 1, order: shared}",
            "tools.server.latency=1s",
        ],
        80,
        &[sojourn(|| mg1_shared(0.7, 1.0))],
    ),
    Case {
        source: &SOURCE,
        setup: "six machines, one repairer",
        scenario: &CLOSED,
        set: &[],
        replications: 24,
        warm_up: 500,
        claims: &[claim("time down", Seen::response, || repairman(6, 4.0))],
    },
    Case {
        source: &IMPATIENT,
        ..open(
            "M/M/5, 6/s, patient for 5 s on average",
            &[
                "tools.server.capacity={servers: 5}",
                "tools.server.cancels=true",
                "fleets.customers.tasks.arrivals={poisson: 6/s}",
                "policies.none.tool=[{timeout: {exponential: {mean: 5s}}}]",
            ],
            24,
            &[loss(|| {
                let line = erlang_a(5, 6.0, 1.2, 0.2);
                line + (1.0 - line) * 0.2 / 1.2
            })],
        )
    },
];

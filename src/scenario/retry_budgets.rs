//! Retry budgets: one key says the kind.

use super::fields::Fields;
use super::layers::shared;
use super::model::{LayerKind, Shared};
use super::presets::with_preset;
use super::reader::Reader;
use super::retry::outcomes;
use super::tree::Node;
use crate::presets::LayerKind as PresetOf;
use crate::resilience::{
    ActiveSpec, BreakerSpec, BucketSpec, QuotaSpec, RetryBudgetSpec, ThrottleSpec, WindowedSpec,
};
use crate::units::Span;

type Kind = fn(&Node, &mut Reader) -> Option<RetryBudgetSpec>;

/// The kinds, and who shares a budget of each unless the scenario says otherwise: those that real
/// libraries keep in a client object are shared by its whole fleet.
const KINDS: [(&str, Shared, Kind); 10] = [
    ("retries", Shared::Task, |n, r| {
        Some(RetryBudgetSpec::Count(r.count32(n, 0)?))
    }),
    ("next_retries", Shared::Task, |n, r| {
        Some(RetryBudgetSpec::NextCount(r.count32(n, 0)?))
    }),
    ("cost", Shared::Task, |n, r| {
        let factor = r.factor(n)?;
        Some(RetryBudgetSpec::Cost { factor })
    }),
    ("ratio", Shared::Fleet, |n, r| {
        Some(RetryBudgetSpec::Ratio(r.share(n)?))
    }),
    ("throttle", Shared::Fleet, throttle),
    ("quota", Shared::Fleet, quota),
    ("deposits", Shared::Fleet, deposits),
    ("active", Shared::Fleet, active),
    ("bucket", Shared::Fleet, bucket),
    ("failure_rate", Shared::Fleet, |n, r| {
        Some(RetryBudgetSpec::Failures(r.share(n)?))
    }),
];

/// A retry budget.
pub(super) fn retry_budget(node: &Node, r: &mut Reader) -> Option<(LayerKind, Shared)> {
    let node = &*with_preset(node, PresetOf::RetryBudget, r)?;
    let mut f = Fields::of(node, "a retry budget", r)?;
    let mut found: Vec<(&str, Shared, Kind, &Node)> = Vec::new();
    for (key, per, kind) in KINDS {
        if let Some(value) = f.get(key) {
            found.push((key, per, kind, value));
        }
    }
    let per = found.first().map_or(Shared::Task, |(_, per, ..)| *per);
    let per = shared(&mut f, "per", per, r);
    let mut spec = None;
    match found[..] {
        [] => {
            let keys = "one of the keys `retries`, `next_retries`, `cost`, `ratio`, `throttle`, `quota`, \
                        `deposits`, `active`, `bucket` and `failure_rate`";
            f.needs(keys, r);
        }
        [(.., kind, value)] => spec = kind(value, r),
        [(first, ..), (second, .., value), ..] => {
            let message = format!("a retry budget has either `{first}` or `{second}`, not both");
            r.error(value.owner, message);
        }
    }
    f.finish(r);
    Some((LayerKind::RetryBudget(spec?), per))
}

fn throttle(node: &Node, r: &mut Reader) -> Option<RetryBudgetSpec> {
    /// So many tokens may a gRPC service config ask for (gRFC A6).
    const MOST: u64 = 1000;
    let mut f = Fields::of(node, "a retry throttle", r)?;
    let max = f.required("tokens", r, |n, r| r.count_in(n, 1, MOST));
    let ratio = f.required("ratio", r, |n, r| r.positive_factor(n));
    let on = f.optional("on", r, |n, r| outcomes(n, None, r));
    f.finish(r);
    // Three decimals count; the rest is cut off, but not for how a double is rounded.
    let thousandths = (ratio? * 1000.0 + 1e-6).min(1e6) as u32;
    Some(RetryBudgetSpec::Throttle(ThrottleSpec {
        max: max? as u32,
        ratio: thousandths,
        on: on.unwrap_or(BreakerSpec::DEFAULT_ON),
    }))
}

fn quota(node: &Node, r: &mut Reader) -> Option<RetryBudgetSpec> {
    let mut f = Fields::of(node, "a retry quota", r)?;
    let capacity = f.required("capacity", r, |n, r| r.count32(n, 0));
    let cost = f.required("cost", r, |n, r| r.count32(n, 1));
    let throttled = f.optional("throttled", r, |n, r| r.count32(n, 0));
    let timeout = f.optional("timeout", r, |n, r| r.count32(n, 0));
    let success = f.optional("success", r, |n, r| r.count32(n, 0));
    f.finish(r);
    let cost = cost?;
    Some(RetryBudgetSpec::Quota(QuotaSpec {
        capacity: capacity?,
        cost,
        throttled: throttled.unwrap_or(cost),
        timeout: timeout.unwrap_or(cost),
        success: success.unwrap_or(1),
    }))
}

fn deposits(node: &Node, r: &mut Reader) -> Option<RetryBudgetSpec> {
    /// Retries that each first attempt may pay for, in Finagle and tower.
    const MOST: f64 = 1000.0;
    let mut f = Fields::of(node, "a budget of deposits", r)?;
    let ttl = f.optional("ttl", r, |n, r| {
        let ttl = r.time(n)?;
        if (Span::seconds(1)..=Span::seconds(60)).contains(&ttl) {
            return Some(ttl);
        }
        r.error(n.place, "expected 1s to 60s, as Finagle and tower do");
        None
    });
    let per_second = f.optional("per_second", r, |n, r| r.count32(n, 0));
    let ratio = f.required("ratio", r, |n, r| {
        let ratio = r.factor(n)?;
        if ratio <= MOST {
            return Some(ratio);
        }
        r.error(n.place, "expected a number of at most 1000");
        None
    });
    let whole = f.optional("whole", r, |n, r| r.boolean(n));
    let on = [("first", false), ("success", true)];
    let on_success = f.optional("on", r, |n, r| r.choice(n, &on));
    f.finish(r);
    Some(RetryBudgetSpec::Windowed(WindowedSpec {
        ttl: ttl.unwrap_or(Span::seconds(10)),
        per_second: per_second.unwrap_or(0),
        share: ratio?,
        whole: whole.unwrap_or(false),
        on_success: on_success.unwrap_or(false),
    }))
}

fn active(node: &Node, r: &mut Reader) -> Option<RetryBudgetSpec> {
    let mut f = Fields::of(node, "a budget of active retries", r)?;
    let share = f.required("ratio", r, |n, r| r.share(n));
    let least = f.optional("least", r, |n, r| r.count32(n, 0));
    f.finish(r);
    Some(RetryBudgetSpec::Active(ActiveSpec {
        share: share?,
        least: least.unwrap_or(0),
    }))
}

fn bucket(node: &Node, r: &mut Reader) -> Option<RetryBudgetSpec> {
    let mut f = Fields::of(node, "a bucket of retries", r)?;
    let size = f.required("size", r, |n, r| r.count32(n, 1));
    let deposit = f.required("deposit", r, |n, r| r.positive_factor(n));
    let on = [("first", false), ("success", true)];
    let on_success = f.optional("on", r, |n, r| r.choice(n, &on));
    f.finish(r);
    // Three decimals count; the rest is cut off, but not for how a double is rounded.
    let thousandths = (deposit? * 1000.0 + 1e-6).min(1e9) as u32;
    Some(RetryBudgetSpec::Bucket(BucketSpec {
        size: size?,
        deposit: thousandths,
        on_success: on_success.unwrap_or(false),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::units::Share;

    fn spec(yaml: &str) -> Result<(RetryBudgetSpec, Shared), String> {
        let (kind, shared) = read(yaml, retry_budget)?;
        let LayerKind::RetryBudget(spec) = kind else {
            panic!("{kind:?}")
        };
        Ok((spec, shared))
    }

    #[test]
    fn each_kind_has_the_defaults_of_the_manual() {
        let bucket = RetryBudgetSpec::Bucket(BucketSpec {
            size: 5,
            deposit: 100,
            on_success: false,
        });
        let yaml = "{bucket: {size: 5, deposit: 0.1}}";
        assert_eq!(spec(yaml), Ok((bucket, Shared::Fleet)));
        let failures = RetryBudgetSpec::Failures(Share(100_000));
        let yaml = "{failure_rate: 10%, per: task}";
        assert_eq!(spec(yaml), Ok((failures, Shared::Task)));
        let ratio = RetryBudgetSpec::Ratio(Share(100_000));
        assert_eq!(spec("{ratio: 10%}"), Ok((ratio, Shared::Fleet)));
        let count = RetryBudgetSpec::Count(3);
        assert_eq!(spec("{retries: 3}"), Ok((count, Shared::Task)));
        let throttle = RetryBudgetSpec::Throttle(ThrottleSpec {
            max: 10,
            ratio: 123,
            on: BreakerSpec::DEFAULT_ON,
        });
        let yaml = "{throttle: {tokens: 10, ratio: 0.1239}, per: all}";
        assert_eq!(spec(yaml), Ok((throttle, Shared::All)));
        let quota = RetryBudgetSpec::Quota(QuotaSpec {
            capacity: 500,
            cost: 5,
            throttled: 5,
            timeout: 10,
            success: 1,
        });
        let yaml = "{quota: {capacity: 500, cost: 5, timeout: 10}}";
        assert_eq!(spec(yaml), Ok((quota, Shared::Fleet)));
        let deposits = RetryBudgetSpec::Windowed(WindowedSpec {
            ttl: Span::seconds(10),
            per_second: 0,
            share: 0.2,
            whole: false,
            on_success: false,
        });
        assert_eq!(
            spec("{deposits: {ratio: 0.2}}"),
            Ok((deposits, Shared::Fleet))
        );
        let active = RetryBudgetSpec::Active(ActiveSpec {
            share: Share(200_000),
            least: 3,
        });
        assert_eq!(
            spec("{active: {ratio: 20%, least: 3}}"),
            Ok((active, Shared::Fleet))
        );
    }

    #[test]
    fn mistakes_are_told() {
        let told = |yaml: &str| spec(yaml).unwrap_err();
        assert_eq!(
            told("{retries: 3, cost: 2}"),
            "a retry budget has either `retries` or `cost`, not both"
        );
        assert_eq!(
            told("{ratio: 10%, quota: {capacity: 5, cost: 1}}"),
            "a retry budget has either `ratio` or `quota`, not both"
        );
        assert!(told("{per: all}").starts_with("a retry budget needs one of the keys `retries`"));
        assert_eq!(
            told("{deposits: {ttl: 2m, ratio: 0.2}}"),
            "expected 1s to 60s, as Finagle and tower do"
        );
        assert_eq!(
            told("{deposits: {ratio: 1001}}"),
            "expected a number of at most 1000"
        );
        assert_eq!(
            told("{quota: {capacity: 5}}"),
            "a retry quota needs the key `cost`"
        );
    }

    #[test]
    fn a_preset_is_a_budget_too() {
        let (botocore, _) = spec("botocore-quota@1.43").unwrap();
        let own = "{preset: botocore-quota@1.43, ratio: 10%}";
        assert_ne!(spec(own).unwrap().0, botocore);
        assert_eq!(
            spec("openai-python").unwrap_err(),
            "`openai-python` is no preset of a `retry_budget`"
        );
    }
}

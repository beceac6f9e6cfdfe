//! The metrics: what is measured of each run, by key, unit and meaning.

/// One metric of a run. The order is the order of columns in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "Metric::about says it for each")]
pub enum Metric {
    Spend,
    Wasted,
    FirstAttempt,
    Retry,
    SpendPerSuccess,
    Ideal,
    IdealRatio,
    Attempts,
    LlmAttempts,
    ToolAttempts,
    Denied,
    RateLimited,
    TokensIn,
    TokensOut,
    TokensCached,
    Tasks,
    TasksOk,
    TasksFailed,
    TasksUnfinished,
    CutOff,
    DeadLettered,
    SuccessRate,
    Amplification,
    TaskMean,
    TaskP50,
    TaskP90,
    TaskP99,
    TaskP999,
    End,
    Recovery,
    PeakRate,
}

impl Metric {
    /// How many metrics there are.
    pub const COUNT: usize = 31;
    /// All metrics, in order: `ALL[m as usize] == m`.
    pub const ALL: [Metric; Metric::COUNT] = {
        use Metric::*;
        [
            Spend,
            Wasted,
            FirstAttempt,
            Retry,
            SpendPerSuccess,
            Ideal,
            IdealRatio,
            Attempts,
            LlmAttempts,
            ToolAttempts,
            Denied,
            RateLimited,
            TokensIn,
            TokensOut,
            TokensCached,
            Tasks,
            TasksOk,
            TasksFailed,
            TasksUnfinished,
            CutOff,
            DeadLettered,
            SuccessRate,
            Amplification,
            TaskMean,
            TaskP50,
            TaskP90,
            TaskP99,
            TaskP999,
            End,
            Recovery,
            PeakRate,
        ]
    };

    /// The metrics that are known of each fleet too, in order.
    pub const BY_FLEET: [Metric; 16] = {
        use Metric::*;
        [
            Spend,
            Wasted,
            Retry,
            SpendPerSuccess,
            Attempts,
            Tasks,
            TasksOk,
            TasksFailed,
            TasksUnfinished,
            DeadLettered,
            SuccessRate,
            TaskMean,
            TaskP50,
            TaskP90,
            TaskP99,
            TaskP999,
        ]
    };

    /// Its key in `summary.json` and in thresholds.
    pub fn key(self) -> &'static str {
        self.about().0
    }

    /// What it means, with its unit.
    pub fn meaning(self) -> &'static str {
        self.about().1
    }

    /// The metric of that key. `spend`, without its unit, is understood too.
    pub fn named(key: &str) -> Option<Metric> {
        Metric::ALL
            .into_iter()
            .find(|m| m.key() == key || m.key().strip_suffix("_usd") == Some(key))
    }

    /// Whether its unit is dollars.
    pub fn is_money(self) -> bool {
        self.key().ends_with("_usd")
    }

    fn about(self) -> (&'static str, &'static str) {
        match self {
            Metric::Spend => ("spend_usd", "dollars charged"),
            Metric::Wasted => (
                "wasted_usd",
                "dollars for attempts whose result was thrown away",
            ),
            Metric::FirstAttempt => ("first_attempt_usd", "dollars for first attempts"),
            Metric::Retry => ("retry_usd", "dollars for all later attempts"),
            Metric::SpendPerSuccess => (
                "spend_per_success_usd",
                "dollars for each task that succeeded; null where none did",
            ),
            Metric::Ideal => (
                "ideal_usd",
                "dollars of the same weather without any failure, limit or outage",
            ),
            Metric::IdealRatio => ("ideal_ratio", "spend_usd over ideal_usd"),
            Metric::Attempts => ("attempts", "attempts on the wire"),
            Metric::LlmAttempts => ("llm_attempts", "attempts on the wire to models"),
            Metric::ToolAttempts => ("tool_attempts", "attempts on the wire to tools"),
            Metric::Denied => ("denied", "attempts refused by the client before the wire"),
            Metric::RateLimited => ("rate_limited", "attempts answered with 429"),
            Metric::TokensIn => ("tokens_in", "input tokens charged"),
            Metric::TokensOut => ("tokens_out", "output tokens charged"),
            Metric::TokensCached => (
                "tokens_cached",
                "input tokens charged that were read from the prompt cache",
            ),
            Metric::Tasks => ("tasks", "tasks that arrived"),
            Metric::TasksOk => ("tasks_ok", "tasks that succeeded"),
            Metric::TasksFailed => ("tasks_failed", "tasks that failed for good"),
            Metric::TasksUnfinished => (
                "tasks_unfinished",
                "tasks that had arrived but not ended when the run was cut off",
            ),
            Metric::CutOff => (
                "cut_off",
                "1 where a limit cut the run off before its tasks had ended, else 0",
            ),
            Metric::DeadLettered => (
                "dead_lettered",
                "tasks left in a dead-letter queue, failed or unfinished",
            ),
            Metric::SuccessRate => ("success_rate", "tasks_ok over all tasks that arrived"),
            Metric::Amplification => (
                "amplification",
                "attempts on the wire over first attempts; null without any",
            ),
            Metric::TaskMean => ("task_seconds_mean", "mean task time in seconds"),
            Metric::TaskP50 => ("task_seconds_p50", "median task time in seconds"),
            Metric::TaskP90 => (
                "task_seconds_p90",
                "90th percentile of task time in seconds",
            ),
            Metric::TaskP99 => (
                "task_seconds_p99",
                "99th percentile of task time in seconds",
            ),
            Metric::TaskP999 => (
                "task_seconds_p999",
                "99.9th percentile of task time in seconds",
            ),
            Metric::End => ("end_seconds", "when the last task ended, in seconds"),
            Metric::Recovery => (
                "recovery_seconds",
                "from the end of the run's last outage until the last success of a task that was ready \
                 before that, of fleets that call a target with an outage; until the end of the run \
                 where one never ended; null without an outage, and where all of them failed; one that \
                 comes again without end is none",
            ),
            Metric::PeakRate => (
                "peak_attempts_per_second",
                "most attempts begun within one second of the clock",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_find_their_metric() {
        for (i, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, i);
            assert_eq!(Metric::named(metric.key()), Some(metric));
        }
        assert_eq!(Metric::named("spend"), Some(Metric::Spend));
        assert!(Metric::BY_FLEET.is_sorted());
    }

    /// The scenario reader has the keys in a list of its own, so that it need not import this room.
    #[test]
    fn thresholds_know_the_same_metrics() {
        let keys = Metric::ALL.map(Metric::key);
        assert_eq!(keys.as_slice(), crate::scenario::METRICS);
        let of_fleets = Metric::BY_FLEET.map(Metric::key);
        assert_eq!(of_fleets.as_slice(), crate::scenario::FLEET_METRICS);
    }
}

//! Failure in time: outages at fixed times, random episodes, scripts.

use crate::random::stream::{Process, Stream};
use crate::units::{Share, Span, Time};
use crate::wire::Outcome;

use super::{RetryAfterHint, Window};

/// How a target is down for a time: attempts that arrive in it fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// What a failure in it looks like.
    pub outcome: Outcome,
    /// When it says to come back; it knows the end of the window.
    pub retry_after: RetryAfterHint,
    /// Whom it strikes.
    pub reach: Reach,
}

/// A time in which work takes longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowdown {
    /// How many times as long, if it begins then.
    pub factor: f64,
    /// Whom it strikes.
    pub reach: Reach,
}

/// Whom something strikes while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The probability that it strikes.
    pub rate: Share,
    /// Who is struck or spared as one.
    pub by: StruckBy,
}

/// Who throws one coin: each attempt, or somebody once for as long as it lasts, as one of three
/// replicas is down for those whom it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StruckBy {
    /// Each attempt.
    Attempt = 0,
    /// Each task.
    Task = 1,
    /// Each agent, with its sub-agents; in an open loop each task.
    Agent = 2,
    /// Each fleet.
    Fleet = 3,
}

impl Reach {
    /// Everybody.
    pub const ALL: Reach = Reach {
        rate: Share::ALL,
        by: StruckBy::Attempt,
    };

    /// Whether nobody is spared.
    pub fn strikes_all(self) -> bool {
        self.rate == Share::ALL
    }
}

/// On/off failure: exponential times up and down, by turns, beginning up.
///
/// Failures then come in runs, which is what makes nested retries dear.
#[derive(Clone, Debug, PartialEq)]
pub struct Episodes {
    /// Mean time between the end of an episode and the begin of the next.
    pub mean_up: Span,
    /// Mean length of an episode.
    pub mean_down: Span,
    /// Whom an episode strikes.
    pub reach: Reach,
    /// When a failure says to come back; an episode's end is known to the target.
    pub retry_after: RetryAfterHint,
}

/// Outcomes written down in advance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The replies, in order; never empty.
    pub replies: Vec<ScriptedReply>,
    /// What comes after the last one.
    pub then: ScriptThen,
    /// Whether each call reads the script from its beginning (its n-th attempt gets the n-th
    /// reply), or the target reads it once, request by request.
    pub per_call: bool,
}

/// One line of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptedReply {
    /// How the attempt ends.
    pub outcome: Outcome,
    /// The `Retry-After` that it sends.
    pub retry_after: Option<Span>,
}

/// What comes after a script's last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptThen {
    /// The script again, from its beginning.
    Repeat,
    /// The last line for ever.
    Last,
    /// The target's other behaviour.
    Normal,
}

impl Script {
    /// The `n`-th reply (from 0), or `None` where the script has ended.
    pub fn reply(&self, n: u64) -> Option<ScriptedReply> {
        let len = self.replies.len() as u64;
        let i = match self.then {
            ScriptThen::Repeat => n % len,
            ScriptThen::Last => n.min(len - 1),
            ScriptThen::Normal if n < len => n,
            ScriptThen::Normal => return None,
        };
        Some(self.replies[i as usize])
    }
}

/// The episodes of one target in one replication, drawn as time goes on.
#[derive(Clone, Debug)]
pub struct EpisodeTimeline {
    mean_up: Span,
    mean_down: Span,
    stream: Stream,
    current: Window,
}

impl EpisodeTimeline {
    /// The episodes of target number `target`; draws from its own ChaCha8 stream.
    pub fn new(spec: &Episodes, seed: u64, replication: u64, target: u32) -> EpisodeTimeline {
        let mut timeline = EpisodeTimeline {
            mean_up: spec.mean_up,
            mean_down: spec.mean_down,
            stream: Stream::new(seed, replication, Process::Episodes, target),
            current: Window {
                from: Time::ZERO,
                until: Time::ZERO,
            },
        };
        timeline.advance();
        timeline
    }

    /// The episode that holds `now`, if one does; time must not go back.
    pub fn at(&mut self, now: Time) -> Option<Window> {
        while self.current.until <= now {
            self.advance();
        }
        Some(self.current).filter(|w| w.holds(now))
    }

    /// On to the next episode.
    fn advance(&mut self) {
        // At least a nanosecond each, so that time always moves on.
        let mut span = |mean: Span| Span((self.stream.exponential(mean.0 as f64) as u64).max(1));
        let from = self.current.until + span(self.mean_up);
        self.current = Window {
            from,
            until: from + span(self.mean_down),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_ends_as_it_says() {
        let reply = |outcome| ScriptedReply {
            outcome,
            retry_after: None,
        };
        let mut script = Script {
            replies: vec![reply(Outcome::Transient), reply(Outcome::Ok)],
            then: ScriptThen::Repeat,
            per_call: false,
        };
        assert_eq!(script.reply(2), Some(reply(Outcome::Transient)));
        script.then = ScriptThen::Last;
        assert_eq!(script.reply(9), Some(reply(Outcome::Ok)));
        script.then = ScriptThen::Normal;
        assert_eq!(script.reply(1), Some(reply(Outcome::Ok)));
        assert_eq!(script.reply(2), None);
    }

    #[test]
    fn episodes_are_down_for_their_share_of_time() {
        let spec = Episodes {
            mean_up: Span::seconds(30),
            mean_down: Span::seconds(10),
            reach: Reach::ALL,
            retry_after: RetryAfterHint::Silent,
        };
        let mut timeline = EpisodeTimeline::new(&spec, 7, 0, 0);
        let steps = 2_000_000u32;
        let down = (0..steps)
            .filter(|i| timeline.at(Time(u64::from(*i) * 100_000_000)).is_some())
            .count();
        // 5,000 cycles of mean 40 s: the share's standard error is about 0.0053·√2 ≈ 0.004.
        let share = down as f64 / f64::from(steps);
        assert!((share - 0.25).abs() < 0.016, "{share}");
    }
}

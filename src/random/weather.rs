//! Keyed draws: the luck of one attempt as a function of its place in the plan.

use super::philox;

/// What a draw is for. Each purpose has draws of its own, so that a new one disturbs no old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Latency, failure coin, output tokens, validation coin of an attempt.
    Attempt = 0,
    /// Network delays there and back, hang coin, `Retry-After` jitter of an attempt.
    Network = 1,
    /// Length of a prompt, result or think time: drawn once a step, not once an attempt.
    Step = 2,
    /// Whether a document can pass validation at all: drawn once a task.
    Document = 3,
    /// When an agent starts.
    Start = 4,
    /// Jitter of a policy's backoff. Not weather: keyed apart from all of it.
    Backoff = 5,
    /// Whether a policy's adaptive throttle rejects a request. Not weather either.
    Throttle = 6,
    /// Jitter of a circuit breaker's open time. Not weather either.
    OpenTime = 7,
    /// How long a look-up in a store takes that clients share.
    Store = 8,
    /// The row of a step at a target with contention, and the hops between read and write.
    Rows = 9,
    /// Whether load, an outage, an episode or a slowdown strikes an attempt.
    Trouble = 10,
    /// Whether one strikes an agent, a task or a fleet: keyed by the window, not by an attempt.
    Struck = 11,
    /// How long a client waits where its timeout is drawn.
    Patience = 12,
}

/// The place of a draw within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The fleet's number.
    pub fleet: u8,
    /// The task's number within the fleet (or the agent's, for draws of agents).
    pub task: u32,
    /// The step's number within the fleet's plan.
    pub step: u16,
    /// Which round of the enclosing `repeat`s and which branch of the enclosing `parallel`s.
    pub round: u32,
    /// Which attempt of this step in this task, from 0.
    pub attempt: u32,
    /// Which hedge beside that attempt, from 1; 0 is the attempt itself. At most 15.
    pub hedge: u8,
}

/// The source of all keyed draws of one replication.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    keys: philox::Keys,
    replication: u64,
    seed: u64,
}

impl Weather {
    /// The weather of one replication under one seed.
    pub fn new(seed: u64, replication: u64) -> Weather {
        let key = mix(seed.wrapping_add(replication.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        Weather {
            keys: philox::keys([key as u32, (key >> 32) as u32]),
            replication,
            seed,
        }
    }

    /// The four words for this spot and purpose.
    #[inline]
    pub fn draw(&self, spot: Spot, purpose: Purpose) -> [u32; 4] {
        let what = u32::from(spot.hedge) << 4 | u32::from(purpose as u8);
        let place = u32::from(spot.step) << 16 | u32::from(spot.fleet) << 8 | what;
        philox::block(&self.keys, [spot.task, place, spot.round, spot.attempt])
    }

    /// The seed and replication that this weather belongs to.
    pub fn origin(&self) -> (u64, u64) {
        (self.seed, self.replication)
    }
}

/// A number in \[0, 1) from 32 random bits.
#[inline]
pub fn unit(bits: u32) -> f64 {
    f64::from(bits) / 4_294_967_296.0
}

/// A number in (0, 1) from 32 random bits: the middle of its cell, so never 0 and never 1.
#[inline]
pub fn unit_open(bits: u32) -> f64 {
    (f64::from(bits) + 0.5) / 4_294_967_296.0
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, 2014): a bijection that scatters near keys.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT: Spot = Spot {
        fleet: 1,
        task: 2,
        step: 3,
        round: 4,
        attempt: 5,
        hedge: 0,
    };

    #[test]
    fn a_draw_depends_on_every_part_of_its_spot() {
        let weather = Weather::new(7, 0);
        let base = weather.draw(SPOT, Purpose::Attempt);
        assert_eq!(base, weather.draw(SPOT, Purpose::Attempt));
        let others = [
            weather.draw(Spot { fleet: 2, ..SPOT }, Purpose::Attempt),
            weather.draw(Spot { task: 3, ..SPOT }, Purpose::Attempt),
            weather.draw(Spot { step: 4, ..SPOT }, Purpose::Attempt),
            weather.draw(Spot { round: 5, ..SPOT }, Purpose::Attempt),
            weather.draw(Spot { attempt: 6, ..SPOT }, Purpose::Attempt),
            weather.draw(Spot { hedge: 1, ..SPOT }, Purpose::Attempt),
            weather.draw(SPOT, Purpose::Backoff),
            Weather::new(8, 0).draw(SPOT, Purpose::Attempt),
            Weather::new(7, 1).draw(SPOT, Purpose::Attempt),
        ];
        for other in others {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn units_stay_inside_their_interval() {
        assert_eq!(unit(0), 0.0);
        assert!(unit(u32::MAX) < 1.0);
        assert!(unit_open(0) > 0.0 && unit_open(u32::MAX) < 1.0);
    }
}

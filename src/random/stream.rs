//! ChaCha8 streams for whole processes: arrivals, failure episodes, breakdowns.
//!
//! A process is drawn in its own order, from its own stream, whatever the policies do. The stream
//! is named by (seed, replication, process kind, number), never by how many streams came before.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::math;

/// Which process a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Process {
    /// Arrivals of tasks at a fleet.
    Arrivals = 1,
    /// On/off failure episodes of a target.
    Episodes = 2,
    /// Breakdowns of a target.
    Breakdowns = 3,
}

/// A stream of uniform numbers for one process.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of one process: `number` is the fleet's or the target's.
    pub fn new(seed: u64, replication: u64, process: Process, number: u32) -> Stream {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&replication.to_le_bytes());
        key[16] = process as u8;
        key[20..24].copy_from_slice(&number.to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }

    /// The next number in (0, 1), 53 bits fine.
    pub fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    /// The next exponential number of this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * math::ln(self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_draws_are_frozen() {
        let mut stream = Stream::new(7, 0, Process::Arrivals, 0);
        let bits = [stream.unit().to_bits(), stream.unit().to_bits()];
        assert_eq!(bits, [0x3fe3_ab95_44f3_4712, 0x3fe8_0f23_fb80_c200]);
    }

    #[test]
    fn streams_of_different_processes_differ() {
        let first = |p, n| Stream::new(7, 0, p, n).unit();
        assert_ne!(first(Process::Arrivals, 0), first(Process::Episodes, 0));
        assert_ne!(first(Process::Arrivals, 0), first(Process::Arrivals, 1));
    }
}

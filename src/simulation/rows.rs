//! The rows of a target with optimistic contention, and what an attempt does to them.

use crate::random::{Purpose, Spot, Weather};
use crate::units::Span;
use crate::wire::Outcome;
use crate::world::{Contention, Target};

/// The rows of one target during one run.
#[derive(Debug)]
pub struct Rows<'a> {
    spec: &'a Contention,
    /// How often each was written; where it wraps, nobody still holds the number from before.
    versions: Vec<u32>,
}

/// What an attempt has read.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    row: u32,
    version: u32,
    /// How long reply and request travel between the read and the write.
    pub between: Span,
}

impl Access {
    /// Of an attempt that has read nothing.
    pub const NONE: Access = Access {
        row: 0,
        version: 0,
        between: Span::ZERO,
    };
}

impl<'a> Rows<'a> {
    /// Rows that nobody has written.
    pub fn new(spec: &'a Contention) -> Rows<'a> {
        Rows {
            spec,
            versions: vec![0; spec.rows as usize],
        }
    }

    /// An attempt reads its row. Draws purpose [`Purpose::Rows`].
    pub fn read(&self, weather: &Weather, spot: Spot, target: &Target) -> Access {
        let row = match self.spec.rows {
            1 => 0,
            rows => {
                let step = Spot {
                    attempt: 0,
                    hedge: 0,
                    ..spot
                };
                let luck = weather.draw(step, Purpose::Rows)[2];
                ((u64::from(luck) * u64::from(rows)) >> 32) as u32
            }
        };
        let between = match &target.network {
            Some(network) if self.spec.by_client => {
                let luck = weather.draw(spot, Purpose::Rows);
                let hop = |bits| Span::from_nanos_f64(network.sample(bits));
                hop(luck[0]) + hop(luck[1])
            }
            _ => Span::ZERO,
        };
        Access {
            row,
            version: self.versions[row as usize],
            between,
        }
    }

    /// The attempt writes what it has read and worked on; how it ends if another was faster.
    ///
    /// A client that writes itself and has gone writes nothing.
    pub fn write(&mut self, access: Access, gone: bool) -> Option<Outcome> {
        if gone && self.spec.by_client {
            return None;
        }
        let version = &mut self.versions[access.row as usize];
        if *version != access.version {
            return Some(self.spec.outcome);
        }
        *version = version.wrapping_add(1);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(by_client: bool) -> Contention {
        Contention {
            rows: 2,
            by_client,
            outcome: Outcome::Transient,
        }
    }

    fn seen(rows: &Rows, row: u32) -> Access {
        Access {
            row,
            version: rows.versions[row as usize],
            between: Span::ZERO,
        }
    }

    #[test]
    fn the_first_writer_wins_each_row() {
        let spec = spec(true);
        let mut rows = Rows::new(&spec);
        let (one, two, other) = (seen(&rows, 0), seen(&rows, 0), seen(&rows, 1));
        assert_eq!(rows.write(one, false), None);
        assert_eq!(rows.write(two, false), Some(Outcome::Transient));
        assert_eq!(rows.write(other, false), None);
        assert_eq!(rows.write(seen(&rows, 0), false), None);
    }

    #[test]
    fn who_has_gone_writes_only_if_the_target_does_it() {
        for by_client in [true, false] {
            let spec = spec(by_client);
            let mut rows = Rows::new(&spec);
            let (gone, here) = (seen(&rows, 0), seen(&rows, 0));
            assert_eq!(rows.write(gone, true), None);
            assert_eq!(rows.write(here, false).is_none(), by_client);
        }
    }
}

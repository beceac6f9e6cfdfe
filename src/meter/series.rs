//! Series over time in a fixed number of buckets.
//!
//! How long a run will be is not known beforehand, so buckets begin narrow; whenever time runs past
//! the last one, neighbours are merged and all are twice as wide. Widths are therefore always
//! [`FIRST_WIDTH`] times a power of two, and any two series can be brought to the same grid exactly.

use serde::{Deserialize, Serialize};

use crate::units::{Money, Span, Time};
use crate::wire::Outcome;

/// The most buckets; a series that has been widened uses between half of them and all.
pub const BUCKETS: usize = 512;
/// The width that buckets begin with.
pub const FIRST_WIDTH: Span = Span::millis(10);
/// Rows of attempts: one an outcome, and one for attempts still open at the end.
pub const ROWS: usize = Outcome::COUNT + 1;

/// What happened in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Attempts that began in it, by how they ended; the last row is those still open.
    pub attempts: [u64; ROWS],
    /// Money charged in it.
    pub spend: Money,
    /// Tasks that succeeded in it.
    pub tasks_ok: u64,
}

/// A series of buckets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    width: Span,
    /// How often the width has been doubled.
    doubled: u32,
    buckets: Vec<Bucket>,
}

impl Default for Series {
    fn default() -> Series {
        Series {
            width: FIRST_WIDTH,
            doubled: 0,
            buckets: Vec::with_capacity(BUCKETS),
        }
    }
}

impl Series {
    /// The width of each bucket.
    pub fn width(&self) -> Span {
        self.width
    }

    /// The buckets from time zero to the last one in which something happened.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The bucket of a time.
    #[inline]
    pub fn at(&mut self, time: Time) -> &mut Bucket {
        let i = self.place_of(time);
        if i < self.buckets.len() as u64 {
            &mut self.buckets[i as usize]
        } else {
            self.grow_to(time)
        }
    }

    /// Which bucket is that of a time.
    #[inline]
    fn place_of(&self, time: Time) -> u64 {
        // The width is the first one times a power of two: no division by a variable.
        (time.0 / FIRST_WIDTH.0) >> self.doubled
    }

    /// The bucket of a time behind the last one.
    #[cold]
    #[inline(never)]
    fn grow_to(&mut self, time: Time) -> &mut Bucket {
        while self.place_of(time) >= BUCKETS as u64 {
            self.widen();
        }
        let i = self.place_of(time) as usize;
        let len = self.buckets.len().max(i + 1);
        self.buckets.resize(len, Bucket::default());
        &mut self.buckets[i]
    }

    /// Makes each bucket twice as wide.
    fn widen(&mut self) {
        let n = self.buckets.len();
        for i in 0..n.div_ceil(2) {
            let mut merged = self.buckets[2 * i];
            if let Some(next) = self.buckets.get(2 * i + 1) {
                merged.add(next);
            }
            self.buckets[i] = merged;
        }
        self.buckets.truncate(n.div_ceil(2));
        self.width = self.width.times(2);
        self.doubled += 1;
    }

    /// Makes the buckets at least so wide.
    pub fn widen_to(&mut self, width: Span) {
        while self.width < width {
            self.widen();
        }
    }

    /// Adds another series, bucket by bucket, on the wider of both grids.
    pub fn merge(&mut self, other: &Series) {
        self.widen_to(other.width);
        let mut other = other.clone();
        other.widen_to(self.width);
        if other.buckets.len() > self.buckets.len() {
            self.buckets.resize(other.buckets.len(), Bucket::default());
        }
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            bucket.add(more);
        }
    }
}

impl Bucket {
    fn add(&mut self, other: &Bucket) {
        for (n, more) in self.attempts.iter_mut().zip(other.attempts) {
            *n += more;
        }
        self.spend += other.spend;
        self.tasks_ok += other.tasks_ok;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(times: &[u64]) -> Series {
        let mut series = Series::default();
        for t in times {
            series.at(Time(*t)).attempts[0] += 1;
            series.at(Time(*t)).spend += Money(1);
        }
        series
    }

    fn counts(series: &Series) -> Vec<u64> {
        series.buckets().iter().map(|b| b.attempts[0]).collect()
    }

    #[test]
    fn widening_loses_nothing() {
        let width = FIRST_WIDTH.0;
        let mut s = series(&[0, width, 2 * width, 511 * width]);
        assert_eq!(s.buckets().len(), 512);
        s.at(Time(512 * width)).attempts[0] += 1;
        assert_eq!(s.width(), FIRST_WIDTH.times(2));
        assert_eq!(counts(&s)[..2], [2, 1]);
        assert_eq!(counts(&s)[255..], [1, 1]);
    }

    #[test]
    fn merging_does_not_depend_on_order() {
        let long = series(&[3, 1_000_000_000_000]);
        let short = series(&[5, 70_000_000]);
        let mut one = long.clone();
        one.merge(&short);
        let mut two = short;
        two.merge(&long);
        assert_eq!(one, two);
        assert_eq!(counts(&one).iter().sum::<u64>(), 4);
    }
}

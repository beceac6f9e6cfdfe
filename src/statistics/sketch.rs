//! A quantile sketch of integers: exact while they are few, a histogram once they are many.
//!
//! Up to [`EXACT_LIMIT`] values are kept as they are. The next one spills them all into the bins of an
//! HDR histogram with three significant digits over the whole range of `u64`, about half a megabyte,
//! which stays that size for ever. What a sketch answers depends only on the values that it was
//! given, never on their order or on how they were split among merged sketches.
//!
//! A value is counted into its bin here, in a few instructions, and in 16 bits, so that the bins in
//! use stay in the first cache; one that is full is carried over. The histogram is made of the
//! counts when a sketch of many values is asked.

use hdrhistogram::Histogram;

/// How many values are kept exactly.
pub const EXACT_LIMIT: usize = 65_536;

/// Significant decimal digits of the histogram: a quantile is right to one part in a thousand.
const DIGITS: u8 = 3;

/// A multiset of `u64` values (task times in nanoseconds) that answers quantiles, and their mean.
#[derive(Clone, Debug)]
pub struct Sketch {
    values: Values,
    sum: u128,
}

#[derive(Clone, Debug)]
enum Values {
    Exact(Vec<u64>),
    Binned(Bins),
}

/// How many values are in each bin.
#[derive(Clone, Debug)]
struct Bins {
    /// As many as were counted since the bin was last full.
    few: Box<[u16]>,
    /// Those before.
    carried: Box<[u64]>,
}

impl Bins {
    fn new() -> Bins {
        Bins {
            few: vec![0; BINS].into_boxed_slice(),
            carried: vec![0; BINS].into_boxed_slice(),
        }
    }

    #[inline]
    fn count(&mut self, value: u64) {
        let bin = bin_of(value);
        self.few[bin] += 1;
        if self.few[bin] == u16::MAX {
            self.carry(bin);
        }
    }

    #[cold]
    fn carry(&mut self, bin: usize) {
        self.carried[bin] += u64::from(std::mem::take(&mut self.few[bin]));
    }

    /// How many values each bin has.
    fn counts(&self) -> impl Iterator<Item = u64> {
        let both = self.few.iter().zip(&self.carried);
        both.map(|(few, carried)| u64::from(*few) + carried)
    }

    fn add(&mut self, other: &Bins) {
        let mine = self.carried.iter_mut();
        mine.zip(other.counts()).for_each(|(n, more)| *n += more);
    }
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch::new()
    }
}

impl Sketch {
    /// A sketch without values.
    pub const fn new() -> Sketch {
        Sketch {
            values: Values::Exact(Vec::new()),
            sum: 0,
        }
    }

    /// Adds a value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.sum += u128::from(value);
        match &mut self.values {
            Values::Exact(values) if values.len() < EXACT_LIMIT => values.push(value),
            Values::Binned(bins) => bins.count(value),
            Values::Exact(_) => self.record_beyond(value),
        }
    }

    #[cold]
    fn record_beyond(&mut self, value: u64) {
        self.spill().count(value);
    }

    /// Adds all values of another sketch. The order of merging does not matter.
    pub fn merge(&mut self, other: &Sketch) {
        self.sum += other.sum;
        match (&mut self.values, &other.values) {
            (Values::Exact(mine), Values::Exact(theirs))
                if mine.len() + theirs.len() <= EXACT_LIMIT =>
            {
                mine.extend_from_slice(theirs);
            }
            (_, Values::Exact(theirs)) => {
                let bins = self.spill();
                theirs.iter().for_each(|value| bins.count(*value));
            }
            (_, Values::Binned(theirs)) => self.spill().add(theirs),
        }
    }

    /// How many values there are.
    pub fn len(&self) -> u64 {
        match &self.values {
            Values::Exact(values) => values.len() as u64,
            Values::Binned(bins) => bins.counts().sum(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        matches!(&self.values, Values::Exact(values) if values.is_empty())
    }

    /// Whether quantiles are exact.
    pub fn is_exact(&self) -> bool {
        matches!(self.values, Values::Exact(_))
    }

    /// The mean of all values, of their exact sum. `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.len() as f64)
    }

    /// The quantile `q` in \[0, 1\] by nearest rank: the smallest value such that at least `q` of
    /// all values are not larger. Exact, or right to three significant digits once
    /// [`Sketch::is_exact`] says no. `None` without values.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let [value] = self.quantiles([q]);
        value
    }

    /// Several such quantiles at once, which is quicker.
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> [Option<u64>; N] {
        match &self.values {
            Values::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                shares.map(|q| {
                    let rank = (q.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
                    sorted.get(rank.saturating_sub(1)).copied()
                })
            }
            Values::Binned(bins) => {
                let histogram = histogram_of(bins.counts());
                shares.map(|q| Some(histogram.value_at_quantile(q)))
            }
        }
    }

    /// Turns exact values into bins, once.
    fn spill(&mut self) -> &mut Bins {
        if let Values::Exact(values) = &self.values {
            let mut bins = Bins::new();
            values.iter().for_each(|value| bins.count(*value));
            self.values = Values::Binned(bins);
        }
        match &mut self.values {
            Values::Binned(bins) => bins,
            Values::Exact(_) => unreachable!("just spilled"),
        }
    }
}

/// The bits of a value that its bin tells apart, the leading one included: enough for [`DIGITS`].
const BITS: u32 = 11;
/// Bins of each length; of length 1 there are twice as many.
const OF_LENGTH: usize = 1 << (BITS - 1);
/// Bins for every `u64`.
const BINS: usize = OF_LENGTH * (u64::BITS - BITS + 2) as usize;

/// The bin of a value: those of an HDR histogram, which double in length with each power of two.
#[inline]
fn bin_of(value: u64) -> usize {
    let exponent = (value | ((1 << BITS) - 1)).ilog2() + 1 - BITS;
    exponent as usize * OF_LENGTH + (value >> exponent) as usize
}

/// The least value of a bin.
fn least_of(bin: usize) -> u64 {
    let exponent = (bin / OF_LENGTH).saturating_sub(1);
    ((bin - exponent * OF_LENGTH) as u64) << exponent
}

/// The histogram that has these bins.
fn histogram_of(counts: impl Iterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, u64::MAX, DIGITS)
        .expect("the bounds and digits are constants that the library accepts");
    for (bin, count) in counts.enumerate().filter(|(_, count)| *count > 0) {
        histogram
            .record_n(least_of(bin), count)
            .expect("the histogram covers every u64");
    }
    histogram
}

/// Equal if they answer alike: the same values, or the same bins.
impl PartialEq for Sketch {
    fn eq(&self, other: &Sketch) -> bool {
        match (&self.values, &other.values) {
            (Values::Exact(a), Values::Exact(b)) => {
                let (mut a, mut b) = (a.clone(), b.clone());
                a.sort_unstable();
                b.sort_unstable();
                a == b
            }
            (Values::Binned(a), Values::Binned(b)) => a.counts().eq(b.counts()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::new();
        values.into_iter().for_each(|v| sketch.record(v));
        sketch
    }

    #[test]
    fn few_values_are_exact_by_nearest_rank() {
        let sketch = of([50, 15, 20, 40, 35]);
        let answers = [0.0, 0.05, 0.3, 0.4, 0.5, 1.0].map(|q| sketch.quantile(q).unwrap());
        assert_eq!(answers, [15, 15, 20, 20, 35, 50]);
        assert_eq!(Sketch::new().quantile(0.5), None);
    }

    #[test]
    fn the_mean_is_exact_beyond_the_spill() {
        assert_eq!(of([15, 20, 35]).mean(), Some(70.0 / 3.0));
        assert_eq!(Sketch::new().mean(), None);
        let many = 2 * EXACT_LIMIT as u64;
        assert_eq!(of(0..=many).mean(), Some(many as f64 / 2.0));
        assert_eq!(of([u64::MAX, u64::MAX]).mean(), Some(u64::MAX as f64));
    }

    #[test]
    fn extremes_of_the_range_survive_the_spill() {
        let mut sketch = of(0..EXACT_LIMIT as u64);
        assert!(sketch.is_exact());
        sketch.record(u64::MAX);
        assert!(!sketch.is_exact());
        assert_eq!(sketch.len(), EXACT_LIMIT as u64 + 1);
        assert!(sketch.quantile(1.0) > Some(u64::MAX / 1000 * 999));
        assert_eq!(sketch.quantile(0.0), Some(0));
    }

    #[test]
    fn many_values_are_right_to_three_digits() {
        let sketch = of((1..=200_000).map(|i| i * 1_000_003));
        for q in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = q * 200_000.0 * 1_000_003.0;
            let answer = sketch.quantile(q).unwrap() as f64;
            assert!((answer / exact - 1.0).abs() < 1e-3, "{answer} for {exact}");
        }
    }

    #[test]
    fn the_bins_are_those_of_the_histogram() {
        let whole = histogram_of(std::iter::empty());
        let mut before = None;
        for bin in 0..BINS {
            let least = least_of(bin);
            assert_eq!(bin_of(least), bin);
            assert_eq!(whole.lowest_equivalent(least), least);
            assert_eq!(bin_of(whole.highest_equivalent(least)), bin);
            assert_eq!(
                before
                    .replace(whole.next_non_equivalent(least))
                    .unwrap_or(0),
                least
            );
        }
        assert_eq!(bin_of(u64::MAX), BINS - 1);
    }

    #[test]
    fn a_full_bin_is_carried_over() {
        let full = u64::from(u16::MAX);
        for many in [2 * full - 1, 2 * full, 5 * full + 3] {
            let mut sketch = of((0..many).map(|_| 7));
            assert_eq!((sketch.len(), sketch.mean()), (many, Some(7.0)));
            sketch.record(9);
            assert!(sketch == of([9].into_iter().chain((0..many).map(|_| 7))));
            let rank = many as f64 / (many + 1) as f64;
            assert_eq!(sketch.quantiles([rank, 1.0]), [Some(7), Some(9)]);
            let mut twice = sketch.clone();
            twice.merge(&sketch);
            assert_eq!(twice.len(), 2 * many + 2);
        }
    }

    #[test]
    fn merging_does_not_depend_on_order_or_split() {
        let value = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (i % 60);
        for total in [1_000, EXACT_LIMIT as u64, EXACT_LIMIT as u64 + 1, 150_000] {
            let whole = of((0..total).map(value));
            let parts: Vec<Sketch> = (0..3)
                .map(|p| of((0..total).filter(|i| i % 3 == p).map(value)))
                .collect();
            for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
                let mut merged = Sketch::new();
                order.iter().for_each(|p| merged.merge(&parts[*p]));
                assert!(merged == whole, "{total} values, order {order:?}");
                assert_eq!(merged.quantile(0.99), whole.quantile(0.99));
                assert_eq!(merged.mean(), whole.mean());
            }
        }
    }

    #[test]
    fn merging_a_histogram_into_exact_values_spills_them() {
        let large = of(0..EXACT_LIMIT as u64 + 5);
        let mut small = of([7]);
        small.merge(&large);
        let mut other = large.clone();
        other.merge(&of([7]));
        assert!(small == other);
    }

    #[test]
    fn a_sketch_is_empty_until_it_is_told_something() {
        assert!(Sketch::new().is_empty());
        assert!(!of([0]).is_empty());
    }

    #[test]
    fn sketches_of_other_values_differ() {
        assert!(of([1, 2]) == of([2, 1]));
        assert!(of([1, 2]) != of([1, 3]));
        let many = |last| of((0..EXACT_LIMIT as u64).chain([last]));
        assert!(many(5) != many(500_000));
        assert!(many(5) != of(0..EXACT_LIMIT as u64));
    }
}

//! The metrics of single replications: exactly while they are few, summed up once they are many.
//!
//! Up to [`EXACT_REPLICATIONS`] every replication's row is kept. The next one turns them all into
//! moments, bins and moments of differences, whose size does not grow. What is answered depends only
//! on which replications there are, never on how they were split among shards.

use serde::{Deserialize, Serialize};

use crate::statistics::{Bins, Difference, Moments, Summary, difference, summarise};

use super::Metric;
use super::row::Row;

/// How many replications are kept one by one: 64 kB a policy and value of a row. Above, quantiles are known to one
/// part in a thousand, and means and intervals come from exact sums. Our choice: beyond it a p99
/// has forty samples behind it and no longer hangs on single runs.
pub const EXACT_REPLICATIONS: usize = 4_096;

/// The metrics of a range of replications, of all policies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Samples {
    policies: usize,
    /// Values in the row of one policy; the first are the metrics.
    columns: usize,
    kept: Kept,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kept {
    /// One row after another: replication by replication, policy by policy, value by value.
    Rows(Vec<Option<f64>>),
    /// For each policy, for each value of its row.
    Sums(Vec<Vec<Column>>),
}

/// What is known of one value of one policy's rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Column {
    moments: Moments,
    bins: Bins,
    /// Of this policy minus each before it, within each replication that has both; of metrics only.
    differences: Vec<Moments>,
}

impl Samples {
    /// None yet, of rows that are so wide.
    pub fn new(policies: usize, columns: usize) -> Samples {
        Samples {
            policies,
            columns,
            kept: Kept::Rows(vec![]),
        }
    }

    /// Adds a replication: a row for each policy.
    pub fn add(&mut self, rows: &[Row]) {
        assert_eq!(rows.len(), self.policies, "a row for each policy");
        let rows: Vec<Option<f64>> = rows.iter().flatten().copied().collect();
        assert_eq!(rows.len(), self.width(), "each as wide as all");
        self.append_rows(&rows);
    }

    /// Adds the replications of another, all of which come after these.
    pub fn append(&mut self, later: Samples) {
        match later.kept {
            Kept::Rows(rows) => self.append_rows(&rows),
            Kept::Sums(theirs) => {
                for (mine, theirs) in self.sums().iter_mut().zip(&theirs) {
                    for (column, more) in mine.iter_mut().zip(theirs) {
                        column.merge(more);
                    }
                }
            }
        }
    }

    fn append_rows(&mut self, rows: &[Option<f64>]) {
        let most = EXACT_REPLICATIONS * self.width();
        let width = self.width();
        match &mut self.kept {
            Kept::Rows(mine) if mine.len() + rows.len() <= most => mine.extend_from_slice(rows),
            _ => {
                let sums = self.sums();
                rows.chunks_exact(width)
                    .for_each(|replication| add_to(sums, replication));
            }
        }
    }

    /// Numbers in one replication.
    fn width(&self) -> usize {
        self.policies * self.columns
    }

    /// Turns rows into sums, once.
    fn sums(&mut self) -> &mut Vec<Vec<Column>> {
        let width = self.width();
        if let Kept::Rows(rows) = &self.kept {
            let column = |policy| move |place| Column::of(differences(policy, place));
            let columns = |policy| (0..self.columns).map(column(policy)).collect();
            let mut sums: Vec<_> = (0..self.policies).map(columns).collect();
            rows.chunks_exact(width)
                .for_each(|replication| add_to(&mut sums, replication));
            self.kept = Kept::Sums(sums);
        }
        match &mut self.kept {
            Kept::Sums(sums) => sums,
            Kept::Rows(_) => unreachable!("just turned"),
        }
    }

    /// Whether it has the shape that so many policies with so wide rows need.
    pub fn fits(&self, policies: usize, columns: usize, replications: u32) -> bool {
        let fits = |kept: &Kept| match kept {
            Kept::Rows(rows) => rows.len() == replications as usize * self.width(),
            Kept::Sums(sums) => {
                let fits = |(policy, own): (usize, &Vec<Column>)| {
                    let pairs = |(place, column): (usize, &Column)| {
                        column.differences.len() == differences(policy, place)
                    };
                    own.len() == columns && own.iter().enumerate().all(pairs)
                };
                sums.len() == policies && sums.iter().enumerate().all(fits)
            }
        };
        self.policies == policies && self.columns == columns && fits(&self.kept)
    }

    /// A value of a policy's rows over the replications, by its place: a metric, as its number.
    pub fn summary(&self, policy: usize, place: usize) -> Summary {
        match &self.kept {
            Kept::Rows(rows) => summarise(&self.column(rows, policy, place)),
            Kept::Sums(sums) => {
                let column = &sums[policy][place];
                column.moments.summary(&column.bins)
            }
        }
    }

    /// The paired difference of a policy to one before it.
    pub fn difference(&self, policy: usize, earlier: usize, metric: Metric) -> Difference {
        match &self.kept {
            Kept::Rows(rows) => difference(
                &self.column(rows, policy, metric as usize),
                &self.column(rows, earlier, metric as usize),
            ),
            Kept::Sums(sums) => sums[policy][metric as usize].differences[earlier].difference(),
        }
    }

    fn column(&self, rows: &[Option<f64>], policy: usize, place: usize) -> Vec<Option<f64>> {
        let place = policy * self.columns + place;
        rows.iter()
            .skip(place)
            .step_by(self.width())
            .copied()
            .collect()
    }
}

/// How many differences there are of a value of a policy's rows: to each policy before it, of the
/// metrics.
fn differences(policy: usize, place: usize) -> usize {
    if place < Metric::COUNT { policy } else { 0 }
}

fn add_to(sums: &mut [Vec<Column>], replication: &[Option<f64>]) {
    let width = replication.len() / sums.len();
    let rows = || replication.chunks_exact(width);
    for (columns, row) in sums.iter_mut().zip(rows()) {
        for (place, (column, value)) in columns.iter_mut().zip(row).enumerate() {
            let Some(value) = *value else { continue };
            column.moments.add(value);
            column.bins.add(value);
            for (moments, earlier) in column.differences.iter_mut().zip(rows()) {
                if let Some(earlier) = earlier[place] {
                    moments.add(value - earlier);
                }
            }
        }
    }
}

impl Column {
    /// With so many differences.
    fn of(differences: usize) -> Column {
        Column {
            differences: vec![Moments::default(); differences],
            ..Column::default()
        }
    }

    fn merge(&mut self, other: &Column) {
        self.moments.merge(&other.moments);
        self.bins.merge(&other.bins);
        for (mine, theirs) in self.differences.iter_mut().zip(&other.differences) {
            mine.merge(theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One value more than the metrics: that of a fleet.
    const WIDTH: usize = Metric::COUNT + 1;

    /// Three policies; the second costs a noisy 2 more, and has no value now and then, the third has
    /// none at other times.
    fn rows(replication: usize) -> [Row; 3] {
        let noise = (replication * 7_919 % 1_009) as f64 / 16.0;
        let row = |value| vec![Some(value); WIDTH];
        let mut rows = [
            row(noise),
            row(noise + 2.0 + noise / 64.0),
            row(7.0 - noise / 3.0),
        ];
        if replication % 10 == 3 {
            rows[1][Metric::SpendPerSuccess as usize] = None;
        }
        if replication % 7 == 2 {
            rows[2][Metric::SpendPerSuccess as usize] = None;
        }
        rows
    }

    fn of(replications: std::ops::Range<usize>) -> Samples {
        let mut samples = Samples::new(3, WIDTH);
        replications.for_each(|r| samples.add(&rows(r)));
        samples
    }

    fn answers(samples: &Samples) -> Vec<(Summary, Difference)> {
        let of = |(p, earlier)| {
            let mut all = Metric::ALL.map(|m| {
                let difference = samples.difference(p, earlier, m);
                (samples.summary(p, m as usize), difference)
            });
            all[0].0 = samples.summary(p, Metric::COUNT);
            all
        };
        [(1, 0), (2, 0), (2, 1)].map(of).concat()
    }

    #[test]
    fn any_split_into_shards_answers_alike() {
        for all in [100, EXACT_REPLICATIONS, EXACT_REPLICATIONS + 1, 9_000] {
            let whole = answers(&of(0..all));
            for cuts in [vec![1], vec![all / 3, all / 2], vec![all - 1]] {
                let mut merged = Samples::new(3, WIDTH);
                let mut from = 0;
                for to in cuts.into_iter().chain([all]) {
                    merged.append(of(from..to));
                    from = to;
                }
                assert!(answers(&merged) == whole, "{all} replications");
                assert!(merged.fits(3, WIDTH, all as u32) && !merged.fits(2, WIDTH, all as u32));
            }
        }
    }

    #[test]
    fn sums_say_what_rows_say() {
        let few = of(0..EXACT_REPLICATIONS);
        let mut many = few.clone();
        many.sums();
        assert!(matches!(few.kept, Kept::Rows(_)) && matches!(many.kept, Kept::Sums(_)));
        for ((a, da), (b, db)) in answers(&few).into_iter().zip(answers(&many)) {
            assert_eq!((a.n, a.min, a.max, da.n), (b.n, b.min, b.max, db.n));
            let near = |a: Option<f64>, b: Option<f64>, by: f64| {
                assert!((a.unwrap() - b.unwrap()).abs() <= by * a.unwrap().abs());
            };
            near(a.mean, b.mean, 1e-12);
            near(da.mean, db.mean, 1e-12);
            near(a.p99, b.p99, 1e-3);
            near(a.ci95.map(|c| c[1]), b.ci95.map(|c| c[1]), 1e-12);
        }
    }

    #[test]
    fn what_is_saved_answers_alike() {
        for all in [50, EXACT_REPLICATIONS + 50] {
            let samples = of(0..all);
            let text = serde_json::to_string(&samples).unwrap();
            let back: Samples = serde_json::from_str(&text).unwrap();
            assert!(answers(&back) == answers(&samples));
        }
    }
}

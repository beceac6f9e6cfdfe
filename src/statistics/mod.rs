//! What many runs say together: summaries, paired differences, quantile sketches.
//!
//! Everything here is deterministic to the last bit: sums are serial and in replication order,
//! quantiles come from sorted values, and merging two sketches or exact sums does not depend on their order.

mod moments;
mod paired;
mod sketch;
mod sum;
mod summary;

pub use moments::{Bins, Moments};
pub use paired::{Difference, difference};
pub use sketch::{EXACT_LIMIT, Sketch};
pub use sum::Sum;
pub use summary::{Summary, mean, quantile, student_t_975, summarise};

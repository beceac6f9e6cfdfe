//! What the key `breakdowns` says.

use super::distributions::times;
use super::fields::Fields;
use super::reader::Reader;
use super::tree::Node;
use crate::units::Span;
use crate::world::Breakdowns;

/// `{up: {exponential: {mean: 2h}}, down: {exponential: {mean: 10m}}}`.
pub(super) fn breakdowns(node: &Node, r: &mut Reader) -> Option<Breakdowns> {
    let mut f = Fields::of(node, "`breakdowns`", r)?;
    let up = f.required("up", r, times);
    let down = f.required("down", r, times);
    f.finish(r);
    let (up, down) = (up?, down?);
    if up.mean() < Span::MILLISECOND.0 as f64 {
        let help = "make `up` longer: this is no target that works and breaks down";
        r.error_help(
            node.place,
            "less than a millisecond between breakdowns",
            help,
        );
    } else if up.mean() < 0.01 * (up.mean() + down.mean()) {
        let help = "make `up` longer, or `down` shorter";
        r.error_help(node.place, "these leave less than 1% of the time", help);
    }
    Some(Breakdowns { up, down })
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use super::*;
    use crate::random::Distribution;

    #[test]
    fn both_times_are_drawn_and_leave_time_to_work() {
        let read = |yaml| read(yaml, breakdowns);
        let both = read("{up: {exponential: {mean: 2h}}, down: 10m}").unwrap();
        assert_eq!(both.up, Distribution::Exponential { mean: 7.2e12 });
        assert_eq!(both.down, Distribution::Constant(6e11));
        assert_eq!(
            read("{up: 999us, down: 1s}").unwrap_err(),
            "less than a millisecond between breakdowns"
        );
        assert_eq!(
            read("{up: 1s, down: 100s}").unwrap_err(),
            "these leave less than 1% of the time"
        );
        assert!(read("{up: 1s, down: 99s}").is_ok());
    }
}

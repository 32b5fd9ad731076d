//! In which order the sides are run.
//!
//! A machine gets slower or faster while one measures: caches fill, processors get warm, others come and go. Were all of one
//! side run first, that drift would be taken for a difference between them. So they alternate, and who is first does, too
//! (ABBA): a steady drift then adds the same to both.

use super::side::Side;

/// The sides in the order of their runs, each `runs` times.
pub fn alternate(runs: usize) -> Vec<Side> {
    let pair = |run: usize| {
        if run.is_multiple_of(2) { [Side::Container, Side::Machine] } else { [Side::Machine, Side::Container] }
    };
    (0..runs).flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_drift_adds_the_same_to_both() {
        let order: String = alternate(4).iter().map(|side| if *side == Side::Container { 'A' } else { 'B' }).collect();
        assert_eq!(order, "ABBAABBA");
        let sum = |wanted| alternate(4).iter().enumerate().filter(|(_, side)| **side == wanted).map(|(at, _)| at).sum();
        let (a, b): (usize, usize) = (sum(Side::Container), sum(Side::Machine));
        assert_eq!(a, b);
        assert_eq!(alternate(0), []);
    }
}

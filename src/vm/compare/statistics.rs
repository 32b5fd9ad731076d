//! Of samples what is printed: the median, and from the least to the most.
//!
//! Not the mean: one run that something else on the machine delayed would pull it up, and no program starts in negative time
//! to pull it back. Not the standard deviation either, which of five skewed samples says little: all of them lie between the
//! least and the most, and each one is kept.

/// A few samples in three numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The one in the middle; of an even number, the mean of the two there.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Summary {
    /// Of at least one sample.
    pub fn of(samples: &[f64]) -> Option<Summary> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Summary { median, least, most })
    }
}

/// How many times the second is the first; nothing where the first is nothing.
pub fn ratio(first: &[f64], second: &[f64]) -> Option<f64> {
    let (first, second) = (Summary::of(first)?.median, Summary::of(second)?.median);
    (first > 0.0).then(|| second / first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_late_run_does_not_move_the_median() {
        let summary = Summary::of(&[3.0, 1.0, 2.0, 90.0, 2.5]).unwrap();
        assert_eq!(summary, Summary { median: 2.5, least: 1.0, most: 90.0 });
        assert_eq!(Summary::of(&[1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn a_ratio_is_of_medians() {
        assert_eq!(ratio(&[1.0, 2.0, 3.0], &[10.0]), Some(5.0));
        assert_eq!((ratio(&[0.0], &[1.0]), ratio(&[], &[1.0])), (None, None));
    }

    proptest! {
        #[test]
        fn the_median_lies_between(samples in prop::collection::vec(0.0..1e12f64, 1..20)) {
            let summary = Summary::of(&samples).unwrap();
            prop_assert!(summary.least <= summary.median && summary.median <= summary.most);
        }
    }
}

//! The straight line through what 1, 2, 4 and 8 instances cost: its slope is the cost of one more.
//!
//! Dividing the cost of eight by eight would say less: it counts what is there once, such as a program file in memory that
//! all share, as if each instance had paid for its part of it.

use serde::Serialize;

/// A line by least squares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What one more costs.
    pub slope: f64,
    /// What none would cost.
    pub intercept: f64,
    /// How far the points lie from the line: the root of the mean of the squares.
    pub residual: f64,
}

impl Line {
    /// Through at least two points that do not stand above each other.
    pub fn through(points: &[(f64, f64)]) -> Option<Line> {
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        if points.len() < 2 || spread == 0.0 {
            return None;
        }
        let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
        let intercept = y - slope * x;
        let squares: f64 = points.iter().map(|point| (point.1 - intercept - slope * point.0).powi(2)).sum();
        Some(Line { slope, intercept, residual: (squares / count).sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_costs_the_slope_and_what_is_shared_stays_below() {
        let line = Line::through(&[(1.0, 13.0), (2.0, 16.0), (4.0, 22.0), (8.0, 34.0)]).unwrap();
        assert!((line.slope - 3.0).abs() < 1e-9 && (line.intercept - 10.0).abs() < 1e-9 && line.residual < 1e-9);
        let bent = Line::through(&[(0.0, 0.0), (1.0, 3.0), (2.0, 0.0)]).unwrap();
        assert!((bent.slope).abs() < 1e-9 && (bent.residual - 2f64.sqrt()).abs() < 1e-9);
        assert_eq!(Line::through(&[(1.0, 1.0)]), None);
        assert_eq!(Line::through(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}

//! Percentiles and shares, and how figures are rounded so that a report does not pretend.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Percentiles of durations, in milliseconds with one decimal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many values there are.
    pub count: usize,
    /// The median.
    pub p50: Option<f64>,
    /// Nine of ten are at most this.
    pub p90: Option<f64>,
    /// Nineteen of twenty are at most this.
    pub p95: Option<f64>,
    /// 99 of a hundred are at most this.
    pub p99: Option<f64>,
}

impl Percentiles {
    /// Takes the percentiles (nearest rank) of some durations.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = Duration>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        let at = |share: f64| {
            let rank = (share * values.len() as f64).ceil() as usize;
            values.get(rank.max(1) - 1).map(|value| ms(*value))
        };
        Self {
            count: values.len(),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

/// Milliseconds with one decimal.
#[must_use]
pub fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}

/// Writes a duration as milliseconds.
pub(super) fn as_ms<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(ms(*value))
}

/// Writes a duration as milliseconds, if there is one.
pub(super) fn as_maybe_ms<S: Serializer>(
    value: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    value.map(ms).serialize(to)
}

/// A share with four decimals; `None` of nothing.
#[must_use]
pub fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = (1..=20).map(|n| Duration::from_millis(n * 10));
        let percentiles = Percentiles::of(values);
        assert_eq!(percentiles.count, 20);
        assert_eq!(percentiles.p50, Some(100.0));
        assert_eq!(percentiles.p90, Some(180.0));
        assert_eq!(percentiles.p95, Some(190.0));
        assert_eq!(percentiles.p99, Some(200.0));
        let one = Percentiles::of([Duration::from_micros(1234)]);
        assert_eq!((one.p50, one.p99), (Some(1.2), Some(1.2)));
        assert_eq!(Percentiles::of([]).p50, None);
    }

    #[test]
    fn shares_of_nothing_are_none() {
        assert_eq!(share(1, 3), Some(0.3333));
        assert_eq!(share(0, 0), None);
    }
}

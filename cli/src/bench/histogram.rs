//! How often which latency came: logarithmic buckets, each cut into equal parts.
//!
//! ```text
//! 0 ─ 255 ns      a bucket for each
//! 256 ─ 511       128 buckets of 2
//! 512 ─ 1023      128 buckets of 4
//! ...             up to an hour and more
//! ```
//!
//! A value is known to one part in 128. Recording is a shift, an addition and an increment, in a part of the
//! table that stays in the first cache: some nanoseconds, against microseconds that a request costs.

use std::time::Duration;

/// Buckets of an octave, as a power of two.
const BITS: u32 = 7;
const OCTAVE: usize = 1 << BITS;
/// Values up to here, in nanoseconds; what is longer counts as this long.
const LONGEST: u64 = (1 << 42) - 1;
const BUCKETS: usize = index(LONGEST) + 1;

/// Latencies in nanoseconds. 37 KiB.
#[derive(Clone)]
pub(crate) struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Histogram { buckets: vec![0; BUCKETS].into(), count: 0, sum: 0, min: u64::MAX, max: 0 }
    }

    /// One more, in nanoseconds.
    #[inline]
    pub(crate) fn record(&mut self, nanos: u64) {
        let value = nanos.min(LONGEST);
        if let Some(bucket) = self.buckets.get_mut(index(value)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// All of another one.
    pub(crate) fn add(&mut self, other: &Histogram) {
        for (bucket, n) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += n;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// None at all, without giving memory back.
    pub(crate) fn clear(&mut self) {
        self.buckets.fill(0);
        (self.count, self.sum, self.min, self.max) = (0, 0, u64::MAX, 0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn min(&self) -> Duration {
        Duration::from_nanos(if self.count == 0 { 0 } else { self.min })
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count).unwrap_or(0))
    }

    /// Standard deviation.
    pub(crate) fn deviation(&self) -> Duration {
        let mean = self.mean().as_nanos() as f64;
        let squares = self.buckets.iter().enumerate().filter(|&(_, &n)| n > 0).map(|(i, &n)| {
            let (low, high) = bounds(i);
            let off = (low + high) as f64 / 2.0 - mean;
            off * off * n as f64
        });
        Duration::from_nanos((squares.sum::<f64>() / (self.count.max(1)) as f64).sqrt() as u64)
    }

    /// The latency that this share (from 0 to 1) of all did not exceed, at most one part in 128 too high.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (i, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return Duration::from_nanos(bounds(i).1.min(self.max));
            }
        }
        self.max()
    }
}

/// Where a value counts.
#[inline]
const fn index(value: u64) -> usize {
    if value < 2 * OCTAVE as u64 {
        return value as usize;
    }
    let shift = u64::BITS - value.leading_zeros() - (BITS + 1);
    shift as usize * OCTAVE + (value >> shift) as usize
}

/// The lowest and the highest value that count in a bucket.
fn bounds(index: usize) -> (u64, u64) {
    if index < 2 * OCTAVE {
        return (index as u64, index as u64);
    }
    let shift = index / OCTAVE - 1;
    let low = ((index - shift * OCTAVE) as u64) << shift;
    (low, low + (1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_within_the_bounds_of_its_bucket_and_those_are_narrow() {
        let mut next = 0;
        for i in 0..BUCKETS {
            let (low, high) = bounds(i);
            assert_eq!(low, next, "{i}");
            assert_eq!((index(low), index(high)), (i, i));
            assert!((high - low) * 128 <= low, "{i}");
            next = high + 1;
        }
        assert_eq!(next, LONGEST + 1);
    }

    #[test]
    fn quantiles_are_ranks_to_one_part_in_128() {
        let mut histogram = Histogram::new();
        for n in 1..=100_000_u64 {
            histogram.record(n * 1000);
        }
        for share in [0.001, 0.25, 0.5, 0.9, 0.99, 0.9999, 1.0] {
            let (is, got) = (share * 1e8, histogram.quantile(share).as_nanos() as f64);
            assert!(got >= is * 0.9999 && got <= is * (1.0 + 1.0 / 128.0), "{share}: {got}");
        }
        assert_eq!((histogram.min().as_nanos(), histogram.max().as_nanos()), (1000, 100_000_000));
        assert_eq!(histogram.mean().as_nanos(), 50_000_500);
        // That of an even spread is its width by the root of 12.
        let deviation = histogram.deviation().as_nanos() as f64;
        assert!((deviation / 28_867_513.0 - 1.0).abs() < 0.01, "{deviation}");
    }

    #[test]
    fn sums_are_as_if_all_had_been_recorded_in_one() {
        let (mut a, mut b, mut all) = (Histogram::new(), Histogram::new(), Histogram::new());
        for n in 0..1000_u64 {
            let value = n * n * 77;
            if n % 3 == 0 {
                a.record(value)
            } else {
                b.record(value)
            }
            all.record(value);
        }
        a.add(&b);
        assert_eq!((a.count(), a.mean(), a.min(), a.max()), (1000, all.mean(), all.min(), all.max()));
        assert_eq!(a.quantile(0.5), all.quantile(0.5));
        a.clear();
        assert_eq!((a.count(), a.quantile(0.5), a.mean(), a.min()), Default::default());
        a.record(u64::MAX);
        assert_eq!(a.max(), Duration::from_nanos(LONGEST));
    }
}

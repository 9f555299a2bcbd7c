//! [`Latency`]: how long answers took, as a histogram whose buckets are powers of two.

/// How many buckets there are.
pub const BUCKETS: usize = 24;

/// The first bucket ends here, as a power of two of microseconds.
const FIRST: u32 = 3;

/// How long answers took, from the first byte of the request until all of the answer was queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many answers fell into each bucket: the first takes times below 8 microseconds, each
    /// other bucket those below twice as much, and the last one all longer times.
    pub buckets: [u64; BUCKETS],
    /// The sum of all times, in microseconds.
    pub sum_us: u64,
}

impl Latency {
    /// The bucket of an answer that took so many microseconds.
    pub(super) fn bucket(us: u64) -> usize {
        let bits = u64::BITS - us.leading_zeros();
        (bits.saturating_sub(FIRST) as usize).min(BUCKETS - 1)
    }

    /// The end of a bucket, in microseconds: all answers in it took less. `None` for the last
    /// bucket, which has no end.
    ///
    /// ```
    /// use httprs::scoreboard::{BUCKETS, Latency};
    /// assert_eq!(Latency::bound_us(0), Some(8));
    /// assert_eq!(Latency::bound_us(1), Some(16));
    /// assert_eq!(Latency::bound_us(BUCKETS - 1), None);
    /// ```
    pub fn bound_us(bucket: usize) -> Option<u64> {
        (bucket < BUCKETS - 1).then(|| 1 << (FIRST + bucket as u32))
    }

    /// How many answers there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// An upper bound of the given quantile, in microseconds: the end of the bucket in which it
    /// falls. `None` if there were no answers, or if that is the last bucket, which has no end.
    ///
    /// ```
    /// use httprs::scoreboard::Latency;
    /// let mut latency = Latency::default();
    /// latency.buckets[2] = 99; // below 32 us
    /// latency.buckets[5] = 1; // below 256 us
    /// assert_eq!(latency.below_us(500), Some(32));
    /// assert_eq!(latency.below_us(999), Some(256));
    /// ```
    pub fn below_us(&self, thousandths: u64) -> Option<u64> {
        let count = self.count();
        let mut below = 0;
        for (bucket, answers) in self.buckets.iter().enumerate() {
            below += answers;
            if count > 0 && u128::from(below) * 1000 >= u128::from(count) * u128::from(thousandths)
            {
                return Latency::bound_us(bucket);
            }
        }
        None
    }

    /// Adds the answers of another worker.
    pub fn add(&mut self, other: &Latency) {
        for (sum, more) in self.buckets.iter_mut().zip(other.buckets) {
            *sum = sum.wrapping_add(more);
        }
        self.sum_us = self.sum_us.wrapping_add(other.sum_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_takes_the_times_below_its_bound() {
        for (us, bucket) in [
            (0, 0),
            (7, 0),
            (8, 1),
            (15, 1),
            (16, 2),
            (1_000, 7),
            (1_024, 8),
            ((1 << 25) - 1, 22),
            (1 << 25, 23),
            (u64::MAX, 23),
        ] {
            assert_eq!(Latency::bucket(us), bucket, "{us}");
            let below = |bucket: usize| Latency::bound_us(bucket).is_none_or(|bound| us < bound);
            assert!(below(bucket) && (bucket == 0 || !below(bucket - 1)), "{us}");
        }
    }

    #[test]
    fn without_answers_there_is_no_quantile() {
        assert_eq!(Latency::default().below_us(500), None);
        let mut latency = Latency::default();
        latency.buckets[BUCKETS - 1] = 1;
        assert_eq!(latency.below_us(1), None);
        latency.add(&latency.clone());
        assert_eq!(latency.count(), 2);
    }
}

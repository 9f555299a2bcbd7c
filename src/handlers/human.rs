//! Numbers in a form for people.

use std::fmt::{self, Display, Formatter};

/// A size with a unit: at most three digits before the point, and below ten one behind it.
pub struct Size(pub u64);

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        // In tenths of the unit, rounded. 2^64 bytes are 16 EiB.
        let mut unit = 1024;
        for name in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
            let tenths = (u128::from(self.0) * 10 + unit / 2) / unit;
            if tenths < 100 {
                return write!(f, "{}.{} {name}", tenths / 10, tenths % 10);
            }
            let whole = (u128::from(self.0) + unit / 2) / unit;
            if whole < 1024 {
                return write!(f, "{whole} {name}");
            }
            unit *= 1024;
        }
        Ok(())
    }
}

/// A number with a comma before each three digits.
pub struct Count(pub u64);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// A number in tenths, which are shown below a hundred.
pub struct Rate(pub u64);

impl Display for Rate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            tenths @ 0..1_000 => write!(f, "{}.{}", tenths / 10, tenths % 10),
            tenths => Count(tenths / 10).fmt(f),
        }
    }
}

/// A time span in milliseconds, in its two largest units from seconds up.
pub struct Span(pub u64);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let s = self.0 / 1_000;
        let (minutes, hours, days) = (s / 60, s / 3_600, s / 86_400);
        f.pad(&match s {
            0..60 => format!("{s} s"),
            60..3_600 => format!("{minutes} min {} s", s % 60),
            3_600..86_400 => format!("{hours} h {} min", minutes % 60),
            _ => format!("{days} d {} h", hours % 24),
        })
    }
}

/// A short time in microseconds, in the unit that suits it.
pub struct Brief(pub u64);

impl Display for Brief {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Rounded, to a tenth below ten.
        let scaled = |n: u64, unit: u64| match (n * 10 + unit / 2) / unit {
            tenths @ 0..100 => format!("{}.{}", tenths / 10, tenths % 10),
            _ => ((n + unit / 2) / unit).to_string(),
        };
        f.pad(&match self.0 {
            us @ 0..1_000 => format!("{us} \u{b5}s"),
            us @ 1_000..999_500 => format!("{} ms", scaled(us, 1_000)),
            us => format!("{} s", scaled(us, 1_000_000)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, want) in [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1535, "1.5 KiB"),
            (10_188, "9.9 KiB"),
            (10_189, "10 KiB"),
            (1_048_063, "1023 KiB"),
            (1_048_064, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (123 << 40, "123 TiB"),
            (1 << 50, "1.0 PiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), want, "{bytes}");
        }
    }

    #[test]
    fn counts() {
        for (n, want) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(Count(n).to_string(), want);
        }
        for (tenths, want) in [(0, "0.0"), (999, "99.9"), (1_009, "100"), (99_999, "9,999")] {
            assert_eq!(Rate(tenths).to_string(), want);
        }
        assert_eq!(format!("{:>6}", Count(1_000)), " 1,000");
    }

    #[test]
    fn times() {
        for (ms, want) in [
            (0, "0 s"),
            (59_999, "59 s"),
            (60_000, "1 min 0 s"),
            (3_599_999, "59 min 59 s"),
            (3_600_000, "1 h 0 min"),
            (86_399_999, "23 h 59 min"),
            (86_400_000, "1 d 0 h"),
            (1_000_000_000, "11 d 13 h"),
        ] {
            assert_eq!(Span(ms).to_string(), want, "{ms}");
        }
        for (us, want) in [
            (8, "8 \u{b5}s"),
            (512, "512 \u{b5}s"),
            (1_024, "1.0 ms"),
            (2_048, "2.0 ms"),
            (4_096, "4.1 ms"),
            (16_384, "16 ms"),
            (524_288, "524 ms"),
            (999_500, "1.0 s"),
            (1_048_576, "1.0 s"),
            (8_388_608, "8.4 s"),
            (33_554_432, "34 s"),
        ] {
            assert_eq!(Brief(us).to_string(), want, "{us}");
        }
    }
}

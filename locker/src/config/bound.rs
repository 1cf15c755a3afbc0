//! Durations as the configuration writes them: `500ms`, `10s`, `2m`, `1h`.

use std::time::Duration;

/// Longest bound that makes sense anywhere in the configuration.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A time limit; never zero, never above a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(Duration);

impl Bound {
    /// A bound of whole seconds, for defaults. Zero counts as one.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(if seconds == 0 { 1 } else { seconds }))
    }

    /// Parses a whole number and a unit. Errors are the reason, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: u64 = number
            .parse()
            .map_err(|_| format!("{text:?} isn't a whole number with a unit; write for example \"10s\""))?;
        let milliseconds = match unit.trim_start() {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(format!("{text:?} needs a unit: ms, s, m or h")),
        };
        let duration = Duration::from_millis(number.saturating_mul(milliseconds));
        match duration {
            Duration::ZERO => Err("a limit of zero could never be met".to_owned()),
            long if long > LONGEST => Err(format!("{text:?} is above the limit of one day")),
            fine => Ok(Self(fine)),
        }
    }

    /// The bound.
    pub fn get(self) -> Duration {
        self.0
    }

    /// The bound in whole seconds for a server variable that knows no fractions, rounded up.
    pub fn whole_seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, ms) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1 h", 3_600_000),
        ] {
            assert_eq!(
                Bound::parse(text).map(Bound::get),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "0s",
            "0ms",
            "25h",
            "10 days",
            "99999999999999999999s",
        ] {
            assert!(Bound::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn whole_seconds_round_up() {
        assert_eq!(Bound::parse("1ms").map(Bound::whole_seconds), Ok(1));
        assert_eq!(Bound::parse("2s").map(Bound::whole_seconds), Ok(2));
        assert_eq!(Bound::parse("2001ms").map(Bound::whole_seconds), Ok(3));
    }
}

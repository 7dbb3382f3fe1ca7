//! Now, as WeChat Pay writes it: in Beijing's time, whatever this machine's zone is.

use std::time::{SystemTime, UNIX_EPOCH};

const HOURS_AHEAD: u64 = 8;

/// A moment, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    year: u64,
    month: u64,
    day: u64,
    /// Of the day.
    second: u64,
    nanosecond: u32,
}

impl Moment {
    pub(crate) fn now() -> Self {
        // A clock that stands before 1970 says 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since.unwrap_or_default();
        Self::at(since.as_secs(), since.subsec_nanos())
    }

    fn at(seconds: u64, nanosecond: u32) -> Self {
        let seconds = seconds + HOURS_AHEAD * 60 * 60;
        // Years of this count begin in March, so that a leap day is the last of its year.
        let days = seconds / 86400 + 719_468;
        let era = days / 146_097;
        let of_era = days % 146_097;
        let year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let is_next_year = month >= 10;
        Self {
            year: era * 400 + year + u64::from(is_next_year),
            month: if is_next_year { month - 9 } else { month + 3 },
            day: of_year - (153 * month + 2) / 5 + 1,
            second: seconds % 86400,
            nanosecond,
        }
    }

    fn clock(self) -> (u64, u64, u64) {
        (self.second / 3600, self.second / 60 % 60, self.second % 60)
    }

    /// `2026-11-25T22:30:00+08:00`
    pub(crate) fn rfc3339(self) -> String {
        let Self {
            year, month, day, ..
        } = self;
        let (hour, minute, second) = self.clock();
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+08:00")
    }

    /// `20261125223000`
    pub(crate) fn digits(self) -> String {
        let Self {
            year, month, day, ..
        } = self;
        let (hour, minute, second) = self.clock();
        format!("{year}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
    }

    /// A number of this length that no other moment has, such as `4200…`.
    pub(crate) fn number(self, start: &str, length: usize) -> String {
        let number = format!("{start}{}{:09}", self.digits(), self.nanosecond);
        format!("{number:0<length$}").chars().take(length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_beijing_s() {
        for (seconds, text) in [
            (0, "1970-01-01T08:00:00+08:00"),
            (951_753_600, "2000-02-29T00:00:00+08:00"),
            (1_709_222_399, "2024-02-29T23:59:59+08:00"),
            (1_735_660_800, "2025-01-01T00:00:00+08:00"),
            (1_795_645_825, "2026-11-26T06:30:25+08:00"),
        ] {
            assert_eq!(Moment::at(seconds, 0).rfc3339(), text);
        }
        let moment = Moment::at(1_709_222_399, 7);
        assert_eq!(moment.digits(), "20240229235959");
        assert_eq!(moment.number("4200", 28), "4200202402292359590000000070");
    }
}

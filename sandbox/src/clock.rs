//! Seconds since 1970, from the clock and as text.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 24 * 60 * 60;

/// How far Beijing is ahead of UTC, in seconds.
const BEIJING: i64 = 8 * 60 * 60;

/// The last second of the year 9999 in Beijing.
const LAST: i64 = 253_402_300_799 - BEIJING;

/// How far the gateway's business is ahead of the time that everybody else has. Signatures are made
/// and checked by the latter: no client would take them otherwise.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: AtomicI64,
}

impl Clock {
    /// The gateway's time when everybody else's is `now`.
    pub(crate) fn at(&self, now: i64) -> i64 {
        now.saturating_add(self.ahead()).min(LAST)
    }

    pub(crate) fn now(&self) -> i64 {
        self.at(now())
    }

    /// In seconds.
    pub(crate) fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        let seconds = seconds.clamp(0, LAST);
        let _ = self
            .ahead
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |ahead| {
                Some(ahead.saturating_add(seconds).min(LAST))
            });
    }

    pub(crate) fn reset(&self) {
        self.ahead.store(0, Ordering::SeqCst);
    }
}

/// The Unix time in seconds.
pub(crate) fn now() -> i64 {
    seconds(SystemTime::now())
}

/// A time as seconds since 1970. One before 1970 becomes 1970, and one after 9999 the last second
/// of 9999: neither X.509 in common use nor RFC 3339 goes further.
pub(crate) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).map_or(LAST, |seconds| seconds.min(LAST))
}

/// Seconds since 1970 as a time; what [`seconds`] never gives becomes the nearest that it does.
pub(crate) fn time(seconds: i64) -> SystemTime {
    let since = u64::try_from(seconds.clamp(0, LAST)).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since)
}

/// Seconds since 1970 as WeChat Pay writes them: RFC 3339 in Beijing's time, such as
/// `2018-06-08T10:34:56+08:00`.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let local = seconds.clamp(0, LAST) + BEIJING;
    let (mut days, second) = (local / DAY, local % DAY);
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}+08:00",
        days + 1,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Seconds since 1970 as APIv2 writes them: `20180608103456`, in Beijing's time.
pub(crate) fn compact(seconds: i64) -> String {
    let time = rfc3339(seconds);
    let digits = time.chars().filter(char::is_ascii_digit);
    digits.take(14).collect()
}

/// The day in Beijing: `20180608`.
pub(crate) fn day(seconds: i64) -> String {
    compact(seconds).chars().take(8).collect()
}

/// Seconds since 1970 as some fields of APIv2 have them: `2018-06-08 10:34:56`, in Beijing's time.
pub(crate) fn spaced(seconds: i64) -> String {
    let time = rfc3339(seconds);
    time.chars().take(19).collect::<String>().replace('T', " ")
}

/// What [`compact`] wrote; `None` for any other text.
pub(crate) fn from_compact(text: &str) -> Option<i64> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    // The days before a month, counted from March: then a leap day is a year's last.
    let (shifted, from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    let days = 365 * shifted + leaps + (153 * from_march + 2) / 5 + day - 1 - 719_468;
    let second = number(8, 10)? * 3600 + number(10, 12)? * 60 + number(12, 14)?;
    let seconds = days * DAY + second - BEIJING;
    // There is no 31 June, and no 25 o'clock.
    (compact(seconds) == text).then_some(seconds)
}

/// A time of RFC 3339 in any zone, without its fraction of a second; `None` for any other text.
pub(crate) fn from_rfc3339(text: &str) -> Option<i64> {
    let (time, rest) = text.split_at_checked(19)?;
    let is_pattern = time.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    if !is_pattern {
        return None;
    }
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if zone.len() == fraction.len() {
                return None;
            }
            zone
        }
    };
    let offset = match zone.as_bytes() {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), hours @ .., b':', _, _] if hours.len() == 2 => {
            let number = |from: usize, to: usize| zone.get(from..to)?.parse::<i64>().ok();
            let offset = number(1, 3)? * 3600 + number(4, 6)? * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some(from_compact(&digits)? + BEIJING - offset)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_beijing_has_it() {
        for (seconds, text) in [
            (0, "1970-01-01T08:00:00+08:00"),
            (-1, "1970-01-01T08:00:00+08:00"),
            (1_528_425_296, "2018-06-08T10:34:56+08:00"),
            (951_839_999, "2000-02-29T23:59:59+08:00"),
            (951_840_000, "2000-03-01T00:00:00+08:00"),
            (1_735_660_799, "2024-12-31T23:59:59+08:00"),
            (4_107_513_600, "2100-03-01T00:00:00+08:00"),
            (LAST, "9999-12-31T23:59:59+08:00"),
            (i64::MAX, "9999-12-31T23:59:59+08:00"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    fn apiv2_has_its_own_ways_to_write_a_time() {
        assert_eq!(compact(1_528_425_296), "20180608103456");
        assert_eq!(day(1_528_425_296), "20180608");
        assert_eq!(spaced(1_528_425_296), "2018-06-08 10:34:56");
        for seconds in [
            0,
            1_528_425_296,
            951_839_999,
            951_840_000,
            4_107_513_600,
            LAST,
        ] {
            assert_eq!(from_compact(&compact(seconds)), Some(seconds));
        }
        for text in [
            "",
            "2018060810345",
            "20180631103456",
            "20190229000000",
            "20180608250000",
            "2018060810345x",
            "19691231235959",
        ] {
            assert_eq!(from_compact(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_read_in_any_zone() {
        for (text, seconds) in [
            ("2018-06-08T10:34:56+08:00", Some(1_528_425_296)),
            ("2018-06-08T02:34:56Z", Some(1_528_425_296)),
            ("2018-06-08T02:34:56.123Z", Some(1_528_425_296)),
            ("2018-06-07T22:04:56.1-04:30", Some(1_528_425_296)),
            ("2018-06-08T10:34:56", None),
            ("2018-06-08T10:34:56.+08:00", None),
            ("2018-06-08T10:34:56+0800", None),
            ("2018-06-08 10:34:56+08:00", None),
            ("2018-06-31T10:34:56+08:00", None),
            ("20180608103456", None),
            ("", None),
        ] {
            assert_eq!(from_rfc3339(text), seconds, "{text}");
        }
    }

    #[test]
    fn the_gateway_is_ahead_of_the_rest_until_it_is_reset() {
        let clock = Clock::default();
        clock.advance(60);
        clock.advance(1);
        assert_eq!(clock.at(5), 66);
        clock.advance(i64::MAX);
        assert_eq!(clock.at(5), LAST);
        clock.reset();
        assert_eq!(clock.at(5), 5);
    }

    #[test]
    fn a_time_that_no_certificate_holds_becomes_the_nearest() {
        assert_eq!(seconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(seconds(UNIX_EPOCH + Duration::from_secs(1 << 40)), LAST);
        assert_eq!(time(i64::MIN), UNIX_EPOCH);
        assert_eq!(seconds(time(i64::MAX)), LAST);
    }
}

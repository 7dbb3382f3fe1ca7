//! Times as people, servers and captured messages write them.

use std::time::{SystemTime, UNIX_EPOCH};

use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{OffsetDateTime, UtcOffset};

const BEIJING: UtcOffset = match UtcOffset::from_hms(8, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};

/// Seconds since 1970, or RFC 3339 such as `2026-11-25T22:30:00+08:00`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(since_1970);
    time.ok_or_else(|| {
        "wanted are seconds since 1970, or RFC 3339 such as 2026-11-25T22:30:00+08:00".to_owned()
    })
}

/// The `Date` of an HTTP answer, in seconds since 1970.
pub(crate) fn of_http_date(text: &str) -> Option<u64> {
    since_1970(OffsetDateTime::parse(text, &Rfc2822).ok()?)
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> u64 {
    of_system(SystemTime::now())
}

/// In seconds since 1970; 0 for what was before.
pub(crate) fn of_system(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// As RFC 3339, in UTC.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let text = at(seconds).and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("{seconds} s after 1970"))
}

fn at(seconds: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()
}

/// The day, in UTC.
pub(crate) fn day(time: SystemTime) -> String {
    let text = rfc3339(of_system(time));
    text.split('T').next().unwrap_or_default().to_owned()
}

fn since_1970(time: OffsetDateTime) -> Option<u64> {
    u64::try_from(time.unix_timestamp()).ok()
}

/// A moment as WeChat Pay writes it: in Beijing's time, whatever this machine's zone is.
#[derive(Clone, Copy)]
pub(crate) struct Moment(OffsetDateTime);

impl Moment {
    pub(crate) fn now() -> Self {
        Self::of(OffsetDateTime::now_utc())
    }

    fn of(time: OffsetDateTime) -> Self {
        Self(time.to_offset(BEIJING))
    }

    /// `2026-11-25T22:30:00+08:00`
    pub(crate) fn rfc3339(self) -> String {
        let whole = self.0.replace_nanosecond(0).unwrap_or(self.0);
        whole.format(&Rfc3339).unwrap_or_default()
    }

    /// `20261125223000`
    pub(crate) fn digits(self) -> String {
        let (date, time) = (self.0.date(), self.0.time());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = time.as_hms();
        format!("{year}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
    }

    /// A number of this length that no other moment has, such as `4200…`.
    pub(crate) fn number(self, start: &str, length: usize) -> String {
        let number = format!("{start}{}{:09}", self.digits(), self.0.nanosecond());
        format!("{number:0<length$}").chars().take(length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_or_rfc_3339() {
        let seconds = 1_700_000_000;
        for text in [
            "1700000000",
            "2023-11-14T22:13:20Z",
            "2023-11-15T06:13:20+08:00",
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        assert_eq!(rfc3339(seconds), "2023-11-14T22:13:20Z");
        parse("yesterday").unwrap_err();
        parse("-1").unwrap_err();
    }

    #[test]
    fn moments_are_beijing_s() {
        for (seconds, text) in [
            (0, "1970-01-01T08:00:00+08:00"),
            (951_753_600, "2000-02-29T00:00:00+08:00"),
            (1_709_222_399, "2024-02-29T23:59:59+08:00"),
            (1_735_660_800, "2025-01-01T00:00:00+08:00"),
            (1_795_645_825, "2026-11-26T06:30:25+08:00"),
        ] {
            assert_eq!(Moment::of(at(seconds).unwrap()).rfc3339(), text);
        }
        let time = at(1_709_222_399).unwrap().replace_nanosecond(7).unwrap();
        let moment = Moment::of(time);
        assert_eq!(moment.rfc3339(), "2024-02-29T23:59:59+08:00");
        assert_eq!(moment.digits(), "20240229235959");
        assert_eq!(moment.number("4200", 28), "4200202402292359590000000070");
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let date = "Tue, 14 Nov 2023 22:13:20 GMT";
        assert_eq!(of_http_date(date), Some(1_700_000_000));
    }
}

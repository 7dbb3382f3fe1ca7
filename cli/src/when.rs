//! Times as people, servers and captured messages write them.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

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
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("{seconds} s after 1970"))
}

/// The day, in UTC.
pub(crate) fn day(time: SystemTime) -> String {
    let text = rfc3339(of_system(time));
    text.split('T').next().unwrap_or_default().to_owned()
}

fn since_1970(time: OffsetDateTime) -> Option<u64> {
    u64::try_from(time.unix_timestamp()).ok()
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
    fn the_date_of_an_answer_is_read() {
        let date = "Tue, 14 Nov 2023 22:13:20 GMT";
        assert_eq!(of_http_date(date), Some(1_700_000_000));
    }
}

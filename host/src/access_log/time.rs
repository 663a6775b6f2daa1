//! A time of day, in UTC, as logs write it.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_millis;
use serde::{Serialize, Serializer};

/// The last that is written, in seconds since 1970: a year has four digits.
const LAST_SECOND: u64 = 253_402_300_799;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A second as in the Common Log Format.
type Common = [u8; "10/Oct/2000:13:55:36 +0000".len()];

/// A moment as in RFC 3339, to the millisecond.
type Rfc3339 = [u8; "2000-10-10T13:55:36.000Z".len()];

/// A second, and how it is written.
#[derive(Clone, Copy)]
struct Second {
    /// Since 1970.
    number: u64,
    common: Common,
    /// Its first millisecond.
    rfc3339: Rfc3339,
}

thread_local! {
    /// The second that this thread wrote last: many lines are of the same.
    static LAST: Cell<Option<Second>> = const { Cell::new(None) };
}

/// A moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) SystemTime);

impl Default for Time {
    fn default() -> Self {
        Time(SystemTime::UNIX_EPOCH)
    }
}

impl Time {
    pub(crate) fn now() -> Time {
        Time(SystemTime::now())
    }

    /// As in the Common Log Format: `10/Oct/2000:13:55:36 +0000`.
    pub(super) fn common(self) -> Common {
        self.second().common
    }

    /// As in RFC 3339: `2000-10-10T13:55:36.000Z`.
    pub(super) fn rfc3339(self) -> Rfc3339 {
        let mut text = self.second().rfc3339;
        let mut milliseconds = self.since_1970().subsec_millis();
        for digit in text.iter_mut().rev().skip(1).take(3) {
            *digit = b'0' + (milliseconds % 10) as u8;
            milliseconds /= 10;
        }
        text
    }

    fn second(self) -> Second {
        let number = self.since_1970().as_secs().min(LAST_SECOND);
        match LAST.get() {
            Some(last) if last.number == number => last,
            _ => {
                let second = Second::new(number);
                LAST.set(Some(second));
                second
            }
        }
    }

    fn since_1970(self) -> Duration {
        self.0.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl Second {
    fn new(number: u64) -> Second {
        let rfc3339 = format_rfc3339_millis(UNIX_EPOCH + Duration::from_secs(number)).to_string();
        Second { number, common: fill(&common(&rfc3339)), rfc3339: fill(&rfc3339) }
    }
}

/// A moment as in the Common Log Format, of the same as in RFC 3339.
fn common(rfc3339: &str) -> String {
    let part = |range| rfc3339.get(range).unwrap_or_default();
    let month = part(5..7).parse().ok().and_then(|month: usize| MONTHS.get(month.checked_sub(1)?));
    let month = month.copied().unwrap_or_default();
    format!("{}/{month}/{}:{} +0000", part(8..10), part(0..4), part(11..19))
}

/// Each text has its width.
fn fill<const WIDTH: usize>(text: &str) -> [u8; WIDTH] {
    text.as_bytes().try_into().unwrap_or([b'-'; WIDTH])
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_two_ways() {
        let time = Time(SystemTime::UNIX_EPOCH + Duration::from_millis(971_186_136_007));
        assert_eq!(&time.common(), b"10/Oct/2000:13:55:36 +0000");
        assert_eq!(serde_json::to_string(&time).unwrap(), r#""2000-10-10T13:55:36.007Z""#);
    }

    #[test]
    fn no_clock_is_beyond_the_last_year() {
        let after = |seconds| Time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).common();
        for seconds in [LAST_SECOND, LAST_SECOND + 1, i64::MAX.cast_unsigned() / 2] {
            assert_eq!(&after(seconds), b"31/Dec/9999:23:59:59 +0000");
        }
    }

    #[test]
    fn milliseconds_of_one_second_differ() {
        let texts = [7, 987, 40].map(|more| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(971_186_136_000 + more);
            serde_json::to_string(&Time(time)).unwrap()
        });
        let texts = texts.each_ref().map(|text| text.rsplit(':').next().unwrap_or_default());
        assert_eq!(texts, [r#"36.007Z""#, r#"36.987Z""#, r#"36.040Z""#]);
    }

    #[test]
    fn another_second_is_written_anew() {
        let after = |seconds| Time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).common();
        let texts = [after(59), after(60), after(59)];
        let same = b"01/Jan/1970:00:00:59 +0000";
        assert_eq!(texts, [same, b"01/Jan/1970:00:01:00 +0000", same].map(|text| *text));
    }
}

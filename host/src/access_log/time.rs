//! A time of day, in UTC, as logs write it.

use std::cell::Cell;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

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
        let time = OffsetDateTime::from(UNIX_EPOCH + Duration::from_secs(number));
        let (mut common, mut rfc3339) = (Common::default(), Rfc3339::default());
        // They fit: every field has its width.
        let _ = write_common(&mut common.as_mut_slice(), time);
        let _ = write_rfc3339(&mut rfc3339.as_mut_slice(), time);
        Second { number, common, rfc3339 }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

fn write_common(text: &mut impl Write, time: OffsetDateTime) -> io::Result<()> {
    let month = MONTHS.get(usize::from(u8::from(time.month())) - 1);
    write_digits(text, time.day().into(), 2)?;
    text.write_all(b"/")?;
    text.write_all(month.copied().unwrap_or_default().as_bytes())?;
    text.write_all(b"/")?;
    write_digits(text, time.year().unsigned_abs(), 4)?;
    text.write_all(b":")?;
    write_clock(text, time)?;
    text.write_all(b" +0000")
}

fn write_rfc3339(text: &mut impl Write, time: OffsetDateTime) -> io::Result<()> {
    write_digits(text, time.year().unsigned_abs(), 4)?;
    text.write_all(b"-")?;
    write_digits(text, u8::from(time.month()).into(), 2)?;
    text.write_all(b"-")?;
    write_digits(text, time.day().into(), 2)?;
    text.write_all(b"T")?;
    write_clock(text, time)?;
    text.write_all(b".000Z")
}

fn write_clock(text: &mut impl Write, time: OffsetDateTime) -> io::Result<()> {
    write_digits(text, time.hour().into(), 2)?;
    text.write_all(b":")?;
    write_digits(text, time.minute().into(), 2)?;
    text.write_all(b":")?;
    write_digits(text, time.second().into(), 2)
}

fn write_digits(text: &mut impl Write, number: u32, digits: u32) -> io::Result<()> {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.write_all(&[b'0' + digit as u8])?;
    }
    Ok(())
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

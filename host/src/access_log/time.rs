//! A time of day, in UTC, as logs write it.

use std::cell::Cell;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A second as in the Common Log Format.
type Common = [u8; "10/Oct/2000:13:55:36 +0000".len()];

thread_local! {
    /// The second that this thread wrote last, since 1970, and how: many lines are of the same.
    static LAST: Cell<Option<(u64, Common)>> = const { Cell::new(None) };
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
        let second = self.0.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Some((last, text)) = LAST.get()
            && last == second
        {
            return text;
        }
        let mut text = Common::default();
        // It fits: every field has its width.
        let _ = self.write_common(&mut text.as_mut_slice());
        LAST.set(Some((second, text)));
        text
    }

    fn write_common(self, text: &mut impl Write) -> io::Result<()> {
        let time = OffsetDateTime::from(self.0);
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

    /// As in RFC 3339, to the millisecond: `2000-10-10T13:55:36.000Z`.
    fn write_rfc3339(self, text: &mut impl Write) -> io::Result<()> {
        let time = OffsetDateTime::from(self.0);
        write_digits(text, time.year().unsigned_abs(), 4)?;
        text.write_all(b"-")?;
        write_digits(text, u8::from(time.month()).into(), 2)?;
        text.write_all(b"-")?;
        write_digits(text, time.day().into(), 2)?;
        text.write_all(b"T")?;
        write_clock(text, time)?;
        text.write_all(b".")?;
        write_digits(text, time.millisecond().into(), 3)?;
        text.write_all(b"Z")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; "2000-10-10T13:55:36.000Z".len()];
        self.write_rfc3339(&mut text.as_mut_slice()).map_err(S::Error::custom)?;
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_written_in_two_ways() {
        let time = Time(SystemTime::UNIX_EPOCH + Duration::from_millis(971_186_136_007));
        assert_eq!(&time.common(), b"10/Oct/2000:13:55:36 +0000");
        assert_eq!(serde_json::to_string(&time).unwrap(), r#""2000-10-10T13:55:36.007Z""#);
    }

    #[test]
    fn another_second_is_written_anew() {
        let after = |seconds| Time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).common();
        let texts = [after(59), after(60), after(59)];
        let same = b"01/Jan/1970:00:00:59 +0000";
        assert_eq!(texts, [same, b"01/Jan/1970:00:01:00 +0000", same].map(|text| *text));
    }
}

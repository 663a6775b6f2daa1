//! A time of day, in UTC, as logs write it.

use std::time::SystemTime;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

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
    pub(super) fn write_common(self, line: &mut Vec<u8>) {
        let time = OffsetDateTime::from(self.0);
        write_digits(line, time.day().into(), 2);
        line.push(b'/');
        let month = MONTHS.get(usize::from(u8::from(time.month())) - 1);
        line.extend_from_slice(month.copied().unwrap_or_default().as_bytes());
        line.push(b'/');
        write_digits(line, time.year().unsigned_abs(), 4);
        line.push(b':');
        write_clock(line, time);
        line.extend_from_slice(b" +0000");
    }

    /// As in RFC 3339, to the millisecond: `2000-10-10T13:55:36.000Z`.
    fn write_rfc3339(self, text: &mut Vec<u8>) {
        let time = OffsetDateTime::from(self.0);
        write_digits(text, time.year().unsigned_abs(), 4);
        text.push(b'-');
        write_digits(text, u8::from(time.month()).into(), 2);
        text.push(b'-');
        write_digits(text, time.day().into(), 2);
        text.push(b'T');
        write_clock(text, time);
        text.push(b'.');
        write_digits(text, time.millisecond().into(), 3);
        text.push(b'Z');
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Vec::with_capacity(24);
        self.write_rfc3339(&mut text);
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

fn write_clock(line: &mut Vec<u8>, time: OffsetDateTime) {
    write_digits(line, time.hour().into(), 2);
    line.push(b':');
    write_digits(line, time.minute().into(), 2);
    line.push(b':');
    write_digits(line, time.second().into(), 2);
}

fn write_digits(line: &mut Vec<u8>, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        line.push(b'0' + digit as u8);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_written_in_two_ways() {
        let time = Time(SystemTime::UNIX_EPOCH + Duration::from_millis(971_186_136_007));
        let mut line = Vec::new();
        time.write_common(&mut line);
        assert_eq!(line, b"10/Oct/2000:13:55:36 +0000");
        assert_eq!(serde_json::to_string(&time).unwrap(), r#""2000-10-10T13:55:36.007Z""#);
    }
}

//! Durations and sizes as people write them, on the command line and in a file.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;

/// The longest duration. Beyond it there is nothing to wait for, and clocks overflow.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How much memory an instance can have: from one page, to all that 32 bits can address.
pub const MEMORY: RangeInclusive<usize> = 64 << 10..=4 << 30;

/// Reads seconds, or a number with a unit, like `500ms`, `10s`, `1m`. More than nothing,
/// and at most 365 days.
///
/// # Errors
///
/// A sentence for whoever wrote it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    match duration {
        Some(Duration::ZERO) => Err("it must be more than nothing".to_owned()),
        Some(duration) if duration > MAX_DURATION => Err("it must be at most 365 days".to_owned()),
        Some(duration) => Ok(duration),
        None => Err("not a duration; write seconds, or like 500ms, 10s, 1m".to_owned()),
    }
}

/// Reads bytes, or a number with a unit, like `64KiB`, `16MiB`, `10MB`.
///
/// # Errors
///
/// A sentence for whoever wrote it.
pub fn size(text: &str) -> Result<usize, String> {
    let size = text.parse::<ByteSize>().ok();
    size.and_then(|size| usize::try_from(size.as_u64()).ok())
        .ok_or_else(|| "not a size; write bytes, or like 64KiB, 16MiB, 10MB".to_owned())
}

/// Reads a size that is within a range.
///
/// # Errors
///
/// A sentence for whoever wrote it.
pub fn size_within(text: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let bytes = size(text)?;
    if range.contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!("it must be from {} to {}", shown_size(*range.start()), shown_size(*range.end())))
}

/// A size as people write it.
pub fn shown_size(bytes: usize) -> String {
    ByteSize(bytes as u64).display().iec().to_string().replace(".0 ", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("365days"), Ok(MAX_DURATION));
        for wrong in ["", "0", "-1", "ten", "nan", "inf", "1e999", "5 parsecs", "366days"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        assert_eq!(size("100"), Ok(100));
        assert_eq!(size("64KiB"), Ok(64 << 10));
        assert_eq!(size("10MB"), Ok(10_000_000));
        for wrong in ["", "-1", "many", "64XB"] {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }
}

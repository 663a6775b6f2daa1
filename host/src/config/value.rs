//! What a single value means.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use toml::de::{DeInteger, DeValue};

use super::text::quoted;
use super::units;

pub(super) fn string(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        other => Err(not_a("a string", other)),
    }
}

pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    match value {
        DeValue::Boolean(value) => Ok(*value),
        other => Err(not_a("true or false", other)),
    }
}

/// One of the words that stand for a value.
pub(super) fn word<T: ValueEnum>(value: &DeValue<'_>) -> Result<T, String> {
    let text = string(value)?;
    T::from_str(&text, false).map_err(|_| {
        let words = T::value_variants().iter().filter_map(T::to_possible_value);
        let words: Vec<_> = words.map(|word| word.get_name().to_owned()).collect();
        format!("must be `{}`, not {}", words.join("` or `"), quoted(&text))
    })
}

pub(super) fn address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let DeValue::String(text) = value else {
        return Err(not_a("an address like \"127.0.0.1:8080\"", value));
    };
    text.parse().map_err(|_| {
        format!("{} is not an address; write IP:PORT, like 127.0.0.1:8080", quoted(text))
    })
}

pub(super) fn duration(value: &DeValue<'_>) -> Result<Duration, String> {
    match value {
        DeValue::String(text) => units::duration(text),
        DeValue::Float(seconds) => units::duration(seconds.as_str()),
        DeValue::Integer(seconds) => units::duration(&integer(seconds)?.to_string()),
        other => Err(not_a("a duration like \"500ms\"", other)),
    }
}

pub(super) fn size(value: &DeValue<'_>) -> Result<usize, String> {
    size_in(0..=usize::MAX)(value)
}

/// A size within `range`.
pub(super) fn size_in(
    range: RangeInclusive<usize>,
) -> impl Fn(&DeValue<'_>) -> Result<usize, String> {
    move |value| match value {
        DeValue::String(text) => units::size_within(text, &range),
        DeValue::Integer(bytes) => units::size_within(&integer(bytes)?.to_string(), &range),
        other => Err(not_a("a size like \"64KiB\"", other)),
    }
}

/// A whole number within `range`.
pub(super) fn count<T>(range: RangeInclusive<T>) -> impl Fn(&DeValue<'_>) -> Result<T, String>
where
    T: TryFrom<i128> + Copy + PartialOrd + Display,
{
    move |value| match value {
        DeValue::Integer(number) => match T::try_from(integer(number)?) {
            Ok(number) => within(number, &range),
            Err(_) => Err(out_of(&range)),
        },
        other => Err(not_a("a whole number", other)),
    }
}

/// A number of requests a second.
pub(super) fn per_second(value: &DeValue<'_>) -> Result<f64, String> {
    let number = match value {
        DeValue::Integer(number) => integer(number)? as f64,
        DeValue::Float(number) => number.as_str().parse().unwrap_or(f64::NAN),
        other => return Err(not_a("a number", other)),
    };
    within(number, &(0.001..=1e6))
}

fn integer(number: &DeInteger<'_>) -> Result<i128, String> {
    i128::from_str_radix(number.as_str(), number.radix())
        .map_err(|_| "the number is too large".to_owned())
}

fn within<T: PartialOrd + Display>(value: T, range: &RangeInclusive<T>) -> Result<T, String> {
    if range.contains(&value) { Ok(value) } else { Err(out_of(range)) }
}

fn out_of<T: Display>(range: &RangeInclusive<T>) -> String {
    format!("it must be from {} to {}", range.start(), range.end())
}

/// The message for a value that is not `wanted`.
pub(super) fn not_a(wanted: &str, value: &DeValue<'_>) -> String {
    let what = value.type_str();
    let article = if what.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("must be {wanted}, not {article} {what}")
}

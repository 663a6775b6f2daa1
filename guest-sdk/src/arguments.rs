//! Arguments are the operator's `--arg` values, which parameters take in order.

use std::any::type_name;
use std::fmt::Display;
use std::str::FromStr;
use std::{slice, vec};

/// The arguments that no parameter has taken yet.
pub struct Arguments {
    values: vec::IntoIter<String>,
    /// The position, from 1, of the argument last asked for.
    position: usize,
    /// The names of the parameters to come: none for a function that reached us
    /// without its `#[handler]`.
    parameters: slice::Iter<'static, &'static str>,
    /// The name of the parameter being filled.
    parameter: Option<&'static str>,
}

impl Arguments {
    pub fn new(values: Vec<String>, parameters: &'static [&'static str]) -> Self {
        Arguments {
            values: values.into_iter(),
            position: 0,
            parameters: parameters.iter(),
            parameter: None,
        }
    }

    /// Fills the next parameter.
    pub fn take<T: Argument<Kind>, Kind>(&mut self) -> Result<T, String> {
        self.parameter = self.parameters.next().copied();
        T::take(self)
    }

    /// Checks that every argument has found its parameter.
    pub fn finish(mut self) -> Result<(), String> {
        self.position += 1;
        match self.values.next() {
            Some(value) => Err(format!("argument {} (\"{value}\") is one too many", self.position)),
            None => Ok(()),
        }
    }

    fn next<T: FromStr<Err: Display>>(&mut self) -> Option<Result<T, String>> {
        self.position += 1;
        let value = self.values.next()?;
        let parsed = value.parse();
        Some(parsed.map_err(|error| self.fault::<T>(&format!("(\"{value}\"): {error}"))))
    }

    fn fault<T>(&self, what: &str) -> String {
        let position = self.position;
        let expected = short_type_name::<T>();
        match self.parameter {
            Some(name) => format!("argument {position} {what}; expected {name}: {expected}"),
            None => format!("argument {position} {what}; expected {expected}"),
        }
    }
}

/// The name of a type without the path before it.
fn short_type_name<T>() -> &'static str {
    let name = type_name::<T>();
    let path = name.split('<').next().unwrap_or(name);
    let start = path.rfind("::").map_or(0, |colons| colons + 2);
    &name[start..]
}

/// A type that a parameter of a handler can have.
///
/// `Kind` keeps the implementations apart; it is always inferred.
pub trait Argument<Kind>: Sized {
    /// Takes what it needs, or says what is wrong with the next argument.
    fn take(arguments: &mut Arguments) -> Result<Self, String>;
}

/// One argument that has to be there.
pub enum Required {}

/// The next argument, if there is one.
pub enum Optional {}

/// All arguments that are left.
pub enum Rest {}

impl<T: FromStr<Err: Display>> Argument<Required> for T {
    fn take(arguments: &mut Arguments) -> Result<Self, String> {
        let value = arguments.next();
        value.unwrap_or_else(|| Err(arguments.fault::<T>("is missing")))
    }
}

impl<T: FromStr<Err: Display>> Argument<Optional> for Option<T> {
    fn take(arguments: &mut Arguments) -> Result<Self, String> {
        arguments.next().transpose()
    }
}

impl<T: FromStr<Err: Display>> Argument<Rest> for Vec<T> {
    fn take(arguments: &mut Arguments) -> Result<Self, String> {
        std::iter::from_fn(|| arguments.next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(values: &[&str]) -> Arguments {
        let values = values.iter().copied().map(String::from).collect();
        Arguments::new(values, &["greeting", "times", "rest"])
    }

    fn greeting_and_times(values: &[&str]) -> Result<(String, u32), String> {
        let mut arguments = arguments(values);
        let taken = (arguments.take()?, arguments.take()?);
        arguments.finish()?;
        Ok(taken)
    }

    #[test]
    fn parameters_take_arguments_in_order() {
        assert_eq!(greeting_and_times(&["Hello", "2"]), Ok(("Hello".into(), 2)));
    }

    #[test]
    fn a_wrong_value_is_named() {
        assert_eq!(
            greeting_and_times(&["Hello", "x"]).unwrap_err(),
            "argument 2 (\"x\"): invalid digit found in string; expected times: u32"
        );
    }

    #[test]
    fn a_missing_argument_is_named() {
        assert_eq!(
            greeting_and_times(&[]).unwrap_err(),
            "argument 1 is missing; expected greeting: String"
        );
    }

    #[test]
    fn a_surplus_argument_is_named() {
        assert_eq!(
            greeting_and_times(&["Hello", "2", "x"]).unwrap_err(),
            "argument 3 (\"x\") is one too many"
        );
    }

    #[test]
    fn an_option_may_be_absent_but_not_wrong() {
        let mut absent = arguments(&[]);
        assert_eq!(absent.take::<Option<u32>, _>(), Ok(None));
        let mut wrong = arguments(&["x"]);
        assert_eq!(
            wrong.take::<Option<u32>, _>().unwrap_err(),
            "argument 1 (\"x\"): invalid digit found in string; expected greeting: u32"
        );
    }

    #[test]
    fn a_vec_takes_the_rest() {
        let mut numbers = arguments(&["1", "2", "3"]);
        assert_eq!(numbers.take::<u8, _>(), Ok(1));
        assert_eq!(numbers.take::<Vec<u8>, _>(), Ok(vec![2, 3]));
        assert_eq!(numbers.finish(), Ok(()));
    }

    #[test]
    fn type_names_lose_their_paths() {
        assert_eq!(short_type_name::<u8>(), "u8");
        assert_eq!(short_type_name::<std::net::IpAddr>(), "IpAddr");
        assert_eq!(
            short_type_name::<std::num::Wrapping<String>>(),
            "Wrapping<alloc::string::String>"
        );
    }
}

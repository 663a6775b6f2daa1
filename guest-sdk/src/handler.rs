//! To handle: to call the function that answers, and to understand it.

use std::fmt::Display;

use crate::arguments::{Argument, Arguments};
use crate::{Request, Response};

/// A function that can answer a request.
///
/// It takes `&Request` and `&mut Response`, then up to eight parameters for the
/// operator's arguments, each of them a `T`, an `Option<T>` (the argument may be
/// absent) or a `Vec<T>` (all arguments left) with `T: FromStr`. It returns `()`
/// or a `Result<(), E>` with `E: Display`. An error, of its own or about an
/// argument, is answered with status 500 and its text.
///
/// `Parameters` keeps the implementations apart; it is always inferred.
#[diagnostic::on_unimplemented(
    message = "this function cannot be a handler",
    label = "not a handler",
    note = "a handler takes `&Request`, `&mut Response` and one parameter per argument",
    note = "an argument is a `T`, `Option<T>` or `Vec<T>`, where `T: FromStr` and its error is `Display`",
    note = "a handler returns `()` or `Result<(), E>`, where `E: Display`"
)]
pub trait Handler<Parameters> {
    #[doc(hidden)]
    fn handle(
        &self,
        request: &Request,
        response: &mut Response,
        arguments: Arguments,
    ) -> Result<(), String>;
}

macro_rules! functions {
    ($($parameter:ident $kind:ident),*) => {
        impl<Function, Returned, $($parameter, $kind),*>
            Handler<(Returned, $($parameter, $kind),*)> for Function
        where
            Function: Fn(&Request, &mut Response, $($parameter),*) -> Returned,
            Returned: Outcome,
            $($parameter: Argument<$kind>,)*
        {
            #[allow(non_snake_case, unused_mut, reason = "variables named after their types, or none")]
            fn handle(
                &self,
                request: &Request,
                response: &mut Response,
                mut arguments: Arguments,
            ) -> Result<(), String> {
                $(let $parameter = arguments.take()?;)*
                arguments.finish()?;
                self(request, response, $($parameter),*).into_result()
            }
        }
    };
}

functions!();
functions!(A KindA);
functions!(A KindA, B KindB);
functions!(A KindA, B KindB, C KindC);
functions!(A KindA, B KindB, C KindC, D KindD);
functions!(A KindA, B KindB, C KindC, D KindD, E KindE);
functions!(A KindA, B KindB, C KindC, D KindD, E KindE, F KindF);
functions!(A KindA, B KindB, C KindC, D KindD, E KindE, F KindF, G KindG);
functions!(A KindA, B KindB, C KindC, D KindD, E KindE, F KindF, G KindG, H KindH);

/// What a handler can return.
pub trait Outcome {
    /// Turns an error into the text that the host is told.
    fn into_result(self) -> Result<(), String>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// Lets a handler answer, as the export of a component and as a test do.
pub fn answer<Parameters>(
    handler: impl Handler<Parameters>,
    request: &Request,
    arguments: Vec<String>,
    parameters: &'static [&'static str],
) -> Result<Response, String> {
    let mut response = Response::default();
    let arguments = Arguments::new(arguments, parameters);
    handler.handle(request, &mut response, arguments)?;
    Ok(response)
}

/// Compiles if and only if it is given a handler.
pub const fn check<Parameters>(_: impl Handler<Parameters> + Copy) {}

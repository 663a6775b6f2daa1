//! To export: to make a function the component's `handle`.
//!
//! `#[handler]` leaves a function as it is and writes one call of this macro
//! below it. Only a component has something to export; elsewhere the function
//! is checked, so that `cargo check` tells the same faults on every target.

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($handler:ident($($parameter:ident),*)) => {
        $crate::__component!($handler($($parameter),*));

        // Exported macros share one namespace in their crate, whatever the
        // module: a second handler is an error, and this name says which.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! a_crate_has_one_handler {
            () => {};
        }
    };
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ($handler:ident($($parameter:ident),*)) => {
        const _: () = {
            struct Component;

            impl $crate::bindings::Guest for Component {
                fn handle(
                    request: $crate::bindings::Request,
                    args: ::std::vec::Vec<::std::string::String>,
                ) -> ::std::result::Result<$crate::bindings::Response, ::std::string::String> {
                    let parameters = &[$(::std::stringify!($parameter)),*];
                    let request = <$crate::Request as ::std::convert::From<_>>::from(request);
                    // The instance is thrown away with all that it has: nothing need be freed.
                    let request = ::std::mem::ManuallyDrop::new(request);
                    $crate::internal::answer($handler, &request, args, parameters)
                        .map(::std::convert::From::from)
                }
            }

            $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ($handler:ident($($parameter:ident),*)) => {
        const _: () = $crate::internal::check($handler);
    };
}

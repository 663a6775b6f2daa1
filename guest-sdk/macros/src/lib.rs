//! The `#[handler]` attribute of the `picohttp` crate.
//!
//! It checks what syntax can tell, leaves the function as it is, and calls a
//! macro of `picohttp` below it. All behaviour lives there.

#![deny(missing_docs)]

mod check;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::Parser;

/// Makes a function the handler of its crate, which is then a component.
///
/// ```
/// use picohttp::{Request, Response, handler};
///
/// #[handler]
/// fn greet(request: &Request, response: &mut Response, greeting: String, times: Option<usize>) {
///     response.set_text(greeting.repeat(times.unwrap_or(1)));
/// }
/// ```
///
/// `picohttp::Handler` says what it may take and return. A crate has one handler.
#[proc_macro_attribute]
pub fn handler(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let item = TokenStream::from(item);
    let export = export(arguments.into(), item.clone());
    let export = export.unwrap_or_else(syn::Error::into_compile_error);
    quote!(#item #export).into()
}

fn export(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    check::no_arguments(arguments)?;
    let signature = check::function.parse2(item)?;
    let parameters = check::parameters(&signature)?;
    let name = signature.ident;
    Ok(quote_spanned!(name.span()=> ::picohttp::__export!(#name(#(#parameters),*));))
}

//! To check: to say what is wrong with a handler, at the token that is wrong.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{Attribute, Error, FnArg, Pat, Result, Signature, Type, Visibility};

/// Checks that the attribute itself was given nothing.
pub fn no_arguments(arguments: TokenStream) -> Result<()> {
    refuse(
        (!arguments.is_empty()).then_some(arguments),
        "`#[handler]` takes nothing; what comes from `--arg` are parameters of the function",
    )
}

/// Parses a function up to its body, which is none of our business.
pub fn function(item: ParseStream) -> Result<Signature> {
    let signature = || {
        item.call(Attribute::parse_outer)?;
        item.parse::<Visibility>()?;
        item.parse::<Signature>()
    };
    let signature =
        signature().map_err(|error| Error::new(error.span(), "`#[handler]` goes on a function"))?;
    item.parse::<TokenStream>()?;

    refuse(signature.asyncness.as_ref(), "a handler is not `async`: the host waits for it anyway")?;
    refuse(
        signature.unsafety.as_ref(),
        "a handler is not `unsafe`: the host calls it with any request",
    )?;
    refuse(signature.abi.as_ref(), "a handler is not `extern`: it is called from Rust")?;
    let generics = &signature.generics;
    refuse(
        (!generics.params.is_empty()).then_some(generics),
        "a handler is not generic: the host could not choose the types",
    )?;
    Ok(signature)
}

/// Checks the parameters, and returns the names of those after the response.
pub fn parameters(signature: &Signature) -> Result<Vec<Ident>> {
    let mut parameters = signature.inputs.iter().map(|parameter| match parameter {
        FnArg::Typed(parameter) => Ok((&*parameter.pat, &*parameter.ty)),
        FnArg::Receiver(receiver) => {
            Err(Error::new_spanned(receiver, "a handler is a function of its own, without `self`"))
        }
    });
    let (Some(request), Some(response)) = (parameters.next(), parameters.next()) else {
        return Err(Error::new(
            signature.paren_token.span.join(),
            "a handler takes `request: &Request, response: &mut Response`",
        ));
    };
    reference(request?.1, false, "the first parameter of a handler is `&Request`")?;
    reference(response?.1, true, "the second parameter of a handler is `&mut Response`")?;
    let arguments: Vec<_> = parameters.collect::<Result<_>>()?;
    order(&arguments)?;
    arguments.into_iter().map(argument).collect()
}

/// Checks for a reference; what it refers to is for the compiler to tell.
fn reference(ty: &Type, mutable: bool, message: &str) -> Result<()> {
    let wrong = match ty {
        Type::Reference(reference) => reference.mutability.is_some() != mutable,
        Type::Path(_) => true,
        _ => false,
    };
    refuse(wrong.then_some(ty), message)
}

/// Checks that no argument is behind one that would take it.
fn order(arguments: &[(&Pat, &Type)]) -> Result<()> {
    for ((_, first), (_, second)) in arguments.iter().zip(arguments.iter().skip(1)) {
        refuse(
            is(first, "Vec").then_some(first),
            "a `Vec` takes all arguments that are left, so nothing comes after it",
        )?;
        let required = !is(second, "Option") && !is(second, "Vec");
        refuse(
            (is(first, "Option") && required).then_some(first),
            "an argument that may be absent comes after those that may not",
        )?;
    }
    Ok(())
}

/// Returns true if and only if the last name of a type's path is this one.
fn is(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(ty) => ty.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    }
}

fn argument((pattern, ty): (&Pat, &Type)) -> Result<Ident> {
    refuse(
        matches!(ty, Type::Reference(_)).then_some(ty),
        "an argument is owned, such as a `String`, not a reference",
    )?;
    refuse(
        matches!(ty, Type::ImplTrait(_)).then_some(ty),
        "a handler is not generic: the host could not choose the type",
    )?;
    match pattern {
        Pat::Ident(pattern) => Ok(pattern.ident.clone()),
        _ => Err(Error::new_spanned(pattern, "an argument has a name, which its errors tell")),
    }
}

fn refuse(found: Option<impl ToTokens>, message: &str) -> Result<()> {
    match found {
        Some(tokens) => Err(Error::new_spanned(tokens, message)),
        None => Ok(()),
    }
}

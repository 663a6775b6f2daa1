//! What a component imports, as far as it differs from one component to another.

use std::collections::BTreeSet;

use picohttp_host::Component;

/// The packages that a component imports; of `wasi:cli`, only the interface that there is a
/// grant for counts as another.
pub fn imports(handler: &Component) -> BTreeSet<String> {
    let interfaces = handler.imports();
    let without_version = interfaces.iter().filter_map(|name| name.split('@').next());
    let packages = without_version.map(|name| match name {
        ENVIRONMENT => name,
        _ => name.split('/').next().unwrap_or(name),
    });
    packages.filter(|name| name.starts_with("wasi:")).map(str::to_owned).collect()
}

/// Folders are granted.
pub const FILESYSTEM: &str = "wasi:filesystem";

/// Variables are granted.
pub const ENVIRONMENT: &str = "wasi:cli/environment";

/// What a guest gets that asks for something there is no grant for.
pub fn given(import: &str) -> &'static str {
    match import {
        "wasi:sockets" => "refused",
        _ => "given to all",
    }
}

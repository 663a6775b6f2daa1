//! Why tenants cannot be served together.

use crate::PathError;

/// Why tenants cannot be served together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Two tenants have this name.
    #[error("there are two tenants `{0}`")]
    Name(String),
    /// A tenant's host is no host name.
    #[error("{tenant} cannot have the host `{host}`: {hint}")]
    NoHost {
        /// The tenant.
        tenant: String,
        /// What should be a host.
        host: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A quota lets nothing go on.
    #[error("the quota of {whose} lets nothing go on: {wrong}")]
    Quota {
        /// The tenant, or its route.
        whose: String,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// Two tenants have this host.
    #[error("the host {host} is both {}'s and {}'s", .tenants[0], .tenants[1])]
    Host {
        /// The host.
        host: String,
        /// The tenants.
        tenants: [String; 2],
    },
    /// Two tenants name no hosts, and so have all that nobody else has.
    #[error("{} and {} both have no hosts; one tenant may, and has all others", .0[0], .0[1])]
    OtherHosts([String; 2]),
    /// A route's path cannot be used.
    #[error("{tenant} cannot have a route `{path}`: {error}")]
    Path {
        /// The tenant.
        tenant: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        error: PathError,
    },
    /// Two routes of a tenant mean the same paths.
    #[error("{tenant} has the routes `{}` and `{}`, which mean the same", .paths[0], .paths[1])]
    SamePath {
        /// The tenant.
        tenant: String,
        /// The paths, as the routes spell them.
        paths: [String; 2],
    },
}

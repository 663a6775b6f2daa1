//! Whom a server serves: tenants, the routes of each, and what each may have.

use std::fmt;
use std::sync::Arc;

use crate::{Handler, Rate};

/// One of those whom a server serves. Its handlers share its hosts and its quota, and
/// nothing with those of other tenants.
///
/// ```
/// use picohttp_host::{HttpServer, Quota, Request, Response, Route, Tenant};
///
/// let hello = |_: &Request<'_>, response: &mut Response| response.data = Some(b"Hello".into());
/// let teapot = |_: &Request<'_>, response: &mut Response| response.status = 418;
///
/// let acme = Tenant::new("acme")
///     .hosts(["acme.example.com", "*.acme.example.com"])
///     .quota(Quota { max_concurrent_requests: 8, ..Quota::default() })
///     .route(Route::new("/hello", hello))
///     .route(Route::new("/pots/:name", teapot));
/// let others = Tenant::new("others").route(Route::new("/...", teapot));
///
/// let server = HttpServer::of_tenants([acme, others]).port(0).start()?;
/// # server.stop(std::time::Duration::ZERO);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tenant {
    pub(crate) name: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) totals: Totals,
    pub(crate) routes: Vec<Route>,
}

/// What all routes of a tenant may have together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// How much may go on at once.
    pub quota: Quota,
    /// How much memory all live instances may have, in bytes, if there is a bound.
    pub max_memory: Option<usize>,
    /// How much of what the handlers write reaches the log, in bytes a second; `None` for all
    /// of it.
    pub log_rate: Option<usize>,
}

/// A path, and the handler that answers the requests for it.
#[derive(Clone)]
pub struct Route {
    pub(crate) path: String,
    /// None if it is not there.
    pub(crate) handler: Option<Arc<dyn Handler>>,
    pub(crate) args: Arc<[String]>,
    pub(crate) quota: Quota,
    pub(crate) max_body_size: Option<u64>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("path", &self.path)
            .field("args", &self.args)
            .field("quota", &self.quota)
            .field("max_body_size", &self.max_body_size)
            .finish_non_exhaustive()
    }
}

/// How much may go on at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// How many requests may run; at least 1.
    pub max_concurrent_requests: usize,
    /// How many complete requests may wait for others to end. Those over it are answered
    /// with 503.
    pub max_queue: usize,
    /// How often requests may come. Those over it are answered with 503.
    pub rate: Option<Rate>,
}

impl Default for Quota {
    /// As much as there is around it: a route has what its tenant has, and a tenant what
    /// the server has. Of that it takes no more than it leaves to other tenants.
    fn default() -> Self {
        Quota { max_concurrent_requests: usize::MAX, max_queue: usize::MAX, rate: None }
    }
}

impl Quota {
    /// What is wrong with it, if anything is.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let Quota { max_concurrent_requests, rate, max_queue: _ } = *self;
        if max_concurrent_requests == 0 {
            return Err("`max_concurrent_requests` must be at least 1");
        }
        match rate {
            Some(Rate { per_second, .. }) if !(per_second > 0.0 && per_second.is_finite()) => {
                Err("`per_second` must be a number above 0")
            }
            Some(Rate { burst: 0, .. }) => Err("`burst` must be at least 1"),
            _ => Ok(()),
        }
    }

    /// How many requests may run, and how many may wait, where there is a bound.
    pub(crate) fn bounds(&self) -> (Option<usize>, Option<usize>) {
        let bound = |bound| Some(bound).filter(|&bound| bound != usize::MAX);
        (bound(self.max_concurrent_requests), bound(self.max_queue))
    }
}

impl Tenant {
    /// A tenant without routes, for every host that no other tenant has. Its name is for
    /// logs and metrics, and must be the only one of its kind. It has no bounds but the server's,
    /// where one of a file has some ([`TenantPlan`](crate::config::TenantPlan)).
    pub fn new(name: impl Into<String>) -> Tenant {
        Tenant {
            name: name.into(),
            hosts: Vec::new(),
            totals: Totals::default(),
            routes: Vec::new(),
        }
    }

    /// The hosts whose requests are the tenant's: names as in `www.example.com`, or
    /// `*.example.com` for all below `example.com`; an IPv6 address stands in brackets. The
    /// longest that fits a request decides.
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Tenant {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// What all routes of the tenant may have together.
    pub fn quota(mut self, quota: Quota) -> Tenant {
        self.totals.quota = quota;
        self
    }

    /// How much memory all live instances of the tenant may have together, in bytes;
    /// without a bound unless told otherwise.
    pub fn max_memory(mut self, bytes: usize) -> Tenant {
        self.totals.max_memory = Some(bytes);
        self
    }

    /// How much of what the tenant's handlers write reaches the log, in bytes a second;
    /// all of it unless told otherwise.
    pub fn log_rate(mut self, bytes: usize) -> Tenant {
        self.totals.log_rate = Some(bytes);
        self
    }

    /// Adds a route.
    pub fn route(mut self, route: Route) -> Tenant {
        self.routes.push(route);
        self
    }
}

impl Route {
    /// Requests for `path` are answered by `handler`.
    ///
    /// A path is literal segments as in `/a/b`, `:name` for any one segment, and `...` at
    /// its end for all that begins with it, itself included. Segments of requests are
    /// decoded (`%61` is `a`) before they are compared; empty ones, `.` and `..` are
    /// segments like others, which no route names; `*`, `**` and what is in braces are names of
    /// other servers', and refused. At each segment, a literal goes before a name, and a name
    /// before `...`.
    pub fn new(path: impl Into<String>, handler: impl Handler) -> Route {
        Route { handler: Some(Arc::new(handler)), ..Route::unavailable(path) }
    }

    /// Requests for `path` are answered with 503 ([`Fault::Unavailable`](crate::Fault)), and
    /// operators are told so, as its handler is not there, or not yet.
    pub fn unavailable(path: impl Into<String>) -> Route {
        Route {
            path: path.into(),
            handler: None,
            args: Arc::default(),
            quota: Quota::default(),
            max_body_size: None,
        }
    }

    /// What the handler gets beside each request.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Route {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// What the route may have of what its tenant has.
    pub fn quota(mut self, quota: Quota) -> Route {
        self.quota = quota;
        self
    }

    /// The largest body of a request, in bytes; the server's limit unless told otherwise.
    pub fn max_body_size(mut self, bytes: u64) -> Route {
        self.max_body_size = Some(bytes);
        self
    }
}

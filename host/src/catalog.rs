//! What is served now: tenants by host, and their endpoints by path.
//!
//! A catalog never changes. Another is made beside it and takes its place as a whole;
//! requests that have begun keep what they found in theirs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::account::Account;
use crate::admission::{Admission, Lane};
use crate::handler::Origin;
use crate::hosts::{self, Hosts};
use crate::http1::{self, Head};
use crate::metrics::{Metrics, RouteTally, Series, TenantTally};
use crate::normal_form;
use crate::route_tree::RouteTree;
use crate::tenant::Totals;
use crate::{CatalogError, Handler, Quota, Route, Tenant};

/// All tenants of a server and their endpoints.
pub(crate) struct Catalog {
    tenants: Vec<Served>,
    /// By place in `tenants`.
    hosts: Hosts,
}

/// A tenant as it is served.
pub(crate) struct Served {
    pub(crate) account: Arc<Account>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) totals: Totals,
    pub(crate) hosts: Vec<String>,
    pub(crate) tally: Arc<TenantTally>,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    /// The same endpoints.
    paths: RouteTree<Arc<Endpoint>>,
}

/// Where a request ends up: a route of a tenant.
pub(crate) struct Endpoint {
    /// None if it is not there.
    pub(crate) handler: Option<Arc<dyn Handler>>,
    pub(crate) args: Arc<[String]>,
    /// The largest body, if it is not the server's.
    pub(crate) max_body_size: Option<u64>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) quota: Quota,
    /// What counts its requests, and what counts its tenant's.
    pub(crate) tally: Arc<RouteTally>,
    pub(crate) tenant_tally: Arc<TenantTally>,
    /// The lane that `lane` is within must last as long.
    _tenant: Arc<Lane>,
}

impl Catalog {
    /// A catalog of `tenants`, which goes on where `previous` ends: who runs or waits
    /// still counts.
    pub(crate) fn new(
        tenants: impl IntoIterator<Item = Tenant>,
        admission: &Arc<Admission>,
        root_lane: &Lane,
        metrics: &Metrics,
        previous: Option<&Catalog>,
    ) -> Result<Catalog, CatalogError> {
        let before: HashMap<&str, &Served> = previous
            .into_iter()
            .flat_map(|previous| &previous.tenants)
            .map(|served| (served.account.name.as_str(), served))
            .collect();
        let mut catalog = Catalog { tenants: Vec::new(), hosts: Hosts::default() };
        let mut names = HashSet::new();
        let mut series = Series::new(metrics);
        for tenant in tenants {
            if !names.insert(tenant.name.clone()) {
                return Err(CatalogError::Name(tenant.name));
            }
            check_quotas(&tenant)?;
            catalog.give_hosts(&tenant)?;
            let before = before.get(tenant.name.as_str()).copied();
            catalog.tenants.push(Served::new(tenant, admission, root_lane, &mut series, before)?);
        }
        Ok(catalog)
    }

    fn give_hosts(&mut self, tenant: &Tenant) -> Result<(), CatalogError> {
        let Catalog { tenants, hosts } = self;
        let pair = |other: usize| {
            let other = tenants.get(other).map_or(&tenant.name, |other| &other.account.name);
            [other.clone(), tenant.name.clone()]
        };
        if tenant.hosts.is_empty() {
            let given = hosts.give_others(tenants.len());
            given.map_err(|other| CatalogError::OtherHosts(pair(other)))?;
        }
        for host in &tenant.hosts {
            let name = hosts::read(host).map_err(|hint| {
                let (tenant, host) = (tenant.name.clone(), host.clone());
                CatalogError::NoHost { tenant, host, hint }
            })?;
            hosts
                .give(&name, tenants.len())
                .map_err(|other| CatalogError::Host { host: host.clone(), tenants: pair(other) })?;
        }
        Ok(())
    }

    /// Lets the catalog's totals be those that count, now that it is served, and its
    /// tenants have journals if they are to.
    pub(crate) fn settle(&self, journals: bool) {
        let alone = self.tenants.len() == 1;
        for served in &self.tenants {
            let Totals { quota, max_memory, log_rate } = served.totals;
            served.account.set_bounds(max_memory, log_rate, alone);
            served.lane.set_quota(quota);
            if journals {
                served.account.keep_journal(self.tenants.len());
            }
            for endpoint in &served.endpoints {
                endpoint.lane.set_quota(endpoint.quota);
            }
        }
    }

    /// Lets none of its tenants be the only one any more, as another catalog is served, which
    /// is to be settled next.
    pub(crate) fn retire(&self) {
        for served in &self.tenants {
            served.account.set_alone(false);
        }
    }

    /// The endpoint of a request, if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`http1::host`], if the host decides.
    pub(crate) fn find(&self, head: &Head<'_>) -> Result<Option<&Arc<Endpoint>>, http1::Error> {
        let tenant = if self.hosts.are_all_one() {
            self.hosts.find("")
        } else {
            let host = http1::host(head)?;
            // RFC 9112 section 3.2.2: the target goes before the header.
            self.hosts.find(http1::authority(head.target).unwrap_or(host))
        };
        let tenant = tenant.and_then(|number| self.tenants.get(number));
        Ok(tenant.and_then(|tenant| tenant.paths.find(normal_form::segments(head.target))))
    }

    pub(crate) fn tenants(&self) -> &[Served] {
        &self.tenants
    }
}

impl Served {
    /// Whether the tenant has no series of its own: what is counted for many says nothing of one.
    pub(crate) fn shares_series(&self, metrics: &Metrics) -> bool {
        Arc::ptr_eq(&self.tally, &metrics.other_tenants)
    }

    /// How many routes have no handler.
    pub(crate) fn unavailable(&self) -> usize {
        self.endpoints.iter().filter(|endpoint| endpoint.handler.is_none()).count()
    }

    fn new(
        tenant: Tenant,
        admission: &Arc<Admission>,
        root_lane: &Lane,
        series: &mut Series<'_>,
        before: Option<&Served>,
    ) -> Result<Served, CatalogError> {
        let account = match before {
            Some(before) => Arc::clone(&before.account),
            None => Arc::new(Account::new(&tenant.name)),
        };
        let Tenant { name, hosts, totals, routes } = tenant;
        let lane = match before {
            Some(before) => Arc::clone(&before.lane),
            None => Arc::new(admission.add_tenant(root_lane, totals.quota, Arc::clone(&account))),
        };
        let tally = series.tenant(&name, before.map(|before| &before.tally));
        let (endpoints, paths) = (Vec::with_capacity(routes.len()), RouteTree::default());
        let mut served = Served { account, lane, totals, hosts, tally, endpoints, paths };
        let before: HashMap<&str, &Arc<Endpoint>> = before
            .into_iter()
            .flat_map(|before| &before.endpoints)
            .map(|endpoint| (endpoint.origin.route.as_str(), endpoint))
            .collect();
        for route in routes {
            let before = before.get(route.path.as_str()).copied();
            served.add(route, admission, series, before)?;
        }
        served.paths.check().map_err(|error| CatalogError::Path {
            tenant: served.account.name.clone(),
            path: "/".to_owned(),
            error,
        })?;
        Ok(served)
    }

    fn add(
        &mut self,
        route: Route,
        admission: &Arc<Admission>,
        series: &mut Series<'_>,
        before: Option<&Arc<Endpoint>>,
    ) -> Result<(), CatalogError> {
        let Route { path, handler, args, quota, max_body_size } = route;
        let tenant = &self.account.name;
        let place = self.paths.place(&path).map_err(|error| CatalogError::Path {
            tenant: tenant.clone(),
            path: path.clone(),
            error,
        })?;
        if let Some(other) = place {
            let paths = [other.origin.route.clone(), path];
            return Err(CatalogError::SamePath { tenant: tenant.clone(), paths });
        }
        let lane = match before {
            Some(before) => Arc::clone(&before.lane),
            None => Arc::new(admission.add_route(&self.lane, quota)),
        };
        let origin = Arc::new(Origin { route: path, account: Arc::clone(&self.account) });
        let tally = series.route(&self.tally, before.map(|before| &before.tally));
        let endpoint = Arc::new(Endpoint {
            handler,
            args,
            max_body_size,
            origin,
            lane,
            quota,
            tally,
            tenant_tally: Arc::clone(&self.tally),
            _tenant: Arc::clone(&self.lane),
        });
        *place = Some(Arc::clone(&endpoint));
        self.endpoints.push(endpoint);
        Ok(())
    }
}

/// Each quota of a tenant's lets something go on.
fn check_quotas(tenant: &Tenant) -> Result<(), CatalogError> {
    let routes = tenant.routes.iter().map(|route| (&route.quota, Some(&route.path)));
    for (quota, route) in routes.chain([(&tenant.totals.quota, None)]) {
        quota.check().map_err(|wrong| {
            let route = route.map(|path| format!(" {path}")).unwrap_or_default();
            CatalogError::Quota { whose: format!("{}{route}", tenant.name), wrong }
        })?;
    }
    Ok(())
}

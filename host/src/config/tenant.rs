//! The table `[[tenant]]`.

use toml::de::DeValue;

use super::grants;
use super::limits::{Limits, Totals, either};
use super::plan::TenantPlan;
use super::problem::Problems;
use super::read::Defaults;
use super::route::{self, Above, Route};
use super::table::{Setting, Table};
use super::text::{Place, quoted};
use super::value;
use crate::Quota;
use crate::hosts;
use crate::route_tree::RouteTree;

/// A tenant, and where it says what no other tenant may say.
pub(super) struct Tenant<'a> {
    pub(super) plan: TenantPlan,
    /// Its name, if it has a good one.
    pub(super) name: Option<Setting<'a, String>>,
    /// Its hosts, unless it has all that are left.
    pub(super) hosts: Option<Vec<Setting<'a, String>>>,
    /// Its header.
    pub(super) place: Place<'a>,
}

/// Reads one table.
pub(super) fn read<'a>(
    mut table: Table<'a>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> Tenant<'a> {
    let name = table.require("name", problems, tenant_name);
    if let Some(name) = &name {
        table.place.key = format!("tenant.{}", name.value);
    }
    let is_empty = table.list_length("hosts") == Some(0);
    let hosts = table.take_list("hosts", problems, host);
    if let Some(empty) = hosts.as_ref().filter(|_| is_empty) {
        problems.add(&empty.place, "has no host; leave it out for every host that is left");
    }
    let hosts = hosts.map(|list| list.value);

    let limits = Limits::read(&mut table, problems);
    let totals = Totals::read(&mut table, problems);
    let mut plan = plan(&totals, defaults, problems);
    let place = table.place.clone();
    let above = Above { defaults, limits: &limits, totals: &totals, tenant: &plan, place: &place };
    let routes = routes(&mut table, &above, problems);
    check_paths(&routes, problems);

    plan.routes = routes.into_iter().map(|route| route.plan).collect();
    plan.name = name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
    plan.hosts = hosts.iter().flatten().map(|host| host.value.clone()).collect();
    table.finish(problems);
    Tenant { plan, name, hosts, place }
}

/// The tenant's bounds, without its name and its routes.
fn plan(totals: &Totals<'_>, defaults: &Defaults<'_>, problems: &mut Problems) -> TenantPlan {
    let (server, default) = (&defaults.server.plan, &defaults.totals);
    let mut plan = TenantPlan::new(String::new(), server, Vec::new());
    plan.totals.max_memory = either(&totals.max_memory_total, &default.max_memory_total);
    if let Some(quota) = either(&totals.log_quota, &default.log_quota) {
        plan.totals.log_rate = Some(quota).filter(|&quota| quota > 0);
    }
    let most = Quota {
        max_concurrent_requests: server.max_concurrent_requests,
        max_queue: server.max_queue,
        rate: None,
    };
    let quota = &mut plan.totals.quota;
    totals.share.apply(quota, &default.share, ("server", most), problems);
    plan
}

/// The routes, or the one handler that the tenant's own table describes.
fn routes<'a>(table: &mut Table<'a>, above: &Above<'_>, problems: &mut Problems) -> Vec<Route<'a>> {
    let own: Vec<_> = route::HANDLER_KEYS.into_iter().filter(|key| table.has(key)).collect();
    if table.has("route") || own.is_empty() {
        if !table.has("route") || table.list_length("route") == Some(0) {
            problems.add(&table.place, "has no handler; it needs `source` or a `[[tenant.route]]`");
        }
        for key in own {
            if let Some(place) = table.refuse(key) {
                problems.add(&place, "belongs in a `[[tenant.route]]`, as there are some");
            }
        }
        table.know(&route::HANDLER_KEYS);
        let tables = table.take_tables("route", "[[tenant.route]]", problems);
        return tables
            .into_iter()
            .filter_map(|table| route::read(table, above, problems))
            .collect();
    }
    table.know(&["route"]);
    let source = table.require("source", problems, |value| grants::source(value, above.folder()));
    let path = source.as_ref().map(|source| source.place.clone());
    let plan = route::plan("/...", source, above, table, problems);
    above.check_sizes(&plan, &Limits::default(), problems);
    path.map(|path| Route { plan, path }).into_iter().collect()
}

/// No two routes may be for the same paths.
fn check_paths(routes: &[Route<'_>], problems: &mut Problems) {
    let mut seen: RouteTree<&Place<'_>> = RouteTree::default();
    for route in routes {
        match seen.place(&route.plan.path) {
            Ok(Some(first)) => {
                problems.add(&route.path, format!("matches the same paths as the one at {first}"));
            }
            Ok(free) => *free = Some(&route.path),
            Err(error) => problems.add(&route.path, error.to_string()),
        }
    }
    if let (Err(error), Some(first)) = (seen.check(), routes.first()) {
        problems.add(&first.path, error.to_string());
    }
}

fn host(value: &DeValue<'_>) -> Result<String, String> {
    let written = value::string(value)?;
    hosts::read(&written).map_err(|hint| format!("{} is not a host name; {hint}", quoted(&written)))
}

fn tenant_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = value::string(value)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| plain(byte) || b"-_.".contains(&byte))
        && name.bytes().next().is_some_and(plain);
    if good {
        return Ok(name);
    }
    Err(format!(
        "{} is not a name; it must be 1 to 64 of a-z, 0-9, `-`, `_` and `.`, and begin with a \
         letter or a digit",
        quoted(&name)
    ))
}

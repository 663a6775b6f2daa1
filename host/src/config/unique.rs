//! What only one tenant may say: its name, and which hosts are its own.

use std::collections::HashMap;

use super::problem::Problems;
use super::tenant::Tenant;
use super::text::Place;

/// Reports what a second tenant says again.
pub(super) fn check(tenants: &[Tenant<'_>], problems: &mut Problems) {
    let names = tenants.iter().filter_map(|tenant| tenant.name.as_ref());
    check_each(names.map(|name| (name.value.as_str(), &name.place)), problems, |name, first| {
        format!("there is a tenant `{name}` already, at {first}")
    });
    let hosts = tenants.iter().flat_map(|tenant| tenant.hosts.iter().flatten());
    check_each(hosts.map(|host| (host.value.as_str(), &host.place)), problems, |host, first| {
        format!("the host `{host}` is given already, at {first}")
    });
    let others = tenants.iter().filter(|tenant| tenant.hosts.is_none());
    check_each(others.map(|tenant| ("", &tenant.place)), problems, |_, first| {
        format!("`hosts` is missing; the tenant at {first} has every host that is left already")
    });
}

fn check_each<'t>(
    items: impl Iterator<Item = (&'t str, &'t Place<'t>)>,
    problems: &mut Problems,
    message: impl Fn(&str, &Place<'t>) -> String,
) {
    let mut seen: HashMap<&str, &Place<'_>> = HashMap::new();
    for (item, place) in items {
        match seen.get(item) {
            Some(first) => problems.add(place, message(item, first)),
            None => {
                seen.insert(item, place);
            }
        }
    }
}

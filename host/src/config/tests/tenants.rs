//! The table `[[tenant]]`.

use super::*;
use crate::{Quota, Rate, Totals};

fn tenant_errors(lines: &str) -> String {
    errors(&format!("[[tenant]]\nname = 'a'\nsource = 'api.wasm'\n{lines}"))
        .replace("picohttp.toml:", "")
}

#[test]
fn a_tenant_with_one_handler_has_one_route() {
    let tenant = plan(
        "[[tenant]]
        name = 'a'
        hosts = ['A.example', '*.A.example']
        source = 'api.wasm'
        args = ['x']
        environment = { B = '1', A = '2' }
        dirs = ['data']
        timeout = 1",
    )
    .tenants
    .remove(0);
    assert_eq!(tenant.hosts, ["a.example", "*.a.example"]);
    let [route] = tenant.routes.try_into().unwrap();
    assert_eq!(route.path, "/...");
    assert_eq!(route.args, ["x"]);
    assert_eq!(route.sandbox.environment, [("B".into(), "1".into()), ("A".into(), "2".into())]);
    assert_eq!(route.sandbox.directories[0].guest, "data");
    assert_eq!(route.sandbox.timeout.as_secs(), 1);
}

#[test]
fn a_tenant_has_one_handler_or_routes() {
    assert_eq!(
        tenant_errors("args = []\n[[tenant.route]]\npath = '/'\nsource = 'api.wasm'"),
        "3:10: tenant.a.source: belongs in a `[[tenant.route]]`, as there are some\n\
         4:8: tenant.a.args: belongs in a `[[tenant.route]]`, as there are some"
    );
    assert_eq!(
        errors("[[tenant]]\nname = 'a'"),
        "picohttp.toml:1:1: tenant.a: has no handler; it needs `source` or a `[[tenant.route]]`"
    );
    assert_eq!(
        errors("[[tenant]]\nname = 'a'\ndirs = []"),
        "picohttp.toml:1:1: tenant.a: `source` is missing"
    );
    assert_eq!(
        errors("[[tenant]]\nname = 'a'\nroute = []"),
        "picohttp.toml:1:1: tenant.a: has no handler; it needs `source` or a `[[tenant.route]]`"
    );
}

#[test]
fn names_are_plain_and_unique() {
    for name in ["a", "0", "a-b_c.d", &"x".repeat(64)] {
        assert_eq!(plan(&GOOD.replace("'good'", &format!("'{name}'"))).tenants[0].name, name);
    }
    for name in ["", "A", "a b", "é", ".", "..", "-a", "_a", &"x".repeat(65)] {
        let message = errors(&GOOD.replace("'good'", &format!("'{name}'")));
        assert!(
            message.starts_with(&format!(
                "picohttp.toml:2:8: tenant[0].name: `{name}` is not a name; it must"
            )),
            "{message}"
        );
    }
    assert_eq!(
        errors(&format!("{GOOD}\n{}", GOOD.replace("good.example", "other.example"))),
        "picohttp.toml:7:8: tenant[1].name: there is a tenant `good` already, at \
         picohttp.toml:2:8"
    );
}

#[test]
fn a_host_belongs_to_one_tenant() {
    let folder = Folder::new(&format!("include = ['tenants.d/*']\n{GOOD}")).with(
        "tenants.d/other.toml",
        "[[tenant]]\nname = 'other'\nhosts = ['b', 'GOOD.example', 'b']\nsource = '../api.wasm'",
    );
    assert_eq!(
        folder.errors(),
        "tenants.d/other.toml:3:15: tenant.other.hosts[1]: the host `good.example` is given \
         already, at picohttp.toml:4:10\n\
         tenants.d/other.toml:3:31: tenant.other.hosts[2]: the host `b` is given already, at \
         tenants.d/other.toml:3:10"
    );
    assert_eq!(
        tenant_errors("hosts = []\n"),
        "4:9: tenant.a.hosts: has no host; leave it out for every host that is left"
    );
    assert_eq!(
        tenant_errors("hosts = [\"a\\u001B[2J\"]\n"),
        "4:10: tenant.a.hosts[0]: `a\\u{1b}[2J` is not a host name; write it like `example.com` or \
         `*.example.com`"
    );
    assert_eq!(
        tenant_errors("hosts = ['a:80', 1]\n"),
        "4:10: tenant.a.hosts[0]: `a:80` is not a host name; write it without a port\n\
         4:18: tenant.a.hosts[1]: must be a string, not an integer"
    );
}

#[test]
fn one_tenant_has_every_host_that_is_left() {
    let one = "[[tenant]]\nname = 'a'\nsource = 'api.wasm'\n";
    assert!(plan(&format!("{one}{GOOD}")).tenants[0].hosts.is_empty());
    assert_eq!(
        errors(&format!("{one}{}", one.replace("'a'", "'b'"))),
        "picohttp.toml:4:1: tenant.b: `hosts` is missing; the tenant at picohttp.toml:1:1 has \
         every host that is left already"
    );
}

#[test]
fn totals_are_read_or_have_defaults() {
    let totals = |lines: &str| plan(&format!("{GOOD}{lines}")).tenants[0].totals;
    assert_eq!(
        totals(""),
        Totals {
            quota: Quota { max_concurrent_requests: 16, max_queue: 128, rate: None },
            max_memory: None,
            log_rate: Some(1 << 20),
        }
    );
    let full = totals(
        "max_memory_total = '512MiB'\nmax_concurrent_requests = 64\nmax_queue = 1024\n\
         requests_per_second = 0.5\nburst = 7\nlog_quota = 0",
    );
    assert_eq!(
        full,
        Totals {
            quota: Quota {
                max_concurrent_requests: 64,
                max_queue: 1024,
                rate: Some(Rate { per_second: 0.5, burst: 7 }),
            },
            max_memory: Some(512 << 20),
            log_rate: None,
        }
    );
    assert_eq!(totals("log_quota = '2KiB'").log_rate, Some(2048));
    let small = plan(&format!("[server]\nmax_concurrent_requests = 3\n{GOOD}"));
    assert_eq!(small.tenants[0].totals.quota.max_concurrent_requests, 1);
}

#[test]
fn a_burst_is_the_rate_rounded_up_unless_given() {
    let rate = |lines: &str| plan(&format!("{GOOD}{lines}")).tenants[0].totals.quota.rate;
    assert_eq!(rate("requests_per_second = 100"), Some(Rate { per_second: 100.0, burst: 100 }));
    assert_eq!(rate("requests_per_second = 1.1"), Some(Rate { per_second: 1.1, burst: 2 }));
    assert_eq!(rate("requests_per_second = 0.01"), Some(Rate { per_second: 0.01, burst: 1 }));
    for wrong in ["0", "-1", "nan", "inf", "-inf", "1000001", "1e400"] {
        assert_eq!(
            tenant_errors(&format!("requests_per_second = {wrong}")),
            "4:23: tenant.a.requests_per_second: it must be from 0.001 to 1000000"
        );
    }
    assert_eq!(tenant_errors("burst = 1"), "4:9: tenant.a.burst: needs `requests_per_second`");
    assert_eq!(
        tenant_errors("requests_per_second = 'x'\nburst = 0"),
        "4:23: tenant.a.requests_per_second: must be a number, not a string\n\
         5:9: tenant.a.burst: it must be from 1 to 4294967295"
    );
}

#[test]
fn totals_that_cannot_hold_are_errors() {
    assert_eq!(
        tenant_errors("max_concurrent_requests = 65\nmax_queue = 1025"),
        "4:27: tenant.a.max_concurrent_requests: is more than the server's 64\n\
         5:13: tenant.a.max_queue: is more than the server's 1024"
    );
    assert_eq!(
        tenant_errors("max_memory_total = '32MiB'\n"),
        "4:20: tenant.a.max_memory_total: `max_memory` of 64 MiB is more than \
         `max_memory_total` of 32 MiB"
    );
    assert_eq!(
        tenant_errors("max_memory_total = '32MiB'\nmax_memory = '33MiB'"),
        "5:14: tenant.a.max_memory: `max_memory` of 33 MiB is more than `max_memory_total` of \
         32 MiB"
    );
}

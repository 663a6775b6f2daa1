//! Who has the last word about a limit.

use std::time::Duration;

use super::*;
use crate::config::{ServerPlan, TenantPlan};
use crate::{KeepAlive, Quota, Rate, Sandbox, Timeouts, Totals};

#[test]
fn without_a_word_limits_are_those_of_the_library() {
    let route = route("");
    assert_eq!(route.sandbox, Sandbox::default());
    assert_eq!(route.max_body_size, 10 << 20);
    assert_eq!(route.quota, Quota::default());

    let server = plan("").server;
    assert_eq!(server.addresses, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!((server.timeouts, server.keep_alive), (Timeouts::default(), None));
    let persistent = plan("[server]\nkeep_alive = true").server;
    assert_eq!(persistent.keep_alive, Some(KeepAlive::default()));
    assert_eq!((server.max_concurrent_requests, server.max_queue), (64, 1024));
}

#[test]
fn the_route_has_the_last_word_then_the_tenant() {
    let plan = plan(
        "[defaults]
        timeout = 1
        cpu_time = 1
        max_memory = '1MiB'
        max_body_size = '1MiB'
        max_response_size = '1MiB'
        max_output = '1MiB'
        [[tenant]]
        name = 'a'
        timeout = 2
        cpu_time = 2
        max_memory = '2MiB'
          [[tenant.route]]
          path = '/'
          source = 'api.wasm'
          timeout = 3
          max_body_size = 3
          [[tenant.route]]
          path = '/x'
          source = 'api.wasm'",
    );
    let [one, other] = plan.tenants[0].routes.clone().try_into().unwrap();
    let sandbox = Sandbox {
        timeout: Duration::from_secs(3),
        cpu_time: Some(Duration::from_secs(2)),
        max_memory: 2 << 20,
        max_response: 1 << 20,
        max_output: 1 << 20,
        ..Sandbox::default()
    };
    assert_eq!(one.sandbox, sandbox);
    assert_eq!(other.sandbox, Sandbox { timeout: Duration::from_secs(2), ..sandbox });
    assert_eq!((one.max_body_size, other.max_body_size), (3, 1 << 20));
}

#[test]
fn totals_in_defaults_are_those_of_each_tenant() {
    let other = GOOD.replace("good", "other");
    let plan = plan(&format!(
        "[defaults]\nmax_memory_total = '1GiB'\nmax_concurrent_requests = 2\nmax_queue = 3\n\
         requests_per_second = 4\nburst = 5\nlog_quota = 0\n{GOOD}{other}\
         max_concurrent_requests = 6\nrequests_per_second = 7\nlog_quota = 8\n"
    ));
    let [good, other] = plan.tenants.try_into().unwrap();
    let expected = TenantPlan {
        totals: Totals {
            quota: Quota {
                max_concurrent_requests: 2,
                max_queue: 3,
                rate: Some(Rate { per_second: 4.0, burst: 5 }),
            },
            max_memory: Some(1 << 30),
            log_rate: None,
        },
        hosts: good.hosts.clone(),
        ..TenantPlan::new("good", &ServerPlan::default(), good.routes.clone())
    };
    assert_eq!(good, expected);
    assert_eq!((other.totals.quota.max_concurrent_requests, other.totals.log_rate), (6, Some(8)));
    assert_eq!(other.totals.quota.rate, Some(Rate { per_second: 7.0, burst: 5 }));
    assert_eq!(other.routes[0].quota, Quota::default());
}

#[test]
fn a_wrong_default_is_told_once() {
    let other = GOOD.replace("good", "other");
    assert_eq!(
        errors(&format!(
            "[defaults]\nmax_concurrent_requests = 65\nmax_memory_total = '1MiB'\n{GOOD}{other}"
        )),
        "picohttp.toml:2:27: defaults.max_concurrent_requests: is more than the server's 64\n\
         picohttp.toml:3:20: defaults.max_memory_total: `max_memory` of 64 MiB is more than \
         `max_memory_total` of 1 MiB"
    );
}

//! Who has the last word about a limit.

use std::time::Duration;

use super::*;
use crate::config::{ServerPlan, TenantPlan};
use crate::{KeepAlive, Rate, Sandbox, Timeouts};

#[test]
fn without_a_word_limits_are_those_of_the_library() {
    let (route, sandbox) = (route(""), Sandbox::default());
    assert_eq!(route.timeout, sandbox.timeout);
    assert_eq!(route.cpu_time, None);
    assert_eq!(route.max_memory, sandbox.max_memory);
    assert_eq!(route.max_body_size, 10 << 20);
    assert_eq!(route.max_response_size, sandbox.max_response);
    assert_eq!(route.max_output, sandbox.max_output);
    assert_eq!((route.max_concurrent_requests, route.max_queue, route.rate), (None, None, None));

    let (server, timeouts, keep_alive) =
        (plan("").server, Timeouts::default(), KeepAlive::default());
    assert_eq!(server.addresses, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(
        (server.head_timeout, server.body_timeout, server.write_timeout),
        (timeouts.head, timeouts.body, timeouts.write)
    );
    assert_eq!(
        (server.idle_timeout, server.max_requests_per_connection),
        (keep_alive.idle, keep_alive.max_requests)
    );
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
    assert_eq!((one.timeout, other.timeout), (Duration::from_secs(3), Duration::from_secs(2)));
    assert_eq!(one.cpu_time, Some(Duration::from_secs(2)));
    assert_eq!(one.max_memory, 2 << 20);
    assert_eq!((one.max_body_size, other.max_body_size), (3, 1 << 20));
    assert_eq!((one.max_response_size, one.max_output), (1 << 20, 1 << 20));
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
        max_memory_total: Some(1 << 30),
        max_concurrent_requests: 2,
        max_queue: 3,
        rate: Some(Rate { per_second: 4.0, burst: 5 }),
        log_quota: None,
        hosts: good.hosts.clone(),
        ..TenantPlan::new("good", &ServerPlan::default(), good.routes.clone())
    };
    assert_eq!(good, expected);
    assert_eq!((other.max_concurrent_requests, other.log_quota), (6, Some(8)));
    assert_eq!(other.rate, Some(Rate { per_second: 7.0, burst: 5 }));
    assert_eq!(other.routes[0].max_concurrent_requests, None);
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

//! The table `[server]`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::{AccessLog, Confine, LogFormat, LogTarget, ServerPlan};
use crate::{CompileLimits, KeepAlive, Timeouts};

fn server(lines: &str) -> ServerPlan {
    plan(&format!("[server]\n{lines}")).server
}

fn server_errors(lines: &str) -> String {
    errors(&format!("[server]\n{lines}")).replace("picohttp.toml:", "")
}

#[test]
fn every_key_is_read() {
    let folder = Folder::new(
        "[server]
        addr = ['0.0.0.0:80', '[::1]:80']
        admin_addr = '127.0.0.1:9090'
        admin_token_file = 'token'
        access_log = 'access.log'
        access_log_format = 'json'
        keep_alive = true
        idle_timeout = 1
        max_requests_per_connection = 2
        head_timeout = '3s'
        body_timeout = 4.5
        write_timeout = '5'
        max_connections = 6
        max_buffered = '7MiB'
        max_concurrent_requests = 8
        max_queue = 0
        shutdown_timeout = '1m'
        cache_dir = 'cache'
        compile_timeout = 9
        compile_memory = '10MiB'
        user = 'www-data:www-data'
        confine = 'files'
        tls_cert = 'certificate.pem'
        tls_key = 'key.pem'",
    );
    let folder = folder.with("token", "").with("certificate.pem", "").with("key.pem", "");
    let path = |name: &str| folder.path(name);
    let plan = folder.plan().server;
    let changed = plan.changed_keys(&ServerPlan::default()).join(", ");
    let changed: BTreeSet<String> = changed.split(", ").map(str::to_owned).collect();
    assert_eq!(changed, document::documented("server", false));
    assert_eq!(
        plan,
        ServerPlan {
            addresses: vec!["0.0.0.0:80".parse().unwrap(), "[::1]:80".parse().unwrap()],
            admin_address: Some("127.0.0.1:9090".parse().unwrap()),
            admin_token_file: Some(path("token")),
            access_log: Some(AccessLog {
                target: LogTarget::File(path("access.log")),
                format: LogFormat::Json
            }),
            keep_alive: Some(KeepAlive { idle: Duration::from_secs(1), max_requests: 2 }),
            timeouts: Timeouts {
                head: Duration::from_secs(3),
                body: Duration::from_millis(4500),
                write: Duration::from_secs(5),
                ..Timeouts::default()
            },
            max_connections: 6,
            max_buffered: 7 << 20,
            max_concurrent_requests: 8,
            max_queue: 0,
            shutdown_timeout: Duration::from_secs(60),
            cache_dir: Some(path("cache")),
            compile: CompileLimits { time: Duration::from_secs(9), memory: 10 << 20 },
            user: Some("www-data:www-data".to_owned()),
            confine: Confine::Files,
            tls: Some((path("certificate.pem"), path("key.pem"))),
        }
    );
}

#[test]
fn what_only_serving_can_judge_has_its_place_in_the_plan() {
    let folder = Folder::new("[server]\nkeep_alive = true\nuser = 'nobody'\n");
    let plan = folder.plan();
    let written: Vec<_> = plan.written.iter().map(|(key, it)| (*key, it.to_string())).collect();
    let place = format!("{}:3:8: server.user", folder.path("picohttp.toml").display());
    assert_eq!(written, [("user", place)]);
}

#[test]
fn one_address_needs_no_list() {
    assert_eq!(server("addr = '[::]:0'").addresses, ["[::]:0".parse().unwrap()]);
    assert_eq!(
        server_errors("addr = 8080\nadmin_addr = 'localhost:80'"),
        "2:8: server.addr: must be an address like \"127.0.0.1:8080\", not an integer\n\
         3:14: server.admin_addr: `localhost:80` is not an address; write IP:PORT, like \
         127.0.0.1:8080"
    );
    assert_eq!(server_errors("addr = []"), "2:8: server.addr: must have an address");
    assert_eq!(
        server_errors("addr = ['1.1.1.1:1', '1.1.1.1:1', '1.1.1.1']\nadmin_addr = '1.1.1.1:1'"),
        "2:22: server.addr[1]: 1.1.1.1:1 is given twice\n\
         2:35: server.addr[2]: `1.1.1.1` is not an address; write IP:PORT, like 127.0.0.1:8080\n\
         3:14: server.admin_addr: must not be an address of `addr`"
    );
    assert!(!server_errors("addr = [1]").contains("must have an address"));
    server("addr = '127.0.0.1:0'\nadmin_addr = '127.0.0.1:0'");
}

#[test]
fn the_access_log_is_off_unless_it_has_a_place() {
    assert_eq!(server("").access_log, None);
    let log = AccessLog { target: LogTarget::Stderr, format: LogFormat::Text };
    assert_eq!(server("access_log = 'stderr'").access_log, Some(log));
    assert_eq!(
        server_errors("access_log = 'data'\naccess_log_format = 'xml'"),
        "2:14: server.access_log: data is a folder\n\
         3:21: server.access_log_format: must be `text` or `json`, not `xml`"
    );
    assert_eq!(
        server_errors("access_log = 'none/log'"),
        "2:14: server.access_log: none is not a folder"
    );
}

#[test]
fn files_must_be_there_and_certificates_have_keys() {
    assert_eq!(
        server_errors("admin_token_file = 'none'\ntls_cert = 'data'"),
        "1:1: server: `tls_cert` needs `tls_key`\n\
         2:20: server.admin_token_file: none: No such file or directory (os error 2)\n\
         3:12: server.tls_cert: data is not a regular file"
    );
    assert_eq!(server_errors("tls_key = 'api.wasm'"), "1:1: server: `tls_key` needs `tls_cert`");
    assert_eq!(server("cache_dir = '/none'").cache_dir, Some(PathBuf::from("/none")));
}

#[test]
fn keys_that_would_do_nothing_are_errors() {
    assert_eq!(
        server_errors(
            "idle_timeout = 1\nmax_requests_per_connection = 2\naccess_log_format = 'json'\n\
             admin_token_file = 'api.wasm'"
        ),
        "2:16: server.idle_timeout: needs `keep_alive`\n\
         3:31: server.max_requests_per_connection: needs `keep_alive`\n\
         4:21: server.access_log_format: needs `access_log`\n\
         5:20: server.admin_token_file: needs `admin_addr`"
    );
    assert_eq!(server("keep_alive = false\nidle_timeout = 1").keep_alive, None);
}

#[test]
fn values_out_of_range_are_errors() {
    assert_eq!(
        server_errors(
            "keep_alive = 'yes'\nidle_timeout = 0\nhead_timeout = -1\n\
             body_timeout = '5 parsecs'\nwrite_timeout = [1]"
        ),
        "2:14: server.keep_alive: must be true or false, not a string\n\
         3:16: server.idle_timeout: it must be more than nothing\n\
         4:16: server.head_timeout: not a duration; write seconds, or like 500ms, 10s, 1m\n\
         5:16: server.body_timeout: not a duration; write seconds, or like 500ms, 10s, 1m\n\
         6:17: server.write_timeout: must be a duration like \"500ms\", not an array"
    );
    assert_eq!(
        server_errors(
            "max_requests_per_connection = 0\nmax_connections = 4294967296\n\
             max_buffered = 'lots'\nmax_concurrent_requests = 10001\nmax_queue = -1\n\
             shutdown_timeout = 1e10"
        ),
        "2:31: server.max_requests_per_connection: it must be from 1 to 4294967295\n\
         3:19: server.max_connections: it must be from 1 to 4294967295\n\
         4:16: server.max_buffered: not a size; write bytes, or like 64KiB, 16MiB, 10MB\n\
         5:27: server.max_concurrent_requests: it must be from 1 to 10000\n\
         6:13: server.max_queue: it must be from 0 to 1000000\n\
         7:20: server.shutdown_timeout: it must be at most 365 days"
    );
    assert_eq!(
        server_errors(
            "max_queue = 1.5\nmax_buffered = true\nmax_connections = \
             99999999999999999999999999999999999999999"
        ),
        "2:13: server.max_queue: must be a whole number, not a float\n\
         3:16: server.max_buffered: must be a size like \"64KiB\", not a boolean\n\
         4:19: server.max_connections: the number is too large"
    );
}

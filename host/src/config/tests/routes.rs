//! The table `[[tenant.route]]`.

use std::time::Duration;

use super::*;
use crate::config::Position;
use crate::{Directory, Quota, Rate, Sandbox, Source};

#[test]
fn every_key_is_read() {
    let folder = Folder::new(
        "[[tenant]]
        name = 'a'
          [[tenant.route]]
          path = '/api/:id/...'
          source = 'project'
          args = ['a', 'b']
          environment = { MODE = 'production' }
          dirs = ['data::/data', 'tenants.d::/cache::rw']
          timeout = '1s'
          cpu_time = '50ms'
          max_memory = '1MiB'
          max_body_size = 0
          max_response_size = '2MiB'
          max_output = '3KiB'
          max_concurrent_requests = 4
          max_queue = 5
          requests_per_second = 6
          burst = 7",
    );
    let directory = |host: &str, guest: &str, writable| Directory {
        host: folder.path(host),
        guest: guest.to_owned(),
        writable,
    };
    assert_eq!(
        folder.plan().tenants[0].routes,
        [RoutePlan {
            path: "/api/:id/...".to_owned(),
            source: Source::Folder(folder.path("project")),
            written: Some(Position {
                file: folder.path("picohttp.toml"),
                line: Some(5),
                column: Some(20),
                key: Some("tenant.a.route[0].source".to_owned()),
            }),
            args: vec!["a".to_owned(), "b".to_owned()],
            sandbox: Sandbox {
                timeout: Duration::from_secs(1),
                cpu_time: Some(Duration::from_millis(50)),
                max_memory: 1 << 20,
                max_response: 2 << 20,
                max_output: 3 << 10,
                directories: vec![
                    directory("data", "/data", false),
                    directory("tenants.d", "/cache", true)
                ],
                environment: vec![("MODE".to_owned(), "production".to_owned())],
            },
            max_body_size: 0,
            quota: Quota {
                max_concurrent_requests: 4,
                max_queue: 5,
                rate: Some(Rate { per_second: 6.0, burst: 7 }),
            },
        }]
    );
}

#[test]
fn files_are_served_from_a_folder_that_is_named() {
    let with = |dirs: &str| format!("[[tenant]]\nname = 'a'\nsource = 'builtin:static'\n{dirs}");
    assert_eq!(
        errors(&with("dirs = ['data']")),
        "picohttp.toml:3:10: tenant.a.source: has no files to serve; say which: \
         `dirs = [\"public::/\"]`"
    );
    assert_eq!(plan(&with("dirs = ['data::/']")).tenants[0].routes[0].source, Source::Static);
    assert_eq!(
        errors("[[tenant]]\nname = 'a'\nsource = 'builtin:statik'\n"),
        "picohttp.toml:3:10: tenant.a.source: there is no `builtin:statik`; there is \
         `builtin:static`"
    );
}

#[test]
fn what_is_wrong_keeps_nothing_else_from_being_read() {
    let folder = Folder::new(&format!("nothing = 1\n{GOOD}timeout = 'x'\n"));
    let (plan, result) = Plan::examine(&folder.path("picohttp.toml"));
    assert_eq!(result.map_err(|errors| errors.problems().len()), Err(2));
    assert_eq!(plan.tenants[0].routes[0].source, Source::File(folder.path("api.wasm")));
}

#[test]
fn a_route_has_a_path_and_a_source() {
    assert_eq!(
        errors(
            "[[tenant]]\nname = 'a'\n[[tenant.route]]\n[[tenant.route]]\npath = 1\nsource = 2\n"
        ),
        "picohttp.toml:3:1: tenant.a.route[0]: `path` is missing\n\
         picohttp.toml:3:1: tenant.a.route[0]: `source` is missing\n\
         picohttp.toml:5:8: tenant.a.route[1].path: must be a string, not an integer\n\
         picohttp.toml:6:10: tenant.a.route[1].source: must be a string, not an integer"
    );
    assert_eq!(
        errors("[[tenant]]\nname = 'a'\n[tenant.route]\npath = '/'\n"),
        "picohttp.toml:3:1: tenant.a.route: must be a list of tables, each under \
         `[[tenant.route]]`, not a table"
    );
}

#[test]
fn a_path_that_no_request_has_is_an_error() {
    let with = |path: &str| {
        format!(
            "[[tenant]]\nname = 'a'\n[[tenant.route]]\nsource = 'api.wasm'\npath = \"{path}\"\n"
        )
    };
    for path in ["/", "/...", "/x", "/x/...", "/u/:user/p/:post/...", "/a b", "/é", "/~a"] {
        assert_eq!(plan(&with(path)).tenants[0].routes[0].path, path);
    }
    for path in [
        "", "x", "/a//b", "/a/../b", "/./a", "/.../a", "/:", "/a?b", "/a#b", "/%41", "/%2e%2e",
        "/a%2Fb",
    ] {
        let message = errors(&with(path));
        assert!(message.starts_with("picohttp.toml:5:8: tenant.a.route[0].path: "), "{message}");
    }
    for (path, hint) in [
        ("/%41bc", "write `Abc`"),
        ("/a/", "leave out the last `/`, or write `/...` for all below"),
        ("/a/*", "write `:name` for any one segment, and `/...` for all below"),
        ("/a/{id}", "write `:name` for any one segment"),
    ] {
        assert!(errors(&with(path)).ends_with(hint), "{path}: {}", errors(&with(path)));
    }
}

#[test]
fn two_routes_for_the_same_paths_are_an_error() {
    let route = |path: &str| format!("[[tenant.route]]\npath = '{path}'\nsource = 'api.wasm'\n");
    let tenant = "[[tenant]]\nname = 'a'\n".to_owned();
    assert_eq!(
        errors(&(tenant.clone() + &route("/u/:id/...") + &route("/u/:user/..."))),
        "picohttp.toml:7:8: tenant.a.route[1].path: matches the same paths as the one at \
         picohttp.toml:4:8"
    );
    plan(&(tenant + &route("/u/:id") + &route("/u/:id/...") + &route("/u/x") + &route("/u")));
}

#[test]
fn a_source_must_be_there() {
    let with = |source: &str| {
        errors(&GOOD.replace("api.wasm", source))
            .replace("picohttp.toml:4:10: tenant.good.source: ", "")
    };
    assert_eq!(with("none.wasm"), "none.wasm: No such file or directory (os error 2)");
    assert_eq!(with("data"), "data is a folder without a Cargo.toml");
    assert_eq!(with("/dev/null"), "/dev/null is not a regular file");
    assert!(with("").ends_with("is a folder without a Cargo.toml"));
}

#[test]
fn grants_must_make_sense() {
    assert_eq!(
        route_errors(
            "args = ['a', 1]\n\
             environment = { A = 1, 'B=' = 'x', '' = 'x', C = \"\\u0000\", D = 'd' }\n\
             dirs = ['none', 'api.wasm', '', 'data::/d::rx', 'data', 'tenants.d::data']"
        ),
        "6:14: tenant.a.route[0].args[1]: must be a string, not an integer\n\
         7:21: tenant.a.route[0].environment.A: must be a string, not an integer\n\
         7:31: tenant.a.route[0].environment.`B=`: `B=` is not the name of a variable\n\
         7:41: tenant.a.route[0].environment.``: `` is not the name of a variable\n\
         7:50: tenant.a.route[0].environment.C: must not have a NUL in it\n\
         8:9: tenant.a.route[0].dirs[0]: none: No such file or directory (os error 2)\n\
         8:17: tenant.a.route[0].dirs[1]: api.wasm is not a folder\n\
         8:29: tenant.a.route[0].dirs[2]: the folder's name is missing\n\
         8:33: tenant.a.route[0].dirs[3]: after HOST::GUEST can only come ::ro or ::rw\n\
         8:57: tenant.a.route[0].dirs[5]: the handler has another folder as `data`"
    );
    assert_eq!(route("dirs = ['data::::rw']").sandbox.directories[0].guest, "data");
    assert_eq!(
        route_errors("dirs = ['data:rw', 'data::rw', 'data::/x:ro', 'none:/x']"),
        "6:9: tenant.a.route[0].dirs[0]: write HOST::GUEST::rw, as in data::/data::rw\n\
         6:20: tenant.a.route[0].dirs[1]: write data::GUEST::rw; GUEST is what the handler calls it\n\
         6:32: tenant.a.route[0].dirs[2]: write HOST::GUEST::ro, as in /x::/data::ro\n\
         6:47: tenant.a.route[0].dirs[3]: none:/x: there is no such folder; did you mean none::/x?"
    );
}

#[test]
fn limits_of_a_route_that_cannot_hold_are_errors() {
    assert_eq!(
        route_errors(
            "timeout = 0\ncpu_time = 0\nmax_memory = '5GiB'\nmax_concurrent_requests = 17\n\
             max_queue = 129\nburst = 1"
        ),
        "6:11: tenant.a.route[0].timeout: it must be more than nothing\n\
         7:12: tenant.a.route[0].cpu_time: it must be more than nothing\n\
         8:14: tenant.a.route[0].max_memory: it must be from 64 KiB to 4 GiB\n\
         9:27: tenant.a.route[0].max_concurrent_requests: is more than the tenant's 16\n\
         10:13: tenant.a.route[0].max_queue: is more than the tenant's 128\n\
         11:9: tenant.a.route[0].burst: needs `requests_per_second`"
    );
    assert_eq!(route("max_memory = '4GiB'").sandbox.max_memory, 4 << 30);
    assert_eq!(
        route_errors("max_memory = 65535"),
        "6:14: tenant.a.route[0].max_memory: it must be from 64 KiB to 4 GiB"
    );
    assert_eq!(
        errors(
            "[[tenant]]\nname = 'a'\nmax_memory_total = '1MiB'\n[[tenant.route]]\n\
             path = '/'\nsource = 'api.wasm'\nmax_memory = '2MiB'\n[[tenant.route]]\n\
             path = '/x'\nsource = 'api.wasm'\n"
        ),
        "picohttp.toml:3:20: tenant.a.max_memory_total: `max_memory` of 64 MiB is more than \
         `max_memory_total` of 1 MiB\n\
         picohttp.toml:7:14: tenant.a.route[0].max_memory: `max_memory` of 2 MiB is more than \
         `max_memory_total` of 1 MiB"
    );
}

#[test]
fn a_handler_has_so_many_folders_and_no_more() {
    let dirs = |count: usize| {
        let dirs: Vec<String> = (0..count).map(|number| format!("'data::/{number}'")).collect();
        format!("dirs = [{}]", dirs.join(", "))
    };
    assert_eq!(route(&dirs(64)).sandbox.directories.len(), 64);
    assert!(route_errors(&dirs(66)).ends_with(".dirs[64]: there are more than 64 folders"));
}

#[test]
fn a_message_that_one_tenant_has_no_room_for_is_an_error() {
    assert_eq!(
        errors(
            "[server]\nmax_buffered = '8MiB'\n[[tenant]]\nname = 'a'\n\
             max_response_size = '4MiB'\n[[tenant.route]]\npath = '/'\nsource = 'api.wasm'\n\
             max_body_size = '5MiB'\n[[tenant.route]]\npath = '/x'\nsource = 'api.wasm'\n\
             max_body_size = '1MiB'\nmax_response_size = '1GiB'\n"
        ),
        "picohttp.toml:9:17: tenant.a.route[0].max_body_size: `max_body_size` of 5 MiB is more \
         than 4 MiB, half of `max_buffered`: no tenant may hold more than it leaves to others\n\
         picohttp.toml:14:21: tenant.a.route[1].max_response_size: `max_response_size` of 1 GiB \
         is more than 4 MiB, half of `max_buffered`: no tenant may hold more than it leaves to others"
    );
    assert_eq!(
        errors(
            "[server]\nmax_buffered = '8MiB'\n[[tenant]]\nname = 'a'\nsource = 'api.wasm'\n\
             max_body_size = '1MiB'\n"
        ),
        "picohttp.toml:2:16: server.max_buffered: `max_response_size` of 16 MiB is more than 4 \
         MiB, half of `max_buffered`: no tenant may hold more than it leaves to others"
    );
}

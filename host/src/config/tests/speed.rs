//! Many files, and many tenants.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::*;

/// `count` routes, under a tenant.
fn routes(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = write!(
            text,
            "[[tenant.route]]\npath = '/r{number}/:id/...'\nsource = '../api.wasm'\n\
             args = ['a']\n\
             environment = {{ MODE = 'production' }}\ntimeout = '1s'\n"
        );
        text
    })
}

fn tenant(number: usize) -> String {
    format!(
        "[[tenant]]\nname = 't{number}'\nhosts = ['t{number}.example', '*.t{number}.example']\n"
    )
}

#[test]
fn a_thousand_files_of_ten_routes_are_read_in_no_time() {
    let folder = Folder::new("include = ['tenants.d/*.toml']");
    for number in 0..1000 {
        fs::write(folder.path(&format!("tenants.d/{number}.toml")), tenant(number) + &routes(10))
            .unwrap();
    }
    let begin = Instant::now();
    let plan = folder.plan();
    let taken = begin.elapsed();
    assert_eq!(plan.tenants.iter().map(|tenant| tenant.routes.len()).sum::<usize>(), 10_000);
    assert!(taken < Duration::from_secs(30), "{taken:?}");
}

#[test]
fn there_is_a_bound_on_tenants_and_routes() {
    let tenants: String =
        (0..=10_000).map(|number| tenant(number) + "source = 'api.wasm'\n").collect();
    assert_eq!(errors(&tenants), "picohttp.toml: has more than 10000 tenants");
    let many = tenant(0) + &routes(100_001);
    let folder = Folder::new("include = ['tenants.d/a']").with("tenants.d/a", many);
    assert_eq!(folder.errors(), "picohttp.toml: has more than 100000 routes");
}

#[test]
fn of_a_large_file_that_is_no_toml_only_the_first_error_is_told() {
    let main = "=\n".repeat(1 << 20);
    assert_eq!(errors(&main).lines().count(), 1);
}

//! The page about the file says what the file can say.

use std::collections::BTreeSet;

use super::*;

const PAGE: &str = include_str!("../../../../docs/configuration.md");

/// The example on the page.
pub(super) fn example() -> &'static str {
    let (_, example) = PAGE.split_once("```toml\n").unwrap();
    example.split_once("```").unwrap().0
}

/// The keys in the table under a heading of the page; only those marked with `*`, or all.
pub(super) fn documented(heading: &str, marked: bool) -> BTreeSet<String> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let first_cells =
        section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    first_cells
        .filter(|cell| cell.starts_with('`') && (!marked || cell.ends_with('*')))
        .flat_map(|cell| cell.trim_end_matches(" *").split(", "))
        .map(|key| key.trim_matches('`').to_owned())
        .collect()
}

/// The keys that are known where `main` has the key `??`.
fn known(main: &str) -> BTreeSet<String> {
    let errors = errors(&main.replace("??", "'??' = 1\n"));
    let (_, keys) = errors.split_once("unknown key; there are `").unwrap();
    let keys = keys.lines().next().unwrap().trim_end_matches('`');
    keys.split("`, `").map(str::to_owned).collect()
}

#[test]
fn every_key_is_on_the_page_and_no_other() {
    let [limits, totals] = ["limits", "totals"].map(|heading| documented(heading, false));
    let both = &limits | &totals;
    let marked = documented("totals", true);
    assert_eq!(known("??"), documented("At the top", false));
    assert_eq!(known("[server]\n??"), documented("server", false));
    assert_eq!(known("[defaults]\n??"), both);
    assert_eq!(known(&format!("{GOOD}??")), &documented("tenant", false) | &both);
    assert_eq!(
        known("[[tenant]]\nname = 'a'\n[[tenant.route]]\n??"),
        &(&documented("route", false) | &limits) | &marked
    );
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    for (place, keys) in owners::OWNERS.iter() {
        let headings: &[&str] = match *place {
            "[server]" => &["server"],
            "[[tenant]]" => &["tenant"],
            "[[tenant.route]]" => &["route"],
            "[[tenant]] or [[tenant.route]]" => &["tenant", "route"],
            "[defaults] or [[tenant]]" => &["totals"],
            "[defaults], [[tenant]] or [[tenant.route]]" => &["limits", "totals"],
            _ => &["At the top"],
        };
        for key in keys {
            let mut documented = headings.iter().flat_map(|heading| documented(heading, false));
            assert!(documented.any(|it| it == *key), "{key} in {headings:?}");
            let other = if *place == "[server]" { "defaults" } else { "server" };
            let errors = errors(&format!("[{other}]\n{key} = 1\n"));
            assert!(errors.contains(&format!("{other}.{key}: belongs in {place}")), "{errors}");
        }
    }
}

#[test]
fn every_key_has_its_place_but_those_of_several() {
    let placed = owners::OWNERS.iter().flat_map(|(_, keys)| keys.iter());
    let placed: BTreeSet<String> = placed.map(|&key| key.to_owned()).collect();
    let headings = ["server", "tenant", "route", "limits", "totals"];
    let all: BTreeSet<String> =
        headings.into_iter().flat_map(|heading| documented(heading, false)).collect();
    let of_several = ["max_concurrent_requests", "max_queue", "route"];
    assert!(all.difference(&placed).eq(of_several), "{:?}", all.difference(&placed));
}

#[test]
fn the_example_can_be_served() {
    let folder = Folder::new(example());
    for name in ["posts", "cache", "api"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    let folder = folder
        .with("blog.wasm", "")
        .with("users.wasm", "")
        .with("not-found.wasm", "")
        .with("api/Cargo.toml", "");
    let plan = folder.plan();
    let names: Vec<_> = plan.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    assert_eq!(names, ["blog", "acme", "everyone-else"]);
    assert_eq!(plan.tenants[1].routes.len(), 2);
}

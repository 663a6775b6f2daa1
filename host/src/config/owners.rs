//! Which tables have which keys, for those who write one elsewhere.

use std::sync::LazyLock;

use super::limits::{Limits, Share, Totals};
use super::table::Table;
use super::{route, server};

/// Tables, and the keys that no others have.
pub(super) static OWNERS: LazyLock<[(&str, Vec<&str>); 7]> = LazyLock::new(|| {
    let shared = Table::keys_of(|table, problems| drop(Share::read(table, problems)));
    let server = Table::keys_of(|table, problems| drop(server::read_table(table, problems)));
    let without = |keys: &[&'static str], others: &[&str]| {
        keys.iter().copied().filter(|key| !others.contains(key)).collect::<Vec<_>>()
    };
    let own = |keys: Vec<&'static str>| without(&keys, &shared);
    let mut limits = Table::keys_of(|table, problems| drop(Limits::read(table, problems)));
    limits.extend(without(&shared, &server));
    let totals = Table::keys_of(|table, problems| drop(Totals::read(table, problems)));
    [
        ("the file itself, before any table", vec!["include"]),
        ("[server]", without(&server, &shared)),
        ("[defaults], [[tenant]] or [[tenant.route]]", limits),
        ("[defaults] or [[tenant]]", own(totals)),
        ("[[tenant]]", vec!["name", "hosts"]),
        ("[[tenant]] or [[tenant.route]]", route::HANDLER_KEYS.to_vec()),
        ("[[tenant.route]]", vec!["path"]),
    ]
});

/// The tables that alone have `key`, if there are any.
pub(super) fn of(key: &str) -> Option<&'static str> {
    OWNERS.iter().find(|(_, keys)| keys.contains(&key)).map(|(tables, _)| *tables)
}

//! The table `[server]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeValue;

use super::plan::{AccessLog, LogTarget, ServerPlan};
use super::position::Position;
use super::problem::Problems;
use super::table::Table;
use super::text::{Place, Text};
use super::value;
use crate::service::MAX_CONCURRENT_REQUESTS;
use crate::{KeepAlive, folder_of};

/// The keys of [`Plan::written`](super::Plan::written).
const JUDGED_LATER: [&str; 4] = ["admin_token_file", "tls_cert", "tls_key", "user"];

/// Where keys are written.
pub(super) type Written = BTreeMap<&'static str, Position>;

/// What all tenants share, and where it says what other tables or others must agree with.
#[derive(Default)]
pub(super) struct Server<'a> {
    pub(super) plan: ServerPlan,
    pub(super) written: Written,
    pub(super) max_buffered: Option<Place<'a>>,
}

/// Reads the table, if there is one.
pub(super) fn read<'a>(table: Option<Table<'a>>, problems: &mut Problems) -> Server<'a> {
    let Some(mut table) = table else { return Server::default() };
    let written = |key| Some((key, table.place_of(key)?.position()));
    let written = JUDGED_LATER.into_iter().filter_map(written).collect();
    let max_buffered = table.place_of("max_buffered");
    let plan = read_table(&mut table, problems);
    table.finish(problems);
    Server { plan, written, max_buffered }
}

/// Reads all of the table's keys.
pub(super) fn read_table(table: &mut Table<'_>, problems: &mut Problems) -> ServerPlan {
    let mut plan = ServerPlan::default();
    if let Some(addresses) = addresses(table, problems) {
        plan.addresses = addresses;
    }
    operators(table, &mut plan, problems);
    plan.access_log = access_log(table, problems);
    plan.keep_alive = keep_alive(table, problems);
    table.set("head_timeout", &mut plan.timeouts.head, problems, value::duration);
    table.set("body_timeout", &mut plan.timeouts.body, problems, value::duration);
    table.set("write_timeout", &mut plan.timeouts.write, problems, value::duration);
    let count = value::count(1..=u32::MAX);
    table.set("max_connections", &mut plan.max_connections, problems, count);
    table.set("max_buffered", &mut plan.max_buffered, problems, value::size);
    let count = value::count(1..=MAX_CONCURRENT_REQUESTS);
    table.set("max_concurrent_requests", &mut plan.max_concurrent_requests, problems, count);
    table.set("max_queue", &mut plan.max_queue, problems, value::count(0..=1_000_000));
    table.set("shutdown_timeout", &mut plan.shutdown_timeout, problems, value::duration);
    table.set("compile_timeout", &mut plan.compile.time, problems, value::duration);
    let bytes = |value: &DeValue<'_>| value::size(value).map(|bytes| bytes as u64);
    table.set("compile_memory", &mut plan.compile.memory, problems, bytes);
    let text = table.place.text;
    let cache = |value: &DeValue<'_>| cache_folder(path(text, value)?);
    plan.cache_dir = table.take("cache_dir", problems, cache).map(|it| it.value);
    plan.user = table.take("user", problems, value::string).map(|it| it.value);
    table.set("confine", &mut plan.confine, problems, value::word);
    plan.tls = tls(table, problems);
    plan
}

impl ServerPlan {
    /// The keys in `[server]` whose values differ from those of another plan.
    pub fn changed_keys(&self, other: &ServerPlan) -> Vec<&'static str> {
        let keep_alive = self.keep_alive.unwrap_or_default();
        let other_keep_alive = other.keep_alive.unwrap_or_default();
        let changed = [
            ("addr", self.addresses != other.addresses),
            ("admin_addr", self.admin_address != other.admin_address),
            ("admin_token_file", self.admin_token_file != other.admin_token_file),
            ("access_log, access_log_format", self.access_log != other.access_log),
            ("keep_alive", self.keep_alive.is_some() != other.keep_alive.is_some()),
            ("idle_timeout", keep_alive.idle != other_keep_alive.idle),
            (
                "max_requests_per_connection",
                keep_alive.max_requests != other_keep_alive.max_requests,
            ),
            ("head_timeout", self.timeouts.head != other.timeouts.head),
            ("body_timeout", self.timeouts.body != other.timeouts.body),
            ("write_timeout", self.timeouts.write != other.timeouts.write),
            ("max_connections", self.max_connections != other.max_connections),
            ("max_buffered", self.max_buffered != other.max_buffered),
            (
                "max_concurrent_requests",
                self.max_concurrent_requests != other.max_concurrent_requests,
            ),
            ("max_queue", self.max_queue != other.max_queue),
            ("shutdown_timeout", self.shutdown_timeout != other.shutdown_timeout),
            ("cache_dir", self.cache_dir != other.cache_dir),
            ("compile_timeout", self.compile.time != other.compile.time),
            ("compile_memory", self.compile.memory != other.compile.memory),
            ("user", self.user != other.user),
            ("confine", self.confine != other.confine),
            ("tls_cert, tls_key", self.tls != other.tls),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
    }
}

/// One address, or a list.
fn addresses(table: &mut Table<'_>, problems: &mut Problems) -> Option<Vec<SocketAddr>> {
    let Some(length) = table.list_length("addr") else {
        return table.take("addr", problems, value::address).map(|it| vec![it.value]);
    };
    let list = table.take_list("addr", problems, value::address)?;
    if length == 0 {
        problems.add(&list.place, "must have an address");
    }
    let mut addresses = Vec::new();
    for address in list.value {
        if addresses.contains(&address.value) {
            problems.add(&address.place, format!("{} is given twice", address.value));
        }
        addresses.push(address.value);
    }
    Some(addresses)
}

/// Where the operator looks, and with which token.
fn operators(table: &mut Table<'_>, plan: &mut ServerPlan, problems: &mut Problems) {
    let text = table.place.text;
    let has_operators = table.has("admin_addr");
    if let Some(admin) = table.take("admin_addr", problems, value::address) {
        if admin.value.port() != 0 && plan.addresses.contains(&admin.value) {
            problems.add(&admin.place, "must not be an address of `addr`");
        }
        plan.admin_address = Some(admin.value);
    }
    if let Some(token) = table.take("admin_token_file", problems, |value| file(text, value)) {
        if !has_operators {
            problems.add(&token.place, "needs `admin_addr`");
        }
        plan.admin_token_file = Some(token.value);
    }
}

fn access_log(table: &mut Table<'_>, problems: &mut Problems) -> Option<AccessLog> {
    let text = table.place.text;
    let has_log = table.has("access_log");
    let target =
        table.take("access_log", problems, |value| match LogTarget::named(value::string(value)?) {
            LogTarget::File(path) => log_file(text.folder().join(path)),
            stream => Ok(stream),
        });
    let format = table.take("access_log_format", problems, value::word);
    if let Some(format) = format.as_ref().filter(|_| !has_log) {
        problems.add(&format.place, "needs `access_log`");
    }
    let format = format.map(|it| it.value).unwrap_or_default();
    target.map(|target| AccessLog { target: target.value, format })
}

fn keep_alive(table: &mut Table<'_>, problems: &mut Problems) -> Option<KeepAlive> {
    let has_keep_alive = table.has("keep_alive");
    let persists = table.take("keep_alive", problems, value::boolean);
    let idle = table.take("idle_timeout", problems, value::duration);
    let count = value::count(1..=u32::MAX);
    let requests = table.take("max_requests_per_connection", problems, count);
    let places = [idle.as_ref().map(|it| &it.place), requests.as_ref().map(|it| &it.place)];
    for place in places.into_iter().flatten().filter(|_| !has_keep_alive) {
        problems.add(place, "needs `keep_alive`");
    }
    let default = KeepAlive::default();
    let keep_alive = KeepAlive {
        idle: idle.map_or(default.idle, |it| it.value),
        max_requests: requests.map_or(default.max_requests, |it| it.value),
    };
    persists.is_some_and(|it| it.value).then_some(keep_alive)
}

/// The files of the certificates and of the key.
fn tls(table: &mut Table<'_>, problems: &mut Problems) -> Option<(PathBuf, PathBuf)> {
    let text = table.place.text;
    let has_certificate = table.has("tls_cert");
    if has_certificate != table.has("tls_key") {
        let (one, other) =
            if has_certificate { ("tls_cert", "tls_key") } else { ("tls_key", "tls_cert") };
        problems.add(&table.place, format!("`{one}` needs `{other}`"));
    }
    let certificate = table.take("tls_cert", problems, |value| file(text, value));
    let key = table.take("tls_key", problems, |value| file(text, value));
    certificate.zip(key).map(|(certificate, key)| (certificate.value, key.value))
}

fn path(text: &Text, value: &DeValue<'_>) -> Result<PathBuf, String> {
    value::string(value).map(|path| text.folder().join(path))
}

/// A file that is there.
fn file(text: &Text, value: &DeValue<'_>) -> Result<PathBuf, String> {
    let path = path(text, value)?;
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(path),
        Ok(_) => Err(format!("{} is not a regular file", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// A folder for a cache: one that is there, or that can be made.
///
/// # Errors
///
/// A sentence for whoever wrote it.
pub fn cache_folder(path: PathBuf) -> Result<PathBuf, String> {
    match path.exists() && !path.is_dir() {
        true => Err(format!("{} is not a folder", path.display())),
        false => Ok(path),
    }
}

/// A file that can be written to, or made.
fn log_file(path: PathBuf) -> Result<LogTarget, String> {
    let folder = folder_of(&path);
    if path.is_dir() {
        Err(format!("{} is a folder", path.display()))
    } else if !folder.is_dir() {
        Err(format!("{} is not a folder", folder.display()))
    } else {
        Ok(LogTarget::File(path))
    }
}

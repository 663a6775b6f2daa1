//! The table `[server]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::plan::{AccessLog, Confine, LogFormat, LogTarget, ServerPlan};
use super::position::Position;
use super::problem::Problems;
use super::table::Table;
use super::text::{Place, quoted};
use super::value;
use crate::service::MAX_CONCURRENT_REQUESTS;

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
    let Some(table) = table else { return Server::default() };
    let written = |key| Some((key, table.place_of(key)?.position()));
    let written = JUDGED_LATER.into_iter().filter_map(written).collect();
    let max_buffered = table.place_of("max_buffered");
    Server { plan: read_table(table, problems), written, max_buffered }
}

fn read_table(mut table: Table<'_>, problems: &mut Problems) -> ServerPlan {
    let mut plan = ServerPlan::default();
    let text = table.place.text;
    let path = |value: &DeValue<'_>| value::string(value).map(|path| text.folder().join(path));
    let file = |value: &DeValue<'_>| existing_file(path(value)?);

    if let Some(addresses) = addresses(&mut table, problems) {
        plan.addresses = addresses;
    }
    let has_operators = table.has("admin_addr");
    if let Some(admin) = table.take("admin_addr", problems, value::address) {
        if admin.value.port() != 0 && plan.addresses.contains(&admin.value) {
            problems.add(&admin.place, "must not be an address of `addr`");
        }
        plan.admin_address = Some(admin.value);
    }
    if let Some(token) = table.take("admin_token_file", problems, file) {
        if !has_operators {
            problems.add(&token.place, "needs `admin_addr`");
        }
        plan.admin_token_file = Some(token.value);
    }

    let target = table.take("access_log", problems, |value| match value::string(value)?.as_str() {
        "stdout" => Ok(LogTarget::Stdout),
        "stderr" => Ok(LogTarget::Stderr),
        _ => log_file(path(value)?),
    });
    let format = table.take("access_log_format", problems, log_format);
    let format = format.map(|it| it.value).unwrap_or_default();
    plan.access_log = target.map(|target| AccessLog { target: target.value, format });

    macro_rules! take {
        ($($key:ident: $read:expr;)*) => { $(
            if let Some(setting) = table.take(stringify!($key), problems, $read) {
                plan.$key = setting.value;
            }
        )* };
    }
    take! {
        keep_alive: value::boolean;
        idle_timeout: value::duration;
        max_requests_per_connection: value::count(1..=u32::MAX);
        head_timeout: value::duration;
        body_timeout: value::duration;
        write_timeout: value::duration;
        max_connections: value::count(1..=u32::MAX);
        max_buffered: value::size;
        max_concurrent_requests: value::count(1..=MAX_CONCURRENT_REQUESTS);
        max_queue: value::count(0..=1_000_000);
        shutdown_timeout: value::duration;
        compile_timeout: value::duration;
        compile_memory: value::size;
    }
    plan.cache_dir =
        table.take("cache_dir", problems, |value| cache_folder(path(value)?)).map(|it| it.value);

    plan.user = table.take("user", problems, value::string).map(|it| it.value);
    if let Some(confine) = table.take("confine", problems, confine) {
        plan.confine = confine.value;
    }

    let has_certificate = table.has("tls_cert");
    if has_certificate != table.has("tls_key") {
        let (one, other) =
            if has_certificate { ("tls_cert", "tls_key") } else { ("tls_key", "tls_cert") };
        problems.add(&table.place, format!("`{one}` needs `{other}`"));
    }
    let certificate = table.take("tls_cert", problems, file);
    let key = table.take("tls_key", problems, file);
    plan.tls = certificate.zip(key).map(|(certificate, key)| (certificate.value, key.value));
    table.finish(problems);
    plan
}

impl ServerPlan {
    /// The keys in `[server]` whose values differ from those of another plan.
    pub fn changed_keys(&self, other: &ServerPlan) -> Vec<&'static str> {
        macro_rules! changed {
            ($($key:literal: $field:ident;)*) => {{
                // Whoever adds a field is told to add it here.
                let ServerPlan { $($field,)* } = self;
                [$(($key, *$field != other.$field),)*]
            }};
        }
        let changed = changed! {
            "addr": addresses;
            "admin_addr": admin_address;
            "admin_token_file": admin_token_file;
            "access_log, access_log_format": access_log;
            "keep_alive": keep_alive;
            "idle_timeout": idle_timeout;
            "max_requests_per_connection": max_requests_per_connection;
            "head_timeout": head_timeout;
            "body_timeout": body_timeout;
            "write_timeout": write_timeout;
            "max_connections": max_connections;
            "max_buffered": max_buffered;
            "max_concurrent_requests": max_concurrent_requests;
            "max_queue": max_queue;
            "shutdown_timeout": shutdown_timeout;
            "cache_dir": cache_dir;
            "compile_timeout": compile_timeout;
            "compile_memory": compile_memory;
            "user": user;
            "confine": confine;
            "tls_cert, tls_key": tls;
        };
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

fn existing_file(path: PathBuf) -> Result<PathBuf, String> {
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(path),
        Ok(_) => Err(format!("{} is not a regular file", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// A folder that is there, or that can be made.
fn cache_folder(path: PathBuf) -> Result<PathBuf, String> {
    match path.exists() && !path.is_dir() {
        true => Err(format!("{} is not a folder", path.display())),
        false => Ok(path),
    }
}

/// A file that can be written to, or made.
fn log_file(path: PathBuf) -> Result<LogTarget, String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if path.is_dir() {
        Err(format!("{} is a folder", path.display()))
    } else if !folder.is_dir() {
        Err(format!("{} is not a folder", folder.display()))
    } else {
        Ok(LogTarget::File(path))
    }
}

fn confine(value: &DeValue<'_>) -> Result<Confine, String> {
    match value::string(value)?.as_str() {
        "off" => Ok(Confine::Off),
        "on" => Ok(Confine::On),
        "files" => Ok(Confine::Files),
        other => Err(format!("must be `off`, `on` or `files`, not {}", quoted(other))),
    }
}

fn log_format(value: &DeValue<'_>) -> Result<LogFormat, String> {
    match value::string(value)?.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("must be `text` or `json`, not {}", quoted(other))),
    }
}

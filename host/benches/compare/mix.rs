//! Many handlers, each for a host of its own (t0, t1 and so on): what the servers that can
//! have them in one process are configured with.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::servers::{Connection, Place};

/// Ours: a tenant for each host. Each has a component of its own, with code of its own:
/// one section more makes it another.
pub fn of_ours(place: &Place) -> Result<PathBuf> {
    let handler = fs::read(&place.files.handler)?;
    let mut text = format!(
        "[server]\naddr = '127.0.0.1:{}'\nkeep_alive = {}\ncache_dir = {:?}\n",
        place.port,
        place.connection == Connection::KeepAlive,
        place.files.cache
    );
    for host in 0..place.workload.hosts {
        let name = format!("t{host}");
        let section = [&[0, 2 + name.len() as u8, 1, b'n'], name.as_bytes()].concat();
        fs::write(place.folder.join(format!("{name}.wasm")), [&handler[..], &section].concat())?;
        write!(text, "[[tenant]]\nname = '{name}'\nhosts = ['{name}']\nsource = '{name}.wasm'\n")?;
    }
    write(place.folder, "picohttp.toml", &text)
}

/// A server of nginx for each host.
pub fn of_nginx(place: &Place) -> String {
    let server = |host| {
        format!(
            "server {{ listen 127.0.0.1:{}; server_name t{host}; location = /{} {{ return 200 \
             \"Hello world!\"; }} }}\n",
            place.port, place.workload.name
        )
    };
    (0..place.workload.hosts).map(server).collect()
}

/// A worker of workerd for each host, each an isolate of its own, behind one that knows
/// them all.
pub fn of_workerd(place: &Place) -> Result<PathBuf> {
    fs::copy(crate::files::Files::peer("workerd.js"), place.folder.join("workerd.js"))?;
    let hosts = 0..place.workload.hosts;
    let services = hosts.clone().map(|host| format!("(name = \"t{host}\", worker = .compare),\n"));
    let bindings = hosts.map(|host| format!("(name = \"t{host}\", service = \"t{host}\"),\n"));
    let text = fs::read_to_string(crate::files::Files::peer("workerd-mix.capnp"))?
        .replace("SERVICES", &services.collect::<String>())
        .replace("BINDINGS", &bindings.collect::<String>());
    write(place.folder, "workerd.capnp", &text)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text)?;
    Ok(path)
}

//! The commands that are in `deploy/`, with the configurations beside them, run by a user
//! who may do nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use picohttp_host::config::Plan;
use picohttp_tests::client::get;
use picohttp_tests::program::{Program, file, install};
use picohttp_tests::service_manager::ServiceManager;
use serde_json::Value;
use tempfile::TempDir;

use super::{container, deploy, manifest, unit_command};

/// Nobody.
const USER: u32 = 65534;

/// A machine on which the program is installed, as far as it can see.
pub struct Machine {
    folder: TempDir,
    manager: ServiceManager,
}

impl Machine {
    /// With a configuration of `deploy/`, but on free ports.
    pub fn with(configuration: &str) -> Result<Machine> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let files = path("srv/files");
        fs::create_dir_all(&files)?;
        for name in ["srv/index.html", "srv/files/index.html"] {
            fs::write(path(name), "<p>deployed</p>")?;
        }
        // As with `DynamicUser`: a folder of the user's, and a link of root's to it.
        fs::create_dir_all(path("cache/private/picohttp-host"))?;
        symlink("private/picohttp-host", path("cache/picohttp-host"))?;
        install(file()?, &path("picohttp-host"))?;
        let text = fs::read_to_string(deploy(configuration))?;
        let text = text.replace(":8080", ":0").replace(":9090", ":0");
        let text = text.replace("/srv", path("srv").to_str().context("no text")?);
        fs::write(path("picohttp.toml"), text)?;
        let manager = ServiceManager::at(&path("notify"))?;
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
            fs::set_permissions(path("notify"), fs::Permissions::from_mode(0o777))?;
            chown(path("cache/private/picohttp-host"), Some(USER), Some(USER))?;
        }
        Ok(Machine { folder, manager })
    }

    /// Where a file is on it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command and waits until it says that it serves.
    fn run(&self, command: &[String]) -> Result<Program> {
        self.run_within(&[], command)
    }

    /// Has another command run it.
    pub fn run_within(&self, outer: &[&str], command: &[String]) -> Result<Program> {
        let path = |name: &str| self.path(name);
        let (program, args) = command.split_first().context("no command")?;
        ensure!(program.ends_with("/picohttp-host"), "{program}");
        let installed = path("picohttp-host");
        let mut command = match outer.split_first() {
            None => Command::new(installed),
            Some((outer, outer_args)) => {
                let mut command = Command::new(outer);
                command.args(outer_args).arg(installed);
                command
            }
        };
        for arg in args {
            let is_configuration = arg == "/etc/picohttp-host/picohttp.toml";
            command.arg(if is_configuration { path("picohttp.toml") } else { arg.into() });
        }
        let search = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", search).env("XDG_CACHE_HOME", path("cache"));
        command.env("NOTIFY_SOCKET", path("notify")).current_dir("/");
        if rustix::process::geteuid().is_root() {
            command.uid(USER).gid(USER);
        }
        let started = Program::start_on(&mut command)?;
        assert_eq!(self.manager.told()?, "READY=1\n");
        started.wait_until_all_are_loaded()?;
        Ok(started)
    }
}

#[test]
fn the_units_command_serves_as_nobody() -> Result<()> {
    let machine = Machine::with("systemd/picohttp.toml")?;
    let started = machine.run(&unit_command()?)?;
    assert_eq!(started.get("/index.html")?.text(), "<p>deployed</p>");
    assert_eq!(get(started.operators()?, "/readyz")?.status, 200);
    let cache = machine.path("cache/picohttp-host");
    ensure!(fs::read_dir(cache)?.count() > 0, "nothing is kept: {}", started.log());
    Ok(())
}

#[test]
fn the_pods_command_serves_as_nobody_and_is_probed() -> Result<()> {
    let machine = Machine::with("kubernetes/picohttp.toml")?;
    let started = machine.run(&super::recipe::command()?)?;
    assert_eq!(started.get("/index.html")?.text(), "<p>deployed</p>");
    let container = container()?;
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().context("no path")?;
        assert_eq!(get(started.operators()?, path)?.status, 200, "{probe}");
    }
    let pod = &manifest("deployment.yaml")?["spec"]["template"];
    let path = pod["metadata"]["annotations"]["prometheus.io/path"].as_str();
    let metrics = get(started.operators()?, path.context("no path")?)?;
    let metric = &manifest("autoscaler.yaml")?["spec"]["metrics"][1]["pods"]["metric"]["name"];
    let metric = metric.as_str().context("no metric")?;
    ensure!(metrics.text().contains(&format!("\n{metric}{{")), "{}", metrics.text());
    Ok(())
}

#[test]
fn a_pod_has_the_ports_the_time_and_the_memory_that_its_configuration_needs() -> Result<()> {
    let text = fs::read_to_string(deploy("kubernetes/picohttp.toml"))?;
    let container = container()?;
    for port in container["ports"].as_array().context("no ports")? {
        ensure!(text.contains(&format!(":{}\"", port["containerPort"])), "{port}");
    }
    let machine = Machine::with("kubernetes/picohttp.toml")?;
    let plan = Plan::read(&machine.folder.path().join("picohttp.toml"))?;
    let instances = plan.server.max_concurrent_requests;
    let largest =
        plan.tenants.iter().flat_map(|tenant| &tenant.routes).map(|route| route.sandbox.max_memory);
    let limits = &container["resources"]["limits"];
    let compilers: usize = limits["cpu"].as_str().context("no processors")?.parse()?;
    let needed = instances * largest.max().unwrap_or_default()
        + plan.server.max_buffered
        + compilers * usize::try_from(plan.server.compile.memory)?;
    let limit = limits["memory"].as_str().context("no limit")?;
    let limit =
        picohttp_host::config::units::size(limit.trim_end_matches('i').trim_end_matches('G'));
    let limit = limit.map_err(anyhow::Error::msg)? << 30;
    ensure!(needed + (128 << 20) <= limit, "{needed} bytes, and {limit} are allowed");

    let pod = &manifest("deployment.yaml")?["spec"]["template"]["spec"];
    let seconds = |value: &Value| value.as_u64().context("no number");
    let grace = seconds(&pod["terminationGracePeriodSeconds"])?;
    let pause = seconds(&container["lifecycle"]["preStop"]["sleep"]["seconds"])?;
    ensure!(pause + plan.server.shutdown_timeout.as_secs() < grace);
    Ok(())
}

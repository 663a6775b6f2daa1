//! What is in `deploy/`: sound by the tools that will read it, and about this program.
//! What cannot be checked on this machine is said, and is no failure.

mod confinement; // what the unit forbids, and what the program does
mod recipe; // the container's, and what ties it to the rest
mod smoke; // the commands that are in there, run by nobody in particular

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use picohttp_tests::guests::root;
use picohttp_tests::program::file;
use serde_json::{Value, json};

/// How exposed the service may be, of 100.
const EXPOSURE: &str = "20";

fn deploy(name: &str) -> PathBuf {
    root().join("deploy").join(name)
}

/// Reads a file of YAML.
fn manifest(name: &str) -> Result<Value> {
    let text = fs::read_to_string(deploy("kubernetes").join(name))?;
    serde_saphyr::from_str(&text).with_context(|| name.to_owned())
}

/// The container that a pod has.
fn container() -> Result<Value> {
    Ok(manifest("deployment.yaml")?["spec"]["template"]["spec"]["containers"][0].clone())
}

/// The command of the unit: the program and its arguments.
fn unit_command() -> Result<Vec<String>> {
    let unit = fs::read_to_string(deploy("systemd/picohttp-host.service"))?;
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
    Ok(command.context("no command")?.split(' ').map(str::to_owned).collect())
}

/// Runs a program that checks something; `None` if it is not installed.
fn run(program: &str, args: &[&dyn AsRef<std::ffi::OsStr>]) -> Result<Option<Output>> {
    match Command::new(program).args(args).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        output => Ok(Some(output?)),
    }
}

/// Says that something was not checked, also where tests that pass are silent.
fn not_checked(why: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "NOT CHECKED: {why}")?)
}

fn ensure_content(output: &Output) -> Result<()> {
    let text = [&output.stdout[..], &output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    Ok(())
}

/// A folder with the units, whose command is the program that was built.
fn units() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for name in ["picohttp-host.service", "picohttp-host.socket"] {
        let unit = fs::read_to_string(deploy("systemd").join(name))?;
        let program = file()?.to_str().context("the path is not text")?;
        let unit = unit.replace("/usr/local/bin/picohttp-host", program);
        fs::write(folder.path().join(name), unit)?;
    }
    Ok(folder)
}

#[test]
fn systemd_understands_the_units() -> Result<()> {
    let units = units()?;
    let unit = |name: &str| units.path().join(name);
    let [service, socket] = [unit("picohttp-host.service"), unit("picohttp-host.socket")];
    let Some(output) = run("systemd-analyze", &[&"verify", &service, &socket])? else {
        return not_checked("the units: systemd-analyze is not installed");
    };
    ensure_content(&output)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!said.contains("picohttp-host"), "{said}");
    Ok(())
}

#[test]
fn the_service_is_confined() -> Result<()> {
    let service = deploy("systemd/picohttp-host.service");
    let threshold = format!("--threshold={EXPOSURE}");
    let args: [&dyn AsRef<std::ffi::OsStr>; 4] =
        [&"security", &"--offline=true", &threshold, &service];
    match run("systemd-analyze", &args)? {
        Some(output) => ensure_content(&output),
        None => not_checked("confinement: systemd-analyze is not installed"),
    }
}

/// What a cluster is given, beside the list of these.
const MANIFESTS: [&str; 4] =
    ["deployment.yaml", "service.yaml", "networkpolicy.yaml", "autoscaler.yaml"];

#[test]
fn the_manifests_are_what_kubernetes_defines() -> Result<()> {
    let files = MANIFESTS.map(|name| deploy("kubernetes").join(name));
    let flags = ["-strict", "--strict"];
    let [first, second] = flags.each_ref().map(|flag| {
        let files = files.iter().map(|file| file as &dyn AsRef<std::ffi::OsStr>);
        [flag as &dyn AsRef<std::ffi::OsStr>].into_iter().chain(files).collect::<Vec<_>>()
    });
    let validated = match run("kubeconform", &first)? {
        Some(output) => Some(output),
        None => run("kubernetes-validate", &second)?,
    };
    match validated {
        Some(output) => ensure_content(&output)?,
        None => not_checked("schemas: neither kubeconform nor kubernetes-validate is installed")?,
    }
    for name in MANIFESTS.into_iter().chain(["kustomization.yaml"]) {
        let manifest = manifest(name)?;
        ensure!(manifest["apiVersion"].is_string() && manifest["kind"].is_string(), "{name}");
    }
    Ok(())
}

#[test]
fn the_manifests_agree_with_each_other() -> Result<()> {
    let [deployment, service, policy, autoscaler] = MANIFESTS.map(manifest);
    let [deployment, service, policy, autoscaler] = [deployment?, service?, policy?, autoscaler?];
    let kustomization = manifest("kustomization.yaml")?;
    let listed = kustomization["resources"].as_array().context("no resources")?;
    assert!(listed.iter().map(Value::as_str).eq(MANIFESTS.map(Some)), "{listed:?}");
    let pod = &deployment["spec"]["template"];
    assert_eq!(service["spec"]["selector"], pod["metadata"]["labels"]);
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"], pod["metadata"]["labels"]);
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"]);
    assert_eq!(autoscaler["spec"]["scaleTargetRef"]["name"], deployment["metadata"]["name"]);
    let container = container()?;
    let port = |name: &str| {
        let ports = container["ports"].as_array()?;
        ports.iter().find(|port| port["name"] == name)?["containerPort"].as_u64()
    };
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "http");
    let [clients, operators] = [0, 1].map(|rule| &policy["spec"]["ingress"][rule]);
    assert_eq!((&clients["ports"][0]["port"], clients.get("from")), (&json!("http"), None));
    assert_eq!(operators["ports"][0]["port"], "operators");
    assert!(operators["from"].is_array(), "{operators}");
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "operators", "{probe}");
    }
    let scraped = pod["metadata"]["annotations"]["prometheus.io/port"].as_str();
    assert_eq!(scraped, port("operators").map(|port| port.to_string()).as_deref());
    let generated: Vec<&Value> = kustomization["configMapGenerator"]
        .as_array()
        .context("no configuration")?
        .iter()
        .map(|map| &map["name"])
        .collect();
    let volumes = pod["spec"]["volumes"].as_array().context("no volumes")?;
    for map in volumes.iter().filter_map(|volume| volume.get("configMap")) {
        assert!(generated.contains(&&map["name"]), "{map}");
    }
    let mounts = container["volumeMounts"].as_array().context("no mounts")?;
    for mount in mounts {
        assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
    }
    Ok(())
}

#[test]
fn every_flag_is_one_that_the_program_has() -> Result<()> {
    let help = Command::new(file()?).arg("--help").output()?;
    let help = String::from_utf8(help.stdout)?;
    let args = container()?["args"].as_array().context("no arguments")?.clone();
    let args = args.iter().filter_map(Value::as_str).map(str::to_owned);
    let all = args.chain(unit_command()?).chain(recipe::command()?);
    let flags: Vec<String> = all.filter(|word| word.starts_with('-')).collect();
    ensure!(flags.len() == 3, "{flags:?}");
    for flag in flags {
        ensure!(help.contains(&format!("{flag} <")), "{flag} is not in --help");
    }
    Ok(())
}

#[test]
fn what_the_page_tells_to_install_is_there() -> Result<()> {
    let page = fs::read_to_string(deploy("README.md"))?;
    let words = page.split([' ', '\n', ':', '(', ')']).map(|word| word.trim_start_matches("./"));
    let named: Vec<&str> = words.filter(|word| word.starts_with("deploy/")).collect();
    ensure!(named.len() >= 5, "{named:?}");
    for path in named {
        let paths = match path.split_once("{service,socket}") {
            Some((path, _)) => [format!("{path}service"), format!("{path}socket")],
            None => [path.to_owned(), path.to_owned()],
        };
        ensure!(paths.iter().all(|path| Path::new(root()).join(path).exists()), "{path}");
    }
    Ok(())
}

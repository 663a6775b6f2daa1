//! The container's recipe, and what ties it to the rest.

use std::env;
use std::fs;

use anyhow::{Context, Result, ensure};
use picohttp_tests::guests::root;

use super::{container, deploy, ensure_content, manifest, not_checked, run};

/// What the recipe says after a word, each time; the last stage only.
fn said(word: &str) -> Result<Vec<String>> {
    let recipe = fs::read_to_string(deploy("container/Containerfile"))?;
    let (_, last) = recipe.rsplit_once("\nFROM ").context("one stage")?;
    let after = |line: &str| Some(line.strip_prefix(word)?.strip_prefix(' ')?.to_owned());
    Ok(last.lines().filter_map(after).collect())
}

/// The program and its arguments.
pub fn command() -> Result<Vec<String>> {
    let lists = [said("ENTRYPOINT")?, said("CMD")?].concat();
    let words = lists.iter().map(|list| serde_json::from_str::<Vec<String>>(list));
    Ok(words.collect::<Result<Vec<_>, _>>()?.concat())
}

#[test]
fn the_recipe_makes_what_the_manifests_run() -> Result<()> {
    let command = command()?;
    let copied = said("COPY")?;
    let [from, file, to] = copied[0].split(' ').collect::<Vec<_>>()[..] else {
        panic!("{copied:?}")
    };
    assert_eq!((from, to), ("--from=build", command[0].as_str()));
    assert_eq!(file, "/source/target/release/picohttp-host");

    let container = container()?;
    let args: Vec<String> = serde_json::from_value(container["args"].clone())?;
    assert_eq!(args, command[1..]);
    let security = &manifest("deployment.yaml")?["spec"]["template"]["spec"]["securityContext"];
    assert_eq!(said("USER")?, [format!("{}:{}", security["runAsUser"], security["runAsGroup"])]);
    ensure!(security["runAsUser"].as_u64() > Some(0), "it runs as root");
    let ports = container["ports"].as_array().context("no ports")?.iter();
    let ports: Vec<String> = ports.map(|port| port["containerPort"].to_string()).collect();
    assert_eq!(said("EXPOSE")?, [ports.join(" ")]);
    let mounts = container["volumeMounts"].as_array().context("no mounts")?;
    let cache = said("ENV")?.concat().replace("XDG_CACHE_HOME=", "");
    ensure!(mounts.iter().any(|mount| mount["mountPath"] == cache.as_str()), "no {cache}");
    Ok(())
}

#[test]
fn the_recipe_builds_with_the_compiler_that_the_workspace_asks_for() -> Result<()> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.context("no version")?.trim_matches('"');
    let recipe = fs::read_to_string(deploy("container/Containerfile"))?;
    ensure!(recipe.contains(&format!("/rust:{version}-")), "not {version}: {recipe}");
    ensure!(recipe.contains(&format!("RUSTUP_TOOLCHAIN={version}\n")), "not {version}: {recipe}");
    Ok(())
}

#[test]
fn the_recipe_builds() -> Result<()> {
    if env::var_os("PICOHTTP_TEST_CONTAINER").is_none() {
        return not_checked("that it builds: PICOHTTP_TEST_CONTAINER=1 tries it, with podman");
    }
    let recipe = deploy("container/Containerfile");
    let built = run("podman", &[&"build", &"--file", &recipe, &root()])?;
    ensure_content(&built.context("podman is not installed")?)
}

//! A compiler that is a command, whatever the command does.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use picohttp_host::config::{Plan, RoutePlan, ServerPlan, TenantPlan};
use picohttp_host::{
    Cache, CompileLimits, Compiled, Compiler, Component, Deployer, Engine, EngineOptions,
    LoadError, Sandbox, Source,
};
use picohttp_tests::sandbox::{bytes, engine};
use picohttp_tests::text::answer_with;

/// For those that never end, and for those that do.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

/// Has a command compile a component, which it does not.
fn refusal(program: &str, args: &[&str], time: Duration, component: &[u8]) -> Result<LoadError> {
    let engine = Engine::new(&EngineOptions::default())?;
    let limits = CompileLimits { time, memory: 1 << 30 };
    let engine = engine.compiler(Compiler::command(program, args, limits));
    match Component::from_bytes(&engine, "x", component, Sandbox::default(), &Cache::none()) {
        Ok(_) => bail!("it was loaded"),
        Err(error) => Ok(error),
    }
}

/// The same with a script of the shell, and a component that is right.
fn script(script: &str, time: Duration) -> Result<LoadError> {
    refusal("/bin/sh", &["-c", script], time, &bytes("answer")?)
}

#[test]
fn one_that_takes_too_long_is_ended() -> Result<()> {
    for endless in ["exec sleep 1000", "while :; do :; done", "kill -STOP $$"] {
        let error = script(endless, SHORT)?;
        ensure!(matches!(error, LoadError::CompileTime(SHORT)), "{error}");
    }
    Ok(())
}

#[test]
fn one_that_does_not_listen_is_ended() -> Result<()> {
    let more_than_a_pipe_holds = [bytes("answer")?, vec![0; 1 << 19]].concat();
    let error = refusal("/bin/sleep", &["1000"], SHORT, &more_than_a_pipe_holds)?;
    ensure!(matches!(error, LoadError::CompileTime(_)), "{error}");
    Ok(())
}

#[test]
fn one_that_went_last_and_got_nothing_is_asked_again_like_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("a.wasm");
    fs::write(&file, bytes("answer")?)?;
    let route = RoutePlan::new("/...", Source::at(&file));
    let tenant = TenantPlan::new("a", &ServerPlan::default(), vec![route]);
    let plan = Plan { tenants: vec![tenant], ..Plan::default() };
    let script = "test -z \"$PICOHTTP_GOES_LAST\" || { echo > \"$0\"; exec sleep 1000; }
        echo like others >&2; exit 3";
    let went_last = folder.path().join("went_last");
    let args = ["-c".as_ref(), script.as_ref(), went_last.as_os_str()];
    let limits = CompileLimits { time: Duration::from_secs(1), memory: 1 << 30 };
    let compiler = Compiler::command("/bin/sh", args, limits);
    let engine = Engine::new(&EngineOptions::default())?.compiler(compiler);
    let deployer = Deployer::new(engine, Cache::none());
    // As long as nothing is served, none goes last.
    deployer.complete(&Plan::default(), |_, _| {});
    let is_over = AtomicBool::new(false);
    let errors = thread::scope(|scope| {
        // It is this process that takes all, and not another.
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let deployment = deployer.complete(&plan, |_, _| {});
        is_over.store(true, Ordering::Relaxed);
        deployment.errors
    });
    ensure!(errors.to_string().ends_with("It said: like others"), "{errors}");
    ensure!(went_last.exists(), "it never went last");
    Ok(())
}

#[test]
fn memory_that_nobody_wrote_is_not_compiled() -> Result<()> {
    let sparse = |number| {
        format!(
            "(core module (memory 256) (data (i32.const {number}) \"a\")
               (data (i32.const 0xfffff0) \"b\"))"
        )
    };
    let component = answer_with(&(0..10).map(sparse).collect::<String>())?;
    let compiled = Compiled::new(engine()?, &component)?;
    ensure!(compiled.size() < 4 << 20, "{} bytes of {}", compiled.size(), component.len());
    Ok(())
}

#[test]
fn one_that_writes_for_ever_is_ended() -> Result<()> {
    let error = refusal("/bin/cat", &["/dev/zero"], LONG, &bytes("answer")?)?;
    ensure!(matches!(error, LoadError::CompiledTooLarge(_)), "{error}");
    Ok(())
}

#[test]
fn one_that_gives_something_else_is_not_believed() -> Result<()> {
    for other in ["exit 0", "echo foreign", "cat", "head -c 100000 /dev/urandom"] {
        let error = script(other, LONG)?;
        ensure!(matches!(error, LoadError::Invalid(_)), "{other}: {error}");
    }
    Ok(())
}

#[test]
fn one_that_dies_is_quoted() -> Result<()> {
    let told = |text: &str| anyhow::Ok(script(text, LONG)?.to_string());
    let segv = told("kill -SEGV $$")?;
    ensure!(segv.contains("the compiler died of the component (signal: 11 (SIGSEGV)"), "{segv}");
    let text = told(r"printf 'first\nsecond\033[31m' >&2; exit 3")?;
    ensure!(text.contains("(exit status: 3)"), "{text}");
    ensure!(text.ends_with(r"It said: first\nsecond\u{1b}[31m"), "{text}");
    let long = told("head -c 1000000 /dev/zero | tr '\\0' y >&2; exit 3")?;
    ensure!(long.contains("(exit status: 3)") && long.len() < 2000, "{long}");
    Ok(())
}

#[test]
fn one_that_is_not_there_is_told() -> Result<()> {
    let error = refusal("/no/such/compiler", &[], SHORT, &bytes("answer")?)?;
    ensure!(matches!(error, LoadError::NoCompiler(_)), "{error}");
    Ok(())
}

#[test]
fn none_is_asked_for_what_is_no_component() -> Result<()> {
    let error = refusal("/no/such/compiler", &[], SHORT, b"#!/bin/sh")?;
    ensure!(matches!(error, LoadError::NotWasm), "{error}");
    Ok(())
}

//! Handlers are compiled by a process of their own, which is bounded.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use picohttp_host::{
    Cache, CompileLimits, Compiler, Component, Engine, EngineOptions, LoadError, Sandbox,
};
use picohttp_tests::bombs::{BOMBS, deep};
use picohttp_tests::client;
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::process::ProcessId;
use picohttp_tests::program::{self, Program};
use picohttp_tests::sandbox::{bytes, get, new_engine};
use picohttp_tests::text::answer_with;

use crate::configuration::{Folder, granted};
use crate::running::{FILE, command, fails};

/// How much more memory than before is next to none, in kilobytes.
const NEXT_TO_NONE: usize = 10_000;

/// What is among a compiler's limits when it has given up what it does not need.
const CONFINED: &str = "Max open files            0 ";

/// An engine whose compiler is the program.
fn engine(limits: CompileLimits) -> Result<Engine> {
    let compiler = Compiler::command(FILE, ["compile-stdin"], limits);
    Ok(new_engine(EngineOptions::default())?.compiler(compiler))
}

/// Loads a component whose compiler may take what is usual.
fn load(bytes: &[u8], cache: &Cache) -> Result<Component> {
    let engine = engine(CompileLimits::default())?;
    Ok(Component::from_bytes(&engine, "guest", bytes, Sandbox::default(), cache)?)
}

/// The first compiler that a host has now.
fn compiler(host: &Program) -> Option<ProcessId> {
    host.id().children().first().copied()
}

/// Has a host deploy a bomb until what is waited for is seen. Where other programs fill the
/// machine, a compiler that goes last may be over before that.
fn eventually_compiling(
    folder: &Folder,
    host: &Program,
    what: &str,
    mut is_seen: impl FnMut() -> bool,
) -> Result<()> {
    let bomb = deep()?;
    eventually(what, || {
        let begun = Instant::now();
        deploy(folder, host, &bomb).expect("a folder to write to");
        while begun.elapsed() < Duration::from_secs(3) {
            if is_seen() {
                return true;
            }
            thread::sleep(Duration::from_millis(2));
        }
        false
    })
}

/// Programs that never rest, twice as many as there are processors, until this is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn start() -> Result<Busy> {
        let mut busy = Busy(Vec::new());
        for _ in 0..2 * thread::available_parallelism()?.get() {
            let program = Command::new("sh").args(["-c", "while :; do :; done"]).spawn();
            busy.0.push(program?);
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for program in &mut self.0 {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// Has a host read that a tenant is to have a bomb.
fn deploy(folder: &Folder, host: &Program, bomb: &[u8]) -> Result<()> {
    folder.write("tenants.d/bomb.wasm", bomb)?;
    let tenant = "[[tenant]]\nname = 'b'\nhosts = ['b']\nsource = 'bomb.wasm'\n";
    folder.write("tenants.d/bomb.toml", tenant)?;
    host.signal("HUP")
}

#[test]
fn a_deployment_is_served_although_other_programs_fill_the_machine() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    let _busy = Busy::start()?;
    fs::copy(guest("talk")?, folder.path("tenants.d/new.wasm"))?;
    let tenant = "[[tenant]]\nname = 'b'\nhosts = ['b.test']\nsource = 'new.wasm'\n";
    folder.write("tenants.d/b.toml", tenant)?;
    host.signal("HUP")?;
    eventually("it is served", || {
        host.get_of("b.test", "/lines").is_ok_and(|answer| answer.status == 200)
    })
}

#[test]
fn a_small_component_that_is_large_when_compiled_is_refused() -> Result<()> {
    let table = "(core module (table 100000 funcref) (func $f) (elem (i32.const 99999) $f))";
    let component = answer_with(&table.repeat(100))?;
    let Err(error) = load(&component, &Cache::none()) else { bail!("it was loaded") };
    ensure!(error.to_string().contains("the compiled component is over the limit"), "{error}");
    Ok(())
}

#[test]
fn a_bomb_is_refused_and_others_are_served_as_before() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    let before = host.id().number("VmHWM")?;
    for (number, bomb) in BOMBS.iter().enumerate() {
        folder.configure(&granted("a", "new")?)?;
        deploy(&folder, &host, &(bomb.component)()?)?;
        host.wait_for_times("still serving what was served before", number + 1)?;
        assert_eq!(host.get_of("a.test", "/")?.text(), "old old", "{}", bomb.name);
    }
    let log = host.log();
    for line in log.lines().filter(|line| line.contains("still serving")) {
        let limit = ["--compile-timeout", "--compile-memory"];
        ensure!(line.contains("tenant.b.source: "), "{line}");
        ensure!(limit.iter().any(|flag| line.contains(flag)), "{line}");
    }
    let most = host.id().number("VmHWM")?;
    ensure!(most < before + NEXT_TO_NONE, "{before} kB before, and then {most}");
    ensure!(host.id().children().is_empty(), "a compiler is still there");
    Ok(())
}

#[test]
fn a_bomb_is_not_served_in_the_first_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bomb.wasm");
    fs::write(&file, deep()?)?;
    let (code, said) = fails(&[&file])?;
    ensure!(code == 1 && said.contains("is not compiled within 5s"), "{said}");
    Ok(())
}

#[cfg(target_env = "gnu")]
#[test]
fn what_compiles_steps_aside_at_each_beat() -> Result<()> {
    if !fs::exists("/proc/self/timers")? {
        eprintln!("SKIPPED: the kernel does not show the timers of a process");
        return Ok(());
    }
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    eventually_compiling(&folder, &host, "all its threads have beats", || {
        let Some(child) = compiler(&host) else { return false };
        let timers = child.read("timers").unwrap_or_default();
        let has_beat = |thread: &String| {
            timers.lines().any(|line| line == format!("notify: signal/tid.{thread}"))
        };
        child.going_last().is_ok_and(|threads| !threads.is_empty() && threads.iter().all(has_beat))
    })
}

#[test]
fn the_compiler_can_do_nothing_but_compile() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    let (mut limits, mut environment, mut status) = Default::default();
    eventually_compiling(&folder, &host, "it has given up what it does not need", || {
        let Some(child) = compiler(&host) else { return false };
        limits = child.read("limits").unwrap_or_default();
        environment = child.read("environ").unwrap_or_default();
        status = child.read("status").unwrap_or_default();
        limits.contains(CONFINED) && child.going_last().is_ok_and(|threads| !threads.is_empty())
    })?;
    for limit in ["Max core file size        0 ", "Max address space         1073741824 "] {
        ensure!(limits.contains(limit), "{limits}");
    }
    ensure!(status.contains("NoNewPrivs:\t1"), "{status}");
    let variables = environment.split_terminator('\0').filter_map(|text| text.split('=').next());
    let mut variables: Vec<&str> = variables.collect();
    variables.sort_unstable();
    assert_eq!(variables, ["PICOHTTP_COMPILE_MEMORY", "PICOHTTP_GOES_LAST", "RAYON_NUM_THREADS"]);
    Ok(())
}

#[test]
fn a_compiler_ends_with_the_host() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let mut host = folder.serve(&[])?;
    deploy(&folder, &host, &deep()?)?;
    let mut child = None;
    eventually("it compiles", || {
        child = compiler(&host);
        child.is_some_and(|it| it.read("limits").is_ok_and(|limits| limits.contains(CONFINED)))
    })?;
    host.signal("KILL")?;
    host.end()?;
    let child = child.context("no compiler")?;
    eventually("it has ended", || {
        let status = child.read("status").unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    })
}

#[test]
fn the_limits_can_be_set() -> Result<()> {
    let hello = plugin("hello")?;
    let hello = hello.to_str().context("no text")?;
    let (code, said) = fails(&["--compile-memory", "32MiB", hello])?;
    ensure!(code == 1 && said.contains("more than 33554432 bytes of memory"), "{said}");
    ensure!(said.contains("--compile-memory"), "{said}");
    let folder = Folder::new("compile_memory = '32MiB'\n[[tenant]]\nname = 'a'\nsource = 'a'\n")?;
    folder.put(Path::new(hello), "a")?;
    let (code, said) = fails(&["--config", &folder.path("picohttp.toml").to_string_lossy()])?;
    ensure!(code == 1 && said.contains("more than 33554432 bytes of memory"), "{said}");
    let host = Program::start(command().args(["--compile-timeout", "1m", hello]))?;
    assert_eq!(client::get(host.address, "/hello")?.status, 200);
    Ok(())
}

#[test]
fn hosts_share_what_is_kept() -> Result<()> {
    let cache = tempfile::tempdir()?;
    let start = || {
        let mut command = program::command(FILE);
        Program::start(command.arg("--cache-dir").arg(cache.path()).arg(plugin("hello")?))
    };
    for damage in [&b""[..], b"damaged", &[0; 100_000]] {
        let together: Vec<Program> = thread::scope(|scope| {
            let hosts: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
            hosts.into_iter().map(|host| host.join().expect("a panic")).collect::<Result<_>>()
        })?;
        for host in together {
            assert_eq!(host.get("/hello")?.text(), "Hello world!");
            ensure!(!host.log().contains("cannot keep"), "{}", host.log());
        }
        let entries = fs::read_dir(cache.path())?.collect::<Result<Vec<_>, _>>()?;
        ensure!(entries.len() == 1, "{entries:?}");
        let last = start()?;
        last.signal("TERM")?;
        ensure!(!last.whole_log()?.contains("compiling anew"), "it is not right in the end");
        fs::write(entries[0].path(), damage)?;
        start()?.wait_for("compiling anew").with_context(|| format!("{damage:?} was believed"))?;
    }
    Ok(())
}

#[test]
fn an_embedder_compiles_so_as_well() -> Result<()> {
    let answer = load(&bytes("answer")?, &Cache::none())?;
    assert_eq!(get(&answer, "/").map(|response| response.status).ok(), Some(200));
    let large = load(&fs::read(guest("behave")?)?, &Cache::none())?;
    assert_eq!(get(&large, "/").map(|response| response.status).ok(), Some(200));
    Ok(())
}

#[test]
fn what_is_wrong_with_a_component_is_told() -> Result<()> {
    let engine = engine(CompileLimits::default())?;
    let wrong = b"\0asm\x0d\0\x01\0\xffwrong";
    let loaded =
        |engine| Component::from_bytes(engine, "x", wrong, Sandbox::default(), &Cache::none());
    let in_process = new_engine(EngineOptions::default())?;
    let told = loaded(&engine).err().map(|error| error.to_string());
    assert_eq!(told, loaded(&in_process).err().map(|error| error.to_string()));
    ensure!(matches!(loaded(&engine), Err(LoadError::Invalid(_))), "{told:?}");
    Ok(())
}

#[test]
fn what_either_compiler_keeps_the_other_loads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = Cache::in_folder(folder.path());
    let answer = bytes("answer")?;
    load(&answer, &cache)?;
    let entry = |()| -> Result<_> {
        let entries = fs::read_dir(folder.path())?.collect::<Result<Vec<_>, _>>()?;
        ensure!(entries.len() == 1, "{entries:?}");
        Ok(fs::read(entries[0].path())?)
    };
    let kept = entry(())?;
    let engine = new_engine(EngineOptions::default())?;
    Component::from_bytes(&engine, "x", &answer, Sandbox::default(), &cache)?;
    ensure!(entry(())? == kept, "it was compiled again");
    Ok(())
}

//! A cold start: from the start of the process to the first answer, of one handler that was
//! compiled before or was not, and of a thousand.
//!
//! ```sh
//! cargo bench --bench cold_start
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use picohttp_host::project;
use picohttp_tests::program::{self, Program};

const ROUNDS: usize = 15;

/// How many tenants there are where there are many, each with a component of its own, and
/// how many routes each of them has.
const TENANTS: usize = 1000;
const ROUTES: usize = 10;
const ROUNDS_OF_MANY: usize = 5;

/// How long it may take to compile them.
const PATIENCE: Duration = Duration::from_secs(600);

/// What one start took.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    time: Duration,
    /// Resident memory after the first answer, in KiB.
    memory: usize,
}

fn main() -> Result<()> {
    let file = project::build(Path::new("../plugins/hello"))?;
    let folder = tempfile::tempdir()?;
    let cache_option = format!("--cache-dir={}", folder.path().join("cache").display());
    let start = |cache: &str| {
        let mut command = program::command(env!("CARGO_BIN_EXE_picohttp-host"));
        start(command.arg(&file).args([cache, "--port", "0"]), "localhost")
    };
    start(&cache_option)?;
    let (mut compiled, mut cached) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        compiled.push(start("--no-cache")?);
        cached.push(start(&cache_option)?);
    }
    println!("{:<36} {:>10} {:>10} {:>10}", "exec to first answer", "median ms", "worst ms", "MB");
    print("compiled at this start", compiled);
    print("compiled before", cached);
    print(&format!("{TENANTS} handlers, {} routes", TENANTS * ROUTES), many(&file, folder.path())?);
    Ok(())
}

/// Starts with many tenants, all of them compiled before.
fn many(file: &Path, folder: &Path) -> Result<Vec<Start>> {
    let hello = fs::read(file)?;
    let cache = folder.join("cache");
    let mut text = format!("[server]\naddr = '127.0.0.1:0'\ncache_dir = {cache:?}\n");
    for tenant in 0..TENANTS {
        // A section of its own makes it another component, with code of its own.
        let name = tenant.to_string();
        let section = [&[0, 2 + name.len() as u8, 1, b'n'], name.as_bytes()].concat();
        fs::write(folder.join(format!("{name}.wasm")), [&hello[..], &section].concat())?;
        writeln!(text, "[[tenant]]\nname = 't{name}'\nhosts = ['t{name}']")?;
        for route in 0..ROUTES {
            let path = if route == 0 { "hello".to_owned() } else { format!("r{route}") };
            writeln!(text, "[[tenant.route]]\npath = '/{path}'\nsource = '{name}.wasm'")?;
        }
    }
    let config = folder.join("picohttp.toml");
    fs::write(&config, text)?;
    let command = || {
        let mut command = program::command(env!("CARGO_BIN_EXE_picohttp-host"));
        command.arg("--config").arg(&config);
        command
    };
    eprintln!("compiling {TENANTS} handlers");
    compile_all(&mut command())?;
    (0..ROUNDS_OF_MANY).map(|_| start(&mut command(), &format!("t{}", TENANTS - 1))).collect()
}

/// Starts the program and waits until it serves all of its handlers.
fn compile_all(command: &mut Command) -> Result<()> {
    Program::begin(command)?.wait_for_within("serving all that there are", PATIENCE)
}

/// Starts the program and asks the host of this name.
fn start(command: &mut Command, name: &str) -> Result<Start> {
    let began = Instant::now();
    let program = Program::start_on(command)?;
    let answer = program.get_of(name, "/hello")?;
    let time = began.elapsed();
    ensure!(answer.text() == "Hello world!", "{answer:?}");
    Ok(Start { time, memory: program.id().number("VmRSS")? })
}

fn print(name: &str, mut starts: Vec<Start>) {
    starts.sort();
    let milliseconds = |start: &Start| start.time.as_secs_f64() * 1e3;
    let (median, worst) = (starts.get(starts.len() / 2), starts.last());
    println!(
        "{name:<36} {:>10.1} {:>10.1} {:>10.1}",
        median.map_or(f64::NAN, milliseconds),
        worst.map_or(f64::NAN, milliseconds),
        median.map_or(f64::NAN, |start| start.memory as f64 * 1024.0 / 1e6),
    );
}

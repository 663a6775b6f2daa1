//! A cold start: from the start of the process to the first answer, of one handler that was
//! compiled before or was not, and of a thousand.
//!
//! ```sh
//! cargo bench --bench cold_start
//! ```

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_host::project;

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
    memory: u64,
}

fn main() -> Result<()> {
    let file = project::build(Path::new("../plugins/hello"))?;
    let folder = tempfile::tempdir()?;
    let cache_option = format!("--cache-dir={}", folder.path().join("cache").display());
    let start = |cache: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picohttp-host"));
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_picohttp-host"));
        command.arg("--config").arg(&config);
        command
    };
    eprintln!("compiling {TENANTS} handlers");
    compile_all(&mut command())?;
    (0..ROUNDS_OF_MANY).map(|_| start(&mut command(), &format!("t{}", TENANTS - 1))).collect()
}

/// Starts a host and waits until it serves all of its handlers.
fn compile_all(command: &mut Command) -> Result<()> {
    let began = Instant::now();
    let mut host = Host(command.stderr(Stdio::piped()).spawn()?);
    let lines = host.lines()?;
    for line in lines {
        if line?.contains("serving all that there are") {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "it compiles for ever");
    }
    anyhow::bail!("it has ended")
}

fn start(command: &mut Command, name: &str) -> Result<Start> {
    let began = Instant::now();
    let mut host = Host(command.stderr(Stdio::piped()).spawn()?);
    host.answer(name)?;
    let time = began.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", host.0.id()))?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let memory = memory.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
    Ok(Start { time, memory })
}

/// A host that is killed when it is dropped.
struct Host(Child);

impl Host {
    fn lines(&mut self) -> Result<impl Iterator<Item = std::io::Result<String>>> {
        Ok(BufReader::new(self.0.stderr.take().context("no standard error")?).lines())
    }

    /// Waits for an answer from the host of this name.
    fn answer(&mut self, name: &str) -> Result<()> {
        let mut lines = self.lines()?.map_while(|line| line.ok());
        let address = lines.find_map(|line| {
            let (_, address) = line.split_once("Serving HTTP on http://")?;
            Some(address.trim_end_matches('/').to_owned())
        });
        let mut client = TcpStream::connect(address.context("it does not serve")?)?;
        write!(client, "GET /hello HTTP/1.0\r\nHost: {name}\r\n\r\n")?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        ensure!(answer.ends_with("Hello world!"), "{answer}");
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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

//! A cold start: from the start of the process to the first answer, with the handler
//! compiled before and without.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_host::project;

const ROUNDS: usize = 15;

fn main() -> Result<()> {
    let file = project::build(Path::new("../plugins/hello"))?;
    let cache = std::env::temp_dir().join(format!("picohttp-cold-start-{}", std::process::id()));
    let mut compiled = Vec::new();
    let mut cached = Vec::new();
    let cache_option = format!("--cache-dir={}", cache.display());
    first_answer(&file, &cache_option)?;
    for _ in 0..ROUNDS {
        compiled.push(first_answer(&file, "--no-cache")?);
        cached.push(first_answer(&file, &cache_option)?);
    }
    std::fs::remove_dir_all(&cache)?;
    println!("{:<32} {:>12} {:>12}", "exec to first answer", "median ms", "worst ms");
    for (name, mut times) in [("compiled at this start", compiled), ("compiled before", cached)] {
        times.sort();
        let milliseconds = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64) * 1e3;
        let (median, worst) = (times.get(ROUNDS / 2), times.last());
        println!("{name:<32} {:>12.1} {:>12.1}", milliseconds(median), milliseconds(worst));
    }
    Ok(())
}

fn first_answer(file: &Path, cache: &str) -> Result<Duration> {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_picohttp-host"))
        .arg(file)
        .args([cache, "--port", "0"])
        .stderr(Stdio::piped())
        .spawn()?;
    let answered = answer(&mut child).map(|()| start.elapsed());
    child.kill()?;
    child.wait()?;
    answered
}

fn answer(child: &mut Child) -> Result<()> {
    let stderr = child.stderr.take().context("no standard error")?;
    let mut line = String::new();
    BufReader::new(stderr).read_line(&mut line)?;
    let address = line.trim().strip_prefix("Serving HTTP on http://").context("not serving")?;
    let mut client = TcpStream::connect(address.trim_end_matches('/'))?;
    client.write_all(b"GET /hello HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    ensure!(answer.ends_with("Hello world!"), "{answer}");
    Ok(())
}

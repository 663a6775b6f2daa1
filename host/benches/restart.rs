//! Restarts under load: the program is started anew with the listening socket, a hundred
//! times, and each time with a file of tenants that has changed. No request may fail: not
//! refused, not reset, not cut off.
//!
//! ```sh
//! cargo bench --bench restart             # about a minute
//! cargo bench --bench restart -- 10       # so many restarts
//! ```

#[path = "steady/clients.rs"]
mod clients;
#[path = "steady/served.rs"]
mod served;

use std::env::args;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use picohttp_tests::guests::guest;
use picohttp_tests::successor::{Successor, restart};

use clients::ask;
use served::Served;

const RESTARTS: usize = 100;

fn main() -> Result<()> {
    let asked = args().find_map(|arg| arg.parse().ok());
    let restarts: usize = asked.unwrap_or(RESTARTS);
    let source = guest("granted")?;
    let tenant =
        |word: &str| format!("[[tenant]]\nname = 'a'\nsource = {source:?}\nargs = ['{word}']\n");
    let contents = ["old", "new"].map(tenant);
    let served = Served::start(&contents[0])?;
    let program = &served.program;
    let ask = |meanwhile: &mut dyn FnMut() -> Result<()>| {
        let is_right = |body: &str| matches!(body, "old " | "new ");
        ask(program.address, "GET / HTTP/1.0\r\n\r\n", is_right, meanwhile)
    };

    let begun = Instant::now();
    let mut serving: Option<Successor> = None;
    let mut with = ask(&mut || {
        for number in 1..=restarts {
            served.configure(&contents[number % 2])?;
            serving = Some(match serving.take() {
                None => restart(program)?,
                Some(old) => old.restart(program, number)?,
            });
        }
        Ok(())
    })?;
    let took = begun.elapsed();
    let mut without = ask(&mut || sleep(took))?;

    println!("{:<28} {restarts:>10}   in {:.1} s", "restarts", took.as_secs_f64());
    println!("{:<28} {:>10} {:>10}", "", "with", "without");
    println!("{:<28} {:>10} {:>10}", "requests", with.requests(), without.requests());
    for (name, share) in [("median, ms", 0.5), ("p99, ms", 0.99), ("longest, ms", 1.0)] {
        let [with, without] = [with.quantile(share), without.quantile(share)];
        println!("{name:<28} {with:>10.3} {without:>10.3}");
    }
    with.print_failures();
    ensure!(with.failures.is_empty() && without.failures.is_empty(), "requests failed");
    Ok(())
}

fn sleep(time: Duration) -> Result<()> {
    thread::sleep(time);
    Ok(())
}

//! Reloads under load: a file of tenants that says one thing and then another, a thousand
//! times. No request may fail, none may see some of the one and some of the other, and
//! they may not be much slower than they are without.
//!
//! ```sh
//! cargo bench --bench reload              # about four minutes
//! cargo bench --bench reload -- 100       # so many reloads
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

use clients::{Tally, ask};
use served::Served;

const RELOADS: usize = 1000;

/// How many tenants the file has.
const TENANTS: usize = 20;

/// Reloads in a row, before as much time without any.
const IN_A_ROW: usize = 25;

fn main() -> Result<()> {
    let asked = args().find_map(|arg| arg.parse().ok());
    let reloads: usize = asked.unwrap_or(RELOADS).next_multiple_of(IN_A_ROW);
    let source = guest("granted")?;
    // Both words of an answer come from the file, in different ways.
    let tenants = |word: &str| -> String {
        let tenant = |number| {
            format!(
                "[[tenant]]\nname = 'tenant-{number}'\nhosts = ['{number}.test']\n\
                 source = {source:?}\nargs = ['{word}']\nenvironment = {{ GRANTED = '{word}' }}\n"
            )
        };
        (0..TENANTS).map(tenant).collect()
    };
    let contents = ["old", "new"].map(tenants);
    let served = Served::start(&contents[0])?;
    let request = "GET / HTTP/1.0\r\nHost: 7.test\r\n\r\n";
    let is_whole = |body: &str| matches!(body, "old old" | "new new");
    let ask = |meanwhile: &mut dyn FnMut() -> Result<()>| {
        ask(served.program.address, request, is_whole, meanwhile)
    };
    ask(&mut || sleep(Duration::from_secs(1)))?;

    let (mut with, mut without) = (Tally::default(), Tally::default());
    let mut done = 0;
    while done < reloads {
        let begun = Instant::now();
        with.add(ask(&mut || {
            for _ in 0..IN_A_ROW {
                done += 1;
                served.configure(&contents[done % 2])?;
                served.program.signal("HUP")?;
                served.program.wait_for_times("serving what has changed", done)?;
            }
            Ok(())
        })?);
        let took = begun.elapsed();
        without.add(ask(&mut || sleep(took))?);
    }

    println!("{:<28} {reloads:>10}", "reloads");
    println!("{:<28} {:>10} {:>10}", "", "with", "without");
    println!("{:<28} {:>10} {:>10}", "requests", with.requests(), without.requests());
    let ratio = with.quantile(0.99) / without.quantile(0.99);
    for (name, share) in [("median, ms", 0.5), ("p99, ms", 0.99), ("p99.9, ms", 0.999)] {
        let [with, without] = [with.quantile(share), without.quantile(share)];
        println!("{name:<28} {with:>10.3} {without:>10.3}");
    }
    println!("{:<28} {ratio:>10.2}   goal: at most 1.5", "p99 with / without");
    with.print_failures();
    ensure!(with.failures.is_empty() && without.failures.is_empty(), "requests failed");
    ensure!(ratio <= 1.5, "reloads slow requests down");
    Ok(())
}

fn sleep(time: Duration) -> Result<()> {
    thread::sleep(time);
    Ok(())
}

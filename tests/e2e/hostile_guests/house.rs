//! One program that serves every row of a table, each as a tenant of its own, and one
//! tenant in good health beside them.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use picohttp_tests::client::{self, Answer, exchange};
use picohttp_tests::guests::guest;
use picohttp_tests::host::eventually;
use picohttp_tests::process::Gauge;
use serde_json::Value;

use super::row::{End, Row};
use crate::hostile::program::Program;

/// How many clients ask for the same row at once: one less than handlers may run.
const CLIENTS: usize = 8;

/// How soon the tenant in good health is answered, meanwhile.
const AT_ONCE: Duration = Duration::from_millis(100);

/// How long a line of the log may be: what is kept of a guest's, and what is said of it.
const MAX_LINE: usize = 10_000;

/// How much more memory than before is the same.
const SLACK: usize = 5_000_000;

pub struct House {
    program: Program,
    rows: &'static [Row],
    requests: Tail,
    /// How much of the program's log was taken.
    log: usize,
}

impl House {
    pub fn open(rows: &'static [Row]) -> Result<House> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        fs::create_dir(&data)?;
        File::create(data.join("large"))?.set_len(1 << 30)?;
        let requests = folder.path().join("requests");
        let program = Program::configured(&configuration(rows)?, folder)?;
        let operators = program.operators()?;
        // On a busy machine some are still loaded when it begins to serve.
        eventually("all are loaded", || {
            client::get(operators, "/readyz").is_ok_and(|answer| answer.status == 200)
        })?;
        let mut house = House { program, rows, requests: Tail::new(requests), log: 0 };
        // What was asked of the tenant in good health until now.
        eventually("the first is in the log", || {
            !house.requests.take().is_ok_and(|lines| lines.is_empty())
        })?;
        house.take_log();
        Ok(house)
    }

    /// Leaves what is in the logs, after a row that failed.
    pub fn skip(&mut self) -> Result<()> {
        thread::sleep(Duration::from_secs(1));
        self.requests.take()?;
        self.take_log();
        Ok(())
    }

    /// The lines of the program's log that were not taken yet.
    fn take_log(&mut self) -> Vec<String> {
        let text = self.program.log_from(self.log);
        self.log += text.len();
        text.split_terminator('\n').map(str::to_owned).collect()
    }

    /// Runs a row again and again, and checks that nobody notices and nothing is left.
    pub fn check(&mut self, number: usize) -> Result<()> {
        let row = self.rows[number];
        row.check(&self.ask(number)?)?;
        self.check_records(number, 1)?;
        // As many threads and slots as will be used are used before they are counted.
        self.ask_often(number, 2 * CLIENTS)?;
        self.check_records(number, 2 * CLIENTS)?;
        let mut left = Ok(());
        // A place of the pool that is used for the first time keeps some memory, and there
        // are not many more of them. What leaks, leaks again, and what others notice, they
        // notice again.
        for _ in 0..3 {
            let (before, another) = self.run(number, row.runs)?;
            left = self.check_nothing_is_left(before);
            if left.is_ok() && another >= AT_ONCE {
                left = Err(anyhow!("another was answered after {another:?}"));
            }
            if left.is_ok() {
                break;
            }
        }
        left
    }

    /// Asks so often. Returns what the program had before, and how soon another was answered
    /// meanwhile.
    fn run(&mut self, number: usize, times: usize) -> Result<(Gauge, Duration)> {
        let before = self.program.settle()?;
        let another = self.ask_often(number, times)?;
        self.check_records(number, times)?;
        Ok((before, another))
    }

    fn ask(&self, number: usize) -> Result<Answer> {
        let ask = self.rows[number].ask;
        exchange(self.program.address, format!("{ask} HTTP/1.0\r\nHost: g{number}\r\n\r\n"))
    }

    /// Asks so often, by all clients together, and says how soon the tenant in good health
    /// was answered meanwhile: the median, as others may be using the machine.
    fn ask_often(&self, number: usize, times: usize) -> Result<Duration> {
        let left = AtomicUsize::new(times);
        let take =
            || left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let row = &self.rows[number];
        thread::scope(|scope| {
            let client = || {
                while take().is_ok() {
                    row.check(&self.ask(number)?)?;
                }
                anyhow::Ok(())
            };
            // What takes long must be over before they lose patience.
            let clients = (0..CLIENTS.min(row.runs / 5)).map(|_| scope.spawn(client));
            let clients: Vec<_> = clients.collect();
            let mut times = Vec::new();
            while !clients.iter().all(|client| client.is_finished()) || times.is_empty() {
                let began = Instant::now();
                let answer = self.program.get("/")?;
                ensure!(answer.status == 200, "another was told {answer:?}");
                times.push(began.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
            clients.into_iter().try_for_each(|client| client.join().expect("a panic"))?;
            times.sort_unstable();
            Ok(times[times.len() / 2])
        })
    }

    /// Checks that there is one record for each request in the access log, and as many
    /// lines of what went wrong.
    fn check_records(&mut self, number: usize, count: usize) -> Result<()> {
        let Row { end, log, .. } = self.rows[number];
        let faults = if matches!(end, End::Answered(_)) { 0 } else { count };
        let mut records = Vec::new();
        eventually("all requests are in the log", || {
            records.extend(self.requests.take().unwrap_or_default());
            records.iter().filter(|line| !line.contains(HEALTHY)).count() >= count
        })?;
        let mut found = 0;
        for line in records.iter().filter(|line| !line.contains(HEALTHY)) {
            let record: Value = serde_json::from_str(line)?;
            ensure!(record["tenant"] == format!("g{number}"), "{record}");
            ensure!(record["reason"] == end.reason(), "{record}");
            ensure!(record["status"] == end.status(), "{record}");
            found += 1;
        }
        ensure!(found == count, "{found} records of {count} requests");

        let reason = format!("reason={}", end.reason());
        let mut lines = Vec::new();
        let told = |lines: &[String]| lines.iter().filter(|line| line.contains(&reason)).count();
        eventually("all faults are in the log", || {
            lines.extend(self.take_log());
            told(&lines) >= faults
        })?;
        ensure!(told(&lines) == faults, "{} lines of {faults} faults", told(&lines));
        let name = format!("tenant=\"g{number}\"");
        for line in &lines {
            ensure!(line.contains(&name), "{line}");
            ensure!(!line.contains(|c: char| c.is_control()), "{line:?}");
            ensure!(line.len() < MAX_LINE, "{} bytes: {}", line.len(), &line[..1000]);
        }
        ensure!(
            log.is_empty() || count > 1 || lines.iter().any(|line| line.contains(log)),
            "nothing of {log:?} in {:?}",
            lines.last()
        );
        Ok(())
    }

    fn check_nothing_is_left(&mut self, before: Gauge) -> Result<()> {
        self.program.wait_until_it_is_back(&before, SLACK)?;
        self.program.check_alive()
    }
}

/// What a record of the tenant in good health has in it.
const HEALTHY: &str = "\"tenant\":\"healthy\"";

fn configuration(rows: &[Row]) -> Result<String> {
    let healthy = guest("answer")?;
    let mut text = format!(
        "[server]\naddr = '127.0.0.1:0'\nadmin_addr = '127.0.0.1:0'\nmax_concurrent_requests = {}\n\
         access_log = 'requests'\naccess_log_format = 'json'\ncache_dir = 'cache'\n\
         compile_timeout = '60s'\n\
         [defaults]\ntimeout = '120s'\nmax_memory = '16MiB'\nmax_response_size = '1MiB'\n\
         max_concurrent_requests = {CLIENTS}\n\
         [[tenant]]\nname = 'healthy'\nsource = {healthy:?}\n",
        CLIENTS + 1
    );
    for (number, Row { guest: name, settings, .. }) in rows.iter().enumerate() {
        let source = guest(name).with_context(|| format!("the guest {name}"))?;
        write!(
            text,
            "[[tenant]]\nname = 'g{number}'\nhosts = ['g{number}']\nsource = {source:?}\n{settings}\n"
        )?;
    }
    Ok(text)
}

/// A file that grows.
struct Tail {
    path: PathBuf,
    read: u64,
}

impl Tail {
    fn new(path: PathBuf) -> Tail {
        Tail { path, read: 0 }
    }

    /// The whole lines that were not taken yet.
    fn take(&mut self) -> Result<Vec<String>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let Some(end) = text.iter().rposition(|&byte| byte == b'\n') else { return Ok(Vec::new()) };
        self.read += end as u64 + 1;
        let Ok(text) = str::from_utf8(&text[..end]) else { bail!("not UTF-8: {text:?}") };
        Ok(text.split('\n').map(str::to_owned).collect())
    }
}

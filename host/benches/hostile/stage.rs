//! What every scenario needs: how often and with how many clients, the handlers, a folder
//! that goes away, and an eye on Ctrl-C.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use picohttp_tests::guests::{guest, plugin};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::interrupt::Interrupt;
use crate::options::Options;

pub struct Stage {
    pub rounds: u32,
    /// How long each measurement of healthy clients lasts.
    pub measure: Duration,
    pub interrupt: Interrupt,
    quick: bool,
    /// How much longer is waited for quiet moments.
    patience: Cell<Duration>,
    descriptors: u64,
    hello: PathBuf,
    folder: TempDir,
    /// The handlers that are compiled already.
    compiled: RefCell<HashSet<PathBuf>>,
}

/// Descriptors of this process that are not clients, with some to spare.
const OTHERS: u64 = 200;

/// How long nobody may use the machine to make it quiet, and how long that is waited for in
/// the whole run.
const QUIET: Duration = Duration::from_millis(300);
const QUIET_WITHIN: Duration = Duration::from_secs(60);

impl Stage {
    pub fn new(options: &Options) -> Result<Stage> {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
        Ok(Stage {
            rounds: options.rounds.unwrap_or(if options.quick { 1 } else { 3 }),
            measure: Duration::from_secs_f64(if options.quick { 0.5 } else { 2.0 }),
            interrupt: Interrupt::catch()?,
            quick: options.quick,
            patience: Cell::new(if options.quick { Duration::ZERO } else { QUIET_WITHIN }),
            descriptors: limit.maximum.unwrap_or(u64::MAX),
            hello: plugin("hello")?,
            compiled: RefCell::default(),
            folder: tempfile::Builder::new().prefix("picohttp-hostile-").tempdir()?,
        })
    }

    pub fn print(&self, wrk: &str) {
        let cores = thread::available_parallelism().map_or(0, usize::from);
        let Stage { rounds, measure, descriptors, .. } = self;
        println!(
            "{cores} cores; {descriptors} descriptors a process; {wrk}; {rounds} interleaved rounds \
             of {} s, medians",
            measure.as_secs_f64()
        );
        if self.quick {
            println!("Too little to quote.");
        }
    }

    /// So many clients, or as many as this run and the limit of descriptors allow.
    pub fn clients(&self, count: usize) -> usize {
        let wanted = self.count(count);
        let most = self.descriptors.saturating_sub(OTHERS);
        wanted.min(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// So many, or a tenth if it should be quick.
    pub fn count(&self, count: usize) -> usize {
        if self.quick { count.div_ceil(10) } else { count }
    }

    /// So many seconds, or a fifth if it should be quick.
    pub fn seconds(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) / if self.quick { 5 } else { 1 }
    }

    /// The greeting of the README.
    pub fn hello(&self) -> Result<PathBuf> {
        Ok(self.hello.clone())
    }

    /// A guest of the tests.
    pub fn guest(&self, name: &str) -> Result<PathBuf> {
        guest(name)
    }

    /// A new folder, empty, that is removed when it is dropped.
    pub fn new_folder(&self) -> Result<TempDir> {
        Ok(tempfile::tempdir_in(self.folder.path())?)
    }

    /// Says, once for each handler, that it is to be compiled. To compile takes memory,
    /// which would be there afterwards for other uses, and hide them.
    pub fn must_compile(&self, handler: &Path) -> bool {
        self.compiled.borrow_mut().insert(handler.to_owned())
    }

    /// Where compiled handlers are kept during this run.
    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The script that has wrk print its figures in one line.
    pub fn script() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/peers/wrk.lua"))
    }

    /// Waits for a moment in which nobody else uses the machine, but not for ever: on a busy
    /// machine, figures are of a busy machine.
    pub fn quiet(&self) -> Result<()> {
        let began = Instant::now();
        let deadline = began + self.patience.get();
        let (mut busy, mut all) = processors()?;
        while Instant::now() < deadline {
            self.interrupt.sleep(QUIET)?;
            let (busy_now, all_now) = processors()?;
            if (busy_now - busy) * 10 < all_now - all {
                break;
            }
            (busy, all) = (busy_now, all_now);
        }
        self.patience.set(self.patience.get().saturating_sub(began.elapsed()));
        Ok(())
    }

    /// Waits until something is so; says how long that took.
    pub fn wait(
        &self,
        what: &str,
        patience: Duration,
        mut is_so: impl FnMut() -> Result<bool>,
    ) -> Result<Duration> {
        let start = Instant::now();
        while !is_so()? {
            ensure!(start.elapsed() < patience, "not within {patience:?}: {what}");
            self.interrupt.sleep(Duration::from_millis(10))?;
        }
        Ok(start.elapsed())
    }
}

/// The time that all processors were busy, and all the time that they had.
pub fn processors() -> Result<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1);
    let times: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    let idle: u64 = times.iter().skip(3).take(2).sum();
    let all = times.iter().take(8).sum();
    Ok((all - idle, all))
}

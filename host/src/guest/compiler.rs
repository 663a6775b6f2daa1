//! Where components are compiled: in this process, or each in one of its own.
//!
//! How long a component takes to compile, and how much memory, is up to who made it: some
//! tens of kilobytes can take a minute and gigabytes. So a component of a stranger's is
//! compiled in a process that is bounded. What comes back from there runs unchecked, like
//! what the compiler gives in this process.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::bounded::{self, Bounds, Ended, Outcome};
use super::compile_stdin::{GOES_LAST, MEMORY, NO_THREADS, REFUSED};
use super::load::{MAX_COMPILED, quote};
use super::load_error::LoadError;
use crate::processors::processors;

/// How much is read of what a compiler says, in bytes. Less of it is shown.
const MAX_SAID: u64 = 4 << 10;

/// How much of a component is worth another second, in bytes.
const PER_SECOND: u64 = 256 << 10;

/// How many bytes of a usual component one processor compiles in a second. Beside a load that
/// takes all they have taken a second for 650 KB, and a tenth of one more.
const USUAL_PER_SECOND: u64 = 500_000;

/// How large the compiled form of a component may be: so many bytes, and so many more for
/// each of the component's. Small ones, where all is overhead, take some 20 KiB; others up to
/// ten times what they were. It stays in memory, and in the cache.
const MIN_COMPILED: u64 = 8 << 20;
const GROWTH: u64 = 32;

/// What says how many threads the pool of a compiler shall have.
const THREADS: &str = "RAYON_NUM_THREADS";

/// How many threads compile one component at most. Each takes 64 MiB of address space. One that
/// goes last has half of the processors, rounded up: as long as one of them has anything at all
/// to run, the kernel has it take nothing over from others with too much.
const MAX_THREADS: u32 = 4;

/// Compiles components for an [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
pub struct Compiler(Mode);

#[derive(Clone, Debug)]
enum Mode {
    InProcess,
    Command { program: PathBuf, args: Vec<OsString>, limits: CompileLimits, goes_last: bool },
}

/// What it may take to compile one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// How long it may take, and a second more for every 256 KiB of the component. Where others
    /// keep the compiler from the processors, it may take longer, and goes like them then: until it
    /// has had one for as long as usual components of its size take, and four times as long at
    /// the most.
    pub time: Duration,
    /// How much address space the compiler may have, in bytes.
    pub memory: u64,
}

impl Default for CompileLimits {
    /// 5 seconds and 1 GiB.
    fn default() -> Self {
        CompileLimits { time: Duration::from_secs(5), memory: 1 << 30 }
    }
}

impl Compiler {
    /// Compiles in this process and without bounds, so only what can be trusted. This is
    /// what an engine does unless it is told otherwise.
    pub fn in_process() -> Compiler {
        Compiler(Mode::InProcess)
    }

    /// Has each component compiled by a process of its own.
    ///
    /// `program` must be of the same version as this one, and call
    /// [`compile_stdin`](crate::compile_stdin) when it is started with `args`. This very
    /// program, whatever has become of its file, is `/proc/self/exe`. Its environment is
    /// empty, but for what tells it how to work.
    pub fn command(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        limits: CompileLimits,
    ) -> Compiler {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        Compiler(Mode::Command { program: program.into(), args, limits, goes_last: false })
    }

    /// The same compiler, which lets all other processes go first if it is one of its own. Where
    /// those leave it next to nothing, and are none of ours or its time is over, it begins again
    /// and goes like them.
    pub(super) fn going_last(&self) -> Compiler {
        let mut compiler = self.clone();
        if let Mode::Command { goes_last, .. } = &mut compiler.0 {
            *goes_last = true;
        }
        compiler
    }

    pub(super) fn compile(
        &self,
        engine: &wasmtime::Engine,
        component: &[u8],
    ) -> Result<Vec<u8>, LoadError> {
        match &self.0 {
            Mode::InProcess => engine.precompile_component(component).map_err(LoadError::invalid),
            Mode::Command { program, args, limits, goes_last } => {
                let mut bounds = limits.bounds(component.len() as u64, *goes_last);
                loop {
                    let mut command = Command::new(program);
                    command.args(args).env_clear().env(THREADS, bounds.threads.to_string());
                    command.env(MEMORY, limits.memory.to_string());
                    if bounds.goes_last {
                        command.env(GOES_LAST, "1");
                    }
                    let outcome = bounded::run(&mut command, component, bounds);
                    match outcome.map_err(LoadError::NoCompiler)? {
                        Outcome::Ended(ended) => return judge(ended, bounds, limits.memory),
                        Outcome::Late => return Err(LoadError::CompileTime(bounds.time)),
                        Outcome::Crowded => bounds = bounds.going_like_others(),
                    }
                }
            }
        }
    }
}

impl CompileLimits {
    fn bounds(&self, component: u64, goes_last: bool) -> Bounds {
        let more = Duration::from_secs(component / PER_SECOND);
        let time = self.time.saturating_add(more);
        let work = Duration::from_millis(component.saturating_mul(1000) / USUAL_PER_SECOND);
        let work = work.saturating_add(self.time / 40).min(time);
        let output = component.saturating_mul(GROWTH).saturating_add(MIN_COMPILED);
        let (output, threads) = (output.min(MAX_COMPILED), threads(goes_last));
        Bounds { began: Instant::now(), time, work, threads, output, goes_last }
    }
}

impl Bounds {
    fn going_like_others(self) -> Bounds {
        Bounds { threads: threads(false), goes_last: false, ..self }
    }
}

/// How many threads a compiler has.
fn threads(goes_last: bool) -> u32 {
    let processors = processors();
    let processors = if goes_last { processors.div_ceil(2) } else { processors };
    u32::try_from(processors).map_or(MAX_THREADS, |all| all.min(MAX_THREADS))
}

/// What a compiler has made, or why it made nothing.
fn judge(mut ended: Ended, bounds: Bounds, memory: u64) -> Result<Vec<u8>, LoadError> {
    if ended.status.success() {
        return ended.output().map_err(LoadError::NoCompiler);
    }
    let said = ended.errors(MAX_SAID).map_err(LoadError::NoCompiler)?;
    let by_signal = |signal: Signal| ended.status.signal() == Some(signal.as_raw());
    Err(if ended.status.code() == Some(REFUSED.into()) {
        LoadError::Invalid(quote(&said))
    } else if by_signal(Signal::XCPU) {
        LoadError::CompileTime(bounds.time)
    } else if by_signal(Signal::XFSZ) {
        LoadError::CompiledTooLarge(bounds.output)
    } else if by_signal(Signal::KILL) {
        LoadError::CompilerKilled
    } else if OUT_OF_MEMORY.iter().any(|text| said.contains(text)) {
        LoadError::CompileMemory(memory)
    } else {
        LoadError::CompilerDied(ended.status, quote(&said))
    })
}

/// What a process says that ends as it is refused memory: for data, or for its threads and
/// their stacks.
const OUT_OF_MEMORY: [&str; 3] =
    [NO_THREADS, "memory allocation of ", "failed to allocate an alternative stack"];

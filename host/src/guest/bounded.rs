//! A command that is given bytes and gives bytes back, within a time of its own.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, getrlimit, pidfd_open, prlimit};

use crate::cpu_time::process_clock;
use crate::deadline::after;
use crate::processors::processors;

/// Who has less than this part of a processor is kept from its work by others. Nobody goes on
/// for more than this many times its time, whoever keeps it.
const STARVED: u32 = 4;

/// How often is looked at whether it has done enough work to be late.
const LOOK: Duration = Duration::from_millis(50);

/// How long a command that goes last waits for processors that are busy with other programs.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a command may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// When it is to have begun: an attempt before this one counts, too.
    pub(super) began: Instant,
    /// How long it may take. If others leave it no processor, it may take longer.
    pub(super) time: Duration,
    /// How long processors are busy with it in any case, unless that takes far too long.
    pub(super) work: Duration,
    /// How many threads it has.
    pub(super) threads: u32,
    /// How much it may write to each of its outputs, in bytes.
    pub(super) output: u64,
    /// Whether it lets all others go first.
    pub(super) goes_last: bool,
}

/// What became of a command.
pub(super) enum Outcome {
    Ended(Ended),
    /// Its time was over. It has been killed.
    Late,
    /// It went last, and others left it next to nothing. It has been killed.
    Crowded,
}

/// A command that has ended by itself.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    output: File,
    errors: File,
}

/// A process that does not outlive this.
struct Running(Child);

impl Ended {
    /// What it wrote to its standard output.
    pub(super) fn output(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.output.rewind()?;
        self.output.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The beginning of what it wrote to its standard error.
    pub(super) fn errors(&mut self, most: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.errors.rewind()?;
        (&self.errors).take(most).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}

/// Runs a command to its end.
///
/// Its outputs are files in memory, so nobody need read them while it runs.
pub(super) fn run(command: &mut Command, input: &[u8], bounds: Bounds) -> io::Result<Outcome> {
    let (started, clock) = (Instant::now(), process_clock());
    let (output, errors) = (file_in_memory()?, file_in_memory()?);
    command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(errors.try_clone()?);
    let mut process = Running(command.spawn()?);
    // It has been given nothing yet.
    let Bounds { began, time, work, threads, output: most, goes_last } = bounds;
    process.limit(Resource::Fsize, most)?;
    // Should nobody wait for it any more, this ends it.
    process.limit_work(time.saturating_mul(threads))?;
    let last = after(began, time.saturating_mul(STARVED));
    process.give(input, last)?;
    if goes_last && !process.has_ended(after(started, PATIENCE.min(time)))? {
        let own = process_clock().saturating_sub(clock);
        if process.is_crowded_out(started.elapsed(), own) {
            return Ok(Outcome::Crowded);
        }
    }
    let mut has_ended = process.has_ended(after(began, time))?;
    while !has_ended && Instant::now() < last && process.work().is_some_and(|done| done < work) {
        if goes_last {
            return Ok(Outcome::Crowded);
        }
        has_ended = process.has_ended(after(Instant::now(), LOOK).min(last))?;
    }
    if !has_ended {
        return Ok(Outcome::Late);
    }
    Ok(Outcome::Ended(Ended { status: process.0.wait()?, output, errors }))
}

impl Running {
    fn limit(&self, resource: Resource, most: u64) -> io::Result<()> {
        let Rlimit { maximum, .. } = getrlimit(resource);
        let current = Some(maximum.map_or(most, |maximum| maximum.min(most)));
        let process = Some(Pid::from_child(&self.0));
        prlimit(process, resource, Rlimit { current, maximum })?;
        Ok(())
    }

    /// Limits for how long processors may be busy with it, in sum, to the nearest second.
    /// SIGXCPU ends it then.
    fn limit_work(&self, time: Duration) -> io::Result<()> {
        let seconds = time.saturating_add(Duration::from_millis(500)).as_secs();
        self.limit(Resource::Cpu, seconds.max(1))
    }

    /// Whether in that time it had little of the processors, and this process, which had `own`,
    /// not much either.
    fn is_crowded_out(&self, time: Duration, own: Duration) -> bool {
        let processors = processors();
        let all = time.saturating_mul(processors.try_into().unwrap_or(u32::MAX));
        own < all / STARVED && self.work().is_some_and(|work| work < time / STARVED)
    }

    /// How long processors have been busy with it: fields 14 and 15 of proc_pid_stat(5).
    fn work(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(11).map(str::parse::<u64>);
        let ticks = fields.next()?.ok()?.checked_add(fields.next()?.ok()?)?;
        let second = clock_ticks_per_second();
        Some(Duration::from_millis(ticks.checked_mul(1000)?.checked_div(second)?))
    }

    /// Writes to its standard input, and closes that. Whether it reads it all is its own
    /// affair.
    fn give(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let Some(mut pipe) = self.0.stdin.take() else { return Ok(()) };
        ioctl_fionbio(&pipe, true)?;
        while !bytes.is_empty() && wait_for(&pipe, PollFlags::OUT, deadline)? {
            match pipe.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for its end until `deadline`; says whether that has come.
    fn has_ended(&self, deadline: Instant) -> io::Result<bool> {
        let end = pidfd_open(Pid::from_child(&self.0), PidfdFlags::empty())?;
        wait_for(end, PollFlags::IN, deadline)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn file_in_memory() -> io::Result<File> {
    Ok(memfd_create("output", MemfdFlags::CLOEXEC)?.into())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Waits until a descriptor is ready; says whether it was before the deadline.
fn wait_for(descriptor: impl AsFd, flags: PollFlags, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let time = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&descriptor, flags)], Some(&time)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

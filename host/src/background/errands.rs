//! What threads in the background are at, and who helps those who get nowhere.
//!
//! Where others leave nothing of the processors, a thread in the background would keep what
//! its request has, and learn of its deadline when nobody waits for it any more. So one that
//! has not been heard of for a while, or is past its deadline, goes like any other until it is
//! heard of again. So does one that is done: it holds nobody up, and has locks to take.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::thread::{Pid, gettid};

use super::policy;

/// How long a thread may get nowhere: ten times what a guest runs at the most between two looks
/// at its clock. So handlers get on even beside programs that never rest, if threads here may be
/// helped.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a server's threads in the background are at.
#[derive(Debug, Default)]
pub(super) struct Errands(Mutex<Vec<Arc<Errand>>>);

/// What one of them is at. Whoever looks at it from outside waits for no lock: the thread may
/// have that, and no processor.
#[derive(Debug)]
pub(super) struct Errand {
    thread: Pid,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    goes_last: bool,
    /// When it is helped, unless it is heard of before. Nobody waits for one that is done.
    help_at: Option<Instant>,
}

impl Errands {
    /// Adds the present thread.
    pub(super) fn add(&self) -> Arc<Errand> {
        let errand = Arc::new(Errand { thread: gettid(), state: Mutex::default() });
        self.all().push(Arc::clone(&errand));
        errand
    }

    /// Helps those who were to be heard of by now.
    pub(super) fn help(&self, now: Instant) {
        self.all().retain(|errand| {
            let is_kept = Arc::strong_count(errand) > 1;
            if is_kept {
                errand.help(now);
            }
            is_kept
        });
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Errand>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Errand {
    /// Says that the present thread, whose it is, goes on with something that must be over by
    /// `deadline`, and lets all others go first.
    pub(super) fn go_on(&self, deadline: Instant) {
        let help_at = Some(deadline.min(Instant::now() + PATIENCE));
        let before = mem::replace(&mut *self.state(), State { goes_last: true, help_at });
        // Without the lock: who goes last may be without a processor from here on.
        if !before.goes_last {
            // If it cannot be, the thread goes on as it is, which is no worse than before.
            let _ = policy::go_last();
        }
    }

    /// Says that it is done.
    pub(super) fn end(&self) {
        let goes_last = policy::go_like_others(self.thread).is_err();
        *self.state() = State { goes_last, help_at: None };
    }

    /// Helps it if it is time, and again later: it may have been about to go last just now.
    fn help(&self, now: Instant) {
        let Ok(mut state) = self.state.try_lock() else { return };
        if state.help_at.is_some_and(|at| at <= now) {
            state.goes_last &= policy::go_like_others(self.thread).is_err();
            state.help_at = Some(now + PATIENCE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The kernel's policy for the present thread: field 41 of proc_pid_stat(5).
    fn goes_last() -> bool {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(38) == Some("5")
    }

    /// Whether threads here may go like others again.
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    fn may_help() -> bool {
        policy::go_last().unwrap();
        let may = policy::go_like_others(gettid()).is_ok();
        if !may {
            eprintln!("SKIPPED: it takes CAP_SYS_NICE or a limit RLIMIT_NICE of 20");
        }
        may
    }

    #[test]
    fn who_is_not_heard_of_goes_like_others_until_it_is() {
        if !may_help() {
            return;
        }
        let (errands, now) = (Errands::default(), Instant::now());
        let errand = errands.add();
        assert!(!goes_last());
        errand.go_on(now + PATIENCE * 60);
        errands.help(now);
        assert!(goes_last());
        errands.help(Instant::now() + PATIENCE);
        assert!(!goes_last());
        errand.go_on(now + PATIENCE * 60);
        assert!(goes_last());
    }

    #[test]
    fn who_is_past_its_deadline_is_helped_at_once() {
        if !may_help() {
            return;
        }
        let errand = Errands::default().add();
        let now = Instant::now();
        errand.go_on(now);
        errand.help(now);
        assert!(!goes_last());
    }

    #[test]
    fn who_is_done_goes_like_others() {
        if !may_help() {
            return;
        }
        let errand = Errands::default().add();
        errand.go_on(Instant::now());
        assert!(goes_last());
        errand.end();
        assert!(!goes_last());
    }

    #[test]
    fn threads_that_have_ended_are_forgotten() {
        let errands = Errands::default();
        let kept = errands.add();
        drop(errands.add());
        errands.help(Instant::now());
        assert_eq!(errands.all().len(), 1);
        drop(kept);
    }
}

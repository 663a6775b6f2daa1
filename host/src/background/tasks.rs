//! The tasks of threads in the background, and the boost for those that starve.
//!
//! Where others leave nothing of the processors, a thread in the background would keep what
//! its request has, and learn of its deadline when nobody waits for it any more. So one that
//! has made no progress for a while, or is past its deadline, has the normal policy until it
//! makes some. So has one that is done: it holds nobody up, and has locks to take.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::thread::{Pid, gettid};

use super::permits::Permits;
use super::policy;

/// How long a thread may make no progress: ten times what a guest runs at the most between two looks
/// at its clock. So handlers get on even beside programs that never rest, if threads here may be
/// boosted.
const PATIENCE: Duration = Duration::from_millis(100);

/// The tasks of a server's threads in the background.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<Vec<Arc<Task>>>);

/// The task of one of them. Whoever looks at it from outside waits for no lock: the thread may
/// have that, and no processor.
#[derive(Debug)]
pub(super) struct Task {
    thread: Pid,
    state: Mutex<State>,
    /// Whether the thread has a permit to run.
    pub(super) has_permit: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    goes_last: bool,
    /// When it is boosted, unless it makes progress before. One that is done never is.
    boost_at: Option<Instant>,
}

impl Tasks {
    /// Adds the present thread.
    pub(super) fn add(&self) -> Arc<Task> {
        let (state, has_permit) = (Mutex::default(), AtomicBool::new(false));
        let task = Arc::new(Task { thread: gettid(), state, has_permit });
        self.0.lock().push(Arc::clone(&task));
        task
    }

    /// Boosts those that should have made progress by now, and gives their permits to others: what
    /// they wait for is something else, or they get on without one now. Says whether there are any
    /// tasks.
    pub(super) fn boost(&self, now: Instant, permits: &Permits) -> bool {
        let mut tasks = self.0.lock();
        tasks.retain(|task| {
            let is_kept = Arc::strong_count(task) > 1;
            if is_kept {
                task.boost(now, permits);
            }
            is_kept
        });
        !tasks.is_empty()
    }
}

impl Task {
    /// Says that the present thread, whose it is, goes on with something that must be over by
    /// `deadline`, and lets all others go first.
    pub(super) fn go_on(&self, deadline: Instant) {
        let boost_at = Some(deadline.min(Instant::now() + PATIENCE));
        let before = mem::replace(&mut *self.state.lock(), State { goes_last: true, boost_at });
        // Without the lock: who goes last may be without a processor from here on.
        if !before.goes_last {
            // If it cannot be, the thread goes on as it is, which is no worse than before.
            let _ = policy::set_idle_policy();
        }
    }

    /// Says that it is done.
    pub(super) fn end(&self) {
        let goes_last = policy::set_normal_policy(self.thread).is_err();
        *self.state.lock() = State { goes_last, boost_at: None };
    }

    /// Boosts it if it is time, and again later: it may have been about to go last just now.
    fn boost(&self, now: Instant, permits: &Permits) {
        let Some(mut state) = self.state.try_lock() else { return };
        if state.boost_at.is_some_and(|at| at <= now) {
            state.goes_last &= policy::set_normal_policy(self.thread).is_err();
            state.boost_at = Some(now + PATIENCE);
            permits.take_back(&self.has_permit);
        }
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
    fn may_boost() -> bool {
        policy::set_idle_policy().unwrap();
        let may = policy::set_normal_policy(gettid()).is_ok();
        if !may {
            eprintln!("SKIPPED: it takes CAP_SYS_NICE or a limit RLIMIT_NICE of 20");
        }
        may
    }

    #[test]
    fn who_is_not_heard_of_goes_like_others_until_it_is() {
        if !may_boost() {
            return;
        }
        let (tasks, permits, now) = (Tasks::default(), Permits::new(), Instant::now());
        let task = tasks.add();
        assert!(!goes_last());
        task.go_on(now + PATIENCE * 60);
        tasks.boost(now, &permits);
        assert!(goes_last());
        tasks.boost(Instant::now() + PATIENCE, &permits);
        assert!(!goes_last());
        task.go_on(now + PATIENCE * 60);
        assert!(goes_last());
    }

    #[test]
    fn who_is_past_its_deadline_is_helped_at_once() {
        if !may_boost() {
            return;
        }
        let task = Tasks::default().add();
        let now = Instant::now();
        task.go_on(now);
        task.boost(now, &Permits::new());
        assert!(!goes_last());
    }

    #[test]
    fn who_is_done_goes_like_others() {
        if !may_boost() {
            return;
        }
        let task = Tasks::default().add();
        task.go_on(Instant::now());
        assert!(goes_last());
        task.end();
        assert!(!goes_last());
    }

    #[test]
    fn threads_that_have_ended_are_forgotten() {
        let tasks = Tasks::default();
        let kept = tasks.add();
        drop(tasks.add());
        tasks.boost(Instant::now(), &Permits::new());
        assert_eq!(tasks.0.lock().len(), 1);
        drop(kept);
    }
}

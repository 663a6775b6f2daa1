//! What threads in the background are at, and who helps those who get nowhere.
//!
//! Where others leave nothing of the processors, a thread in the background would keep what
//! its request has, and learn of its deadline when nobody waits for it any more. So one that
//! has not been heard of for a while, or is past its deadline, goes like any other until it is
//! heard of again.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::thread::{Pid, gettid};
use tracing::debug;

use super::policy;

/// How long a thread may get nowhere.
const PATIENCE: Duration = Duration::from_secs(1);

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

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing that anybody waits for.
    Idle,
    /// Something of which one will hear by then.
    Until(Instant),
    /// The same, but the thread goes like any other.
    Helped,
}

impl Errands {
    /// Begins that of the present thread.
    pub(super) fn begin(&self, deadline: Instant) -> Arc<Errand> {
        let state = Mutex::new(State::until(deadline));
        let errand = Arc::new(Errand { thread: gettid(), state });
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
    /// Says that the present thread, whose it is, is getting somewhere, and may go last.
    pub(super) fn go_on(&self, deadline: Instant) {
        self.change(State::until(deadline));
    }

    /// Says that there is nothing more to do for now.
    pub(super) fn end(&self) {
        self.change(State::Idle);
    }

    fn change(&self, state: State) {
        let before = {
            let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            mem::replace(&mut *current, state)
        };
        if before == State::Helped {
            // It could a moment ago.
            let _ = policy::go_last();
        }
    }

    fn help(&self, now: Instant) {
        let Ok(mut state) = self.state.try_lock() else { return };
        if matches!(*state, State::Until(then) if then <= now) {
            *state = State::Helped;
            if let Err(error) = policy::go_like_others(self.thread) {
                debug!(%error, "a thread in the background gets nowhere and cannot be helped");
            }
        }
    }
}

impl State {
    fn until(deadline: Instant) -> State {
        State::Until(deadline.min(Instant::now() + PATIENCE))
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

    #[test]
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    fn who_is_not_heard_of_goes_like_others_until_it_is() {
        let (errands, deadline) = (Errands::default(), Instant::now() + PATIENCE * 60);
        let errand = errands.begin(deadline);
        policy::go_last().unwrap();
        if policy::go_like_others(gettid()).is_err() {
            eprintln!("SKIPPED: it takes CAP_SYS_NICE or a limit RLIMIT_NICE of 20");
            return;
        }
        policy::go_last().unwrap();
        errands.help(Instant::now());
        assert!(goes_last());
        errands.help(Instant::now() + PATIENCE);
        assert!(!goes_last());
        errand.go_on(deadline);
        assert!(goes_last());
        errand.end();
        errands.help(Instant::now() + PATIENCE);
        assert!(goes_last());
    }

    #[test]
    fn who_is_past_its_deadline_is_helped_at_once() {
        let errand = Errands::default().begin(Instant::now());
        errand.help(Instant::now());
        assert_eq!(*errand.state.lock().unwrap(), State::Helped);
    }

    #[test]
    fn threads_that_have_ended_are_forgotten() {
        let errands = Errands::default();
        let kept = errands.begin(Instant::now());
        drop(errands.begin(Instant::now()));
        errands.help(Instant::now());
        assert_eq!(errands.all().len(), 1);
        drop(kept);
    }
}

//! Threads that let all others go first: the request threads' background.
//!
//! They run under the kernel's idle policy (`SCHED_IDLE`, see sched(7)), so their time is what
//! others leave; one that starves is boosted for a while ([`tasks`]). To take that policy needs
//! no privilege, but to give it up does. So some threads do nothing else; and a request thread
//! whose handler runs for long takes the policy with it, ends when the handler has, and is
//! replaced.
//!
//! No more of them run at once than there are processors: a thread that is preempted while it
//! holds a lock would stall those in front who want it. Each needs a permit to run, and passes
//! it on when it has run for long ([`permits`]). One that makes no progress, as a disk is slow,
//! loses it.
//!
//! The kernel moves no thread to a processor that is busy with an idle-policy thread, so even
//! one of those makes threads in front wait for each other. While they do ([`pressure`]), a
//! permit is used for a short time only, and a rest of many times that follows.
//!
//! Compilers in processes of their own go last, too, and step aside at a beat.

// A timer for one thread can be had from glibc.
#[cfg(target_env = "gnu")]
mod beat;
mod pressure;
mod tasks;
mod policy;
mod permits;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::thread::Pid;

use crate::account::Account;
use crate::cpu_time::thread_clock;
use permits::{Permits, Usage};
pub(crate) use pressure::Pressure;
use tasks::{Task, Tasks};

/// For which threads something is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Front,
    Background,
}

thread_local! {
    /// The present thread, if it may retreat. Threads of somebody else's may not, who did not ask
    /// for this.
    static MEMBER: RefCell<Option<Member>> = const { RefCell::new(None) };
}

/// A thread that may retreat.
struct Member {
    background: Arc<Background>,
    /// Its task in the background; `None` as long as it is in front.
    task: Option<Arc<Task>>,
    /// What its clock showed when it got its last permit.
    clock: Duration,
}

/// A server's threads in the background: their permits and their tasks.
#[derive(Debug)]
pub(crate) struct Background {
    permits: Permits,
    tasks: Tasks,
}

impl Background {
    pub(crate) fn new() -> Background {
        Background { permits: Permits::new(), tasks: Tasks::default() }
    }

    /// Boosts threads that starve, and has permits rest while those `in_front` wait; to be
    /// called often, by one in front. Says whether there are any threads.
    pub(crate) fn watch(
        &self,
        in_front: impl Iterator<Item = Pid>,
        pressure: &mut Pressure,
    ) -> bool {
        let now = Instant::now();
        let any = self.tasks.boost(now, &self.permits);
        match self.permits.usage(now) {
            Some(Usage::Idle) => {
                pressure.forget();
                self.permits.set_pressure(false);
            }
            Some(Usage::Resting) => {
                pressure.waits(in_front, now);
            }
            Some(Usage::Working) => self.permits.set_pressure(pressure.waits(in_front, now)),
            None => {}
        }
        any
    }
}

/// Begins a process in which threads may go last. It has no other use for SIGALRM.
pub(crate) fn begin_process() -> io::Result<()> {
    #[cfg(target_env = "gnu")]
    beat::step_aside()?;
    Ok(())
}

/// Lets all others go before the present thread for as long as it lives, in a process that was
/// begun with [`begin_process`].
pub(crate) fn go_last() -> io::Result<()> {
    policy::set_idle_policy()?;
    #[cfg(target_env = "gnu")]
    beat::begin()?;
    Ok(())
}

/// Allows the present thread to move to the background when it must. The caller replaces it then.
pub(crate) fn enlist(background: &Arc<Background>) {
    let background = Arc::clone(background);
    MEMBER.set(Some(Member { background, task: None, clock: Duration::ZERO }));
}

/// Makes the present thread one of the background, if it may retreat.
pub(crate) fn join() {
    MEMBER.with_borrow_mut(|member| {
        if let Some(Member { background, task, .. }) = member {
            task.get_or_insert_with(|| background.tasks.add());
        }
    });
}

/// Lets all other threads go before this one from now on, if it may retreat. What it is at
/// must be over by `deadline`.
pub(crate) fn retreat(deadline: Instant) {
    if place() == Place::Front {
        join();
        // Before it goes last: others are to go on with it.
        crate::turns::give_up();
        go_on(deadline);
    }
}

/// Where the present thread is.
pub(crate) fn place() -> Place {
    if in_background(|_, _| ()).is_some() { Place::Background } else { Place::Front }
}

/// In the background, goes on with something that must be over by `deadline`.
pub(crate) fn go_on(deadline: Instant) {
    in_background(|_, task| task.go_on(deadline));
}

/// In the background, is done with it.
pub(crate) fn end() {
    in_background(|_, task| task.end());
}

/// In the background, waits until `deadline` for a permit in a tenant's turn.
pub(crate) fn acquire_permit(deadline: Instant, account: &Arc<Account>) {
    in_background(|member, task| {
        let has_one = task.has_permit.load(Ordering::Relaxed);
        if !has_one && member.background.permits.take(deadline, account) {
            member.clock = thread_clock();
            task.has_permit.store(true, Ordering::Relaxed);
        }
    });
}

/// In the background, goes on with something that must be over by `deadline`, with a permit that
/// it waits for; one that it has already is released first, as others may wait for it.
pub(crate) fn go_on_with_permit(deadline: Instant, account: &Arc<Account>) {
    release_permit();
    acquire_permit(deadline, account);
    go_on(deadline);
}

/// Whether the present thread is in the background while those who go first wait.
pub(crate) fn is_in_the_way() -> bool {
    in_background(|member, _| member.background.permits.is_under_pressure()).unwrap_or(false)
}

/// In the background, releases the permit.
pub(crate) fn release_permit() {
    in_background(|member, task| {
        if task.has_permit.swap(false, Ordering::Relaxed) {
            member.background.permits.give(thread_clock().saturating_sub(member.clock));
        }
    });
}

/// Acts for the present thread, if it is in the background.
fn in_background<T>(act: impl FnOnce(&mut Member, &Task) -> T) -> Option<T> {
    MEMBER.with_borrow_mut(|member| {
        let member = member.as_mut()?;
        let task = Arc::clone(member.task.as_ref()?);
        Some(act(member, &task))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::{iter, thread};

    use super::*;
    use crate::processors::processors;

    #[test]
    fn only_who_is_in_the_background_is_in_the_way_of_those_who_wait() {
        let background = Arc::new(Background::new());
        background.permits.set_pressure(true);
        enlist(&background);
        assert!(!is_in_the_way());
        join();
        assert!(is_in_the_way());
        background.permits.set_pressure(false);
        assert!(!is_in_the_way());
    }

    #[test]
    fn who_waits_for_something_else_keeps_no_permit_from_others() {
        let background = &Arc::new(Background::new());
        let account = &Arc::new(Account::new("a"));
        let late = Instant::now() + Duration::from_secs(60);
        let run = || {
            enlist(background);
            join();
            acquire_permit(late, account);
            go_on(late);
        };
        let (waiting, over) = (&Barrier::new(processors() + 1), &Barrier::new(processors() + 1));
        thread::scope(|scope| {
            for _ in 0..processors() {
                scope.spawn(move || {
                    run();
                    waiting.wait();
                    over.wait();
                    release_permit();
                });
            }
            waiting.wait();
            assert_eq!(background.permits.usage(Instant::now()), Some(Usage::Working));
            let another = scope.spawn(move || {
                run();
                let is_late = Instant::now() >= late;
                release_permit();
                is_late
            });
            let mut pressure = Pressure::default();
            while !another.is_finished() {
                background.watch(iter::empty(), &mut pressure);
                thread::sleep(Duration::from_millis(1));
            }
            over.wait();
            assert!(!another.join().unwrap());
        });
        assert_eq!(background.permits.usage(Instant::now()), Some(Usage::Idle));
    }
}

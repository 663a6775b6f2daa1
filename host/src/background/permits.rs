//! Permits to run for threads in the background: as many as there are processors. Tenants have
//! them in turn, however many threads of theirs want one.
//!
//! While those who go first wait, what a permit was used for is followed by a rest, many times as
//! long, of all permits that are taken from then on. So the background has its part of the
//! processors however long one instruction of a guest's takes, within reason; and it has all of
//! it at once, as beside one permit that is used those who go first are as badly off as beside all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;

use crate::account::Account;
use crate::deadline::after;
use crate::processors::processors;

/// How much longer permits rest than processors were busy with one of them.
const REST: u32 = 15;

/// How long they rest at the most: one instruction of one guest's can take long.
const MOST_REST: Duration = Duration::from_millis(300);

/// Those that nobody has, and who waits for one. Who looks at them from outside waits for no
/// lock: a thread in the background may have it, and no processor.
#[derive(Debug)]
pub(super) struct Permits {
    state: Mutex<State>,
    /// Whether those who go first waited when permits were last used.
    is_under_pressure: AtomicBool,
}

/// What is done with permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Nobody has one.
    Idle,
    /// Who has one rests, but for those who are in the midst of something.
    Resting,
    /// Somebody may use one.
    Working,
}

#[derive(Debug)]
struct State {
    count: usize,
    free: usize,
    waiting: VecDeque<Waiting>,
    /// How many were given to tenants so far.
    given: u64,
    /// Until when who has one does nothing with it.
    rest_until: Option<Instant>,
}

/// One who waits for a permit.
#[derive(Debug)]
struct Waiting {
    account: Arc<Account>,
    sender: Sender<()>,
}

impl State {
    /// The next permit is for this tenant.
    fn give_to(&mut self, account: &Account) {
        self.given += 1;
        account.set_turn(self.given);
    }

    /// A permit that somebody had is for the next tenant.
    fn pass_on(&mut self) {
        match self.take_next() {
            Some(waiting) => {
                self.give_to(&waiting.account);
                // It has room for one, and a receiver for as long as it was in the line.
                let _ = waiting.sender.send(());
            }
            None => self.free += 1,
        }
    }

    /// Who has waited longest, of the tenant that has waited longest for its turn.
    fn take_next(&mut self) -> Option<Waiting> {
        let turns = self.waiting.iter().map(|waiting| waiting.account.turn()).enumerate();
        let (place, _) = turns.min_by_key(|&(_, turn)| turn)?;
        self.waiting.remove(place)
    }
}

impl Permits {
    /// With as many as there are processors.
    pub(super) fn new() -> Permits {
        let count = processors();
        let waiting = VecDeque::new();
        let state = State { count, free: count, waiting, given: 0, rest_until: None };
        Permits { state: Mutex::new(state), is_under_pressure: AtomicBool::new(false) }
    }

    /// Waits for one until `deadline`, and while they rest. Says whether there was one.
    pub(super) fn take(&self, deadline: Instant, account: &Arc<Account>) -> bool {
        let has_permit = self.wait(deadline, account);
        // Nobody is to wait for the lock meanwhile.
        let rest_until = self.state.lock().rest_until;
        if has_permit && let Some(until) = rest_until {
            thread::sleep(until.min(deadline).saturating_duration_since(Instant::now()));
        }
        has_permit
    }

    fn wait(&self, deadline: Instant, account: &Arc<Account>) -> bool {
        let mut state = self.state.lock();
        if state.free > 0 {
            state.free -= 1;
            state.give_to(account);
            return true;
        }
        let (sender, receiver) = bounded(1);
        state.waiting.push_back(Waiting { account: Arc::clone(account), sender: sender.clone() });
        drop(state);
        receiver.recv_deadline(deadline).is_ok() || {
            self.state.lock().waiting.retain(|waiting| !waiting.sender.same_channel(&sender));
            // It may have come just now.
            receiver.try_recv().is_ok()
        }
    }

    /// Gives one, with which processors were busy for so long, to the next tenant.
    pub(super) fn give(&self, busy: Duration) {
        let mut state = self.state.lock();
        if self.is_under_pressure() {
            let until = after(Instant::now(), busy.saturating_mul(REST).min(MOST_REST));
            state.rest_until = state.rest_until.max(Some(until));
        }
        state.pass_on();
    }

    /// Gives that of a thread that makes no use of it to the next tenant, if the thread has one and
    /// nobody has to be waited for.
    pub(super) fn take_back(&self, has_permit: &AtomicBool) {
        if let Some(mut state) = self.state.try_lock()
            && has_permit.swap(false, Ordering::Relaxed)
        {
            state.pass_on();
        }
    }

    /// What is done with them, as far as is known without waiting.
    pub(super) fn usage(&self, now: Instant) -> Option<Usage> {
        let state = self.state.try_lock()?;
        Some(if state.free == state.count {
            Usage::Idle
        } else if state.rest_until.is_some_and(|until| until > now) {
            Usage::Resting
        } else {
            Usage::Working
        })
    }

    /// Says whether those who go first wait.
    pub(super) fn set_pressure(&self, is_under_pressure: bool) {
        self.is_under_pressure.store(is_under_pressure, Ordering::Relaxed);
    }

    /// Whether those who go first waited when permits were last used.
    pub(super) fn is_under_pressure(&self) -> bool {
        self.is_under_pressure.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn tenant(name: &str) -> Arc<Account> {
        Arc::new(Account::new(name))
    }

    /// Permits, all of which are taken.
    fn all_taken() -> Permits {
        let permits = Permits::new();
        while permits.state.lock().free > 0 {
            assert!(permits.take(late(), &tenant("a")));
        }
        permits
    }

    #[test]
    fn permits_go_from_tenant_to_tenant_and_to_who_has_waited_longest_of_each() {
        let (permits, order) = (&all_taken(), &Mutex::new(Vec::new()));
        let (a, b) = (tenant("a"), tenant("b"));
        thread::scope(|scope| {
            for (waiter, tenant) in [&a, &a, &a, &b, &b].into_iter().enumerate() {
                scope.spawn(move || {
                    assert!(permits.take(late(), tenant));
                    order.lock().push((&*tenant.name, waiter));
                    permits.give(Duration::ZERO);
                });
                while permits.state.lock().waiting.len() <= waiter {
                    thread::yield_now();
                }
            }
            permits.give(Duration::ZERO);
        });
        let order = order.lock();
        assert_eq!(*order, [("a", 0), ("b", 3), ("a", 1), ("b", 4), ("a", 2)]);
    }

    #[test]
    fn who_has_waited_in_vain_is_not_given_a_permit() {
        let permits = all_taken();
        assert!(!permits.take(Instant::now() + SOON, &tenant("a")));
        permits.give(Duration::ZERO);
        assert_eq!(permits.state.lock().free, 1);
    }

    #[test]
    fn permits_rest_for_longer_than_one_was_used_while_others_wait() {
        let permits = Permits::new();
        assert_eq!(permits.usage(Instant::now()), Some(Usage::Idle));
        permits.set_pressure(true);
        assert!(permits.take(late(), &tenant("a")));
        let before = Instant::now();
        permits.give(SOON);
        assert!(permits.take(late(), &tenant("a")));
        assert!(before.elapsed() >= SOON * REST);
        let until = permits.state.lock().rest_until.unwrap();
        assert_eq!(permits.usage(until - SOON), Some(Usage::Resting));
        assert_eq!(permits.usage(until), Some(Usage::Working));
    }

    #[test]
    fn a_longer_rest_is_not_cut_short() {
        let permits = all_taken();
        permits.set_pressure(true);
        permits.give(SOON);
        let until = permits.state.lock().rest_until;
        permits.give(Duration::ZERO);
        assert_eq!(permits.state.lock().rest_until, until);
    }

    #[test]
    fn a_rest_is_bounded_however_long_a_permit_was_used() {
        let permits = all_taken();
        permits.set_pressure(true);
        permits.give(Duration::MAX);
        assert!(permits.state.lock().rest_until.unwrap() <= Instant::now() + MOST_REST);
    }

    #[test]
    fn permits_do_not_rest_while_nobody_waits() {
        let permits = all_taken();
        permits.give(SOON);
        assert_eq!(permits.state.lock().rest_until, None);
    }

    #[test]
    fn nobody_waits_for_who_rests() {
        let permits = Permits::new();
        permits.state.lock().rest_until = Some(late());
        let deadline = Instant::now() + SOON * 50;
        thread::scope(|scope| {
            let resting = scope.spawn(|| permits.take(deadline, &tenant("a")));
            while permits.usage(Instant::now()) != Some(Usage::Resting) {
                thread::yield_now();
            }
            thread::sleep(SOON);
            assert!(permits.state.try_lock().is_some());
            assert!(!resting.is_finished());
        });
    }
}

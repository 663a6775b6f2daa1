//! What a tenant has in use, over all its handlers and over every reload.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::journal::Journal;
use crate::rate::{Bucket, Fill, Seldom};

/// How much of a processor's time a tenant's long handlers have like anyone's, in
/// nanoseconds for each second, and at most at once. What they take beyond that they
/// have of what others leave.
const CREDIT: Fill = Fill { per_second: 0.005 * 1e9, most: 0.05 * 1e9 };

/// How much credit a tenant must have left to owe nothing, in nanoseconds.
const LEAST_CREDIT: f64 = 0.01 * 1e9;

/// One tenant's account.
#[derive(Debug)]
pub(crate) struct Account {
    /// The tenant's name.
    pub(crate) name: String,
    memory: AtomicUsize,
    max_memory: AtomicUsize,
    /// How many bytes of requests and answers its connections hold.
    buffered: AtomicUsize,
    log: Mutex<Bucket>,
    faults: Mutex<Bucket>,
    log_rate: AtomicUsize,
    /// How many bytes its handlers wrote that did not reach the log.
    dropped: AtomicU64,
    /// The last that it had to do with, if somebody may want to see it.
    journal: OnceLock<Journal>,
    /// When it was last said that something of the two streams did not reach the log.
    told: [Seldom; 2],
    credit: Mutex<Bucket>,
    /// When its long handlers last had a turn in the background; turns count from 1.
    turn: AtomicU64,
    /// Whether the credit has been used up, and may still be.
    owed: AtomicBool,
    /// Whether the tenant is the only one.
    alone: AtomicBool,
}

impl Account {
    pub(crate) fn new(name: &str) -> Account {
        Account {
            name: name.to_owned(),
            memory: AtomicUsize::new(0),
            max_memory: AtomicUsize::new(usize::MAX),
            buffered: AtomicUsize::new(0),
            log: Mutex::default(),
            faults: Mutex::default(),
            log_rate: AtomicUsize::new(usize::MAX),
            dropped: AtomicU64::new(0),
            journal: OnceLock::new(),
            told: Default::default(),
            credit: Mutex::default(),
            turn: AtomicU64::new(0),
            owed: AtomicBool::new(false),
            alone: AtomicBool::new(true),
        }
    }

    /// Sets how many bytes of memory all live instances may have, how many bytes may reach
    /// the log in a second, and whether there is no other tenant.
    pub(crate) fn set_bounds(
        &self,
        max_memory: Option<usize>,
        log_rate: Option<usize>,
        alone: bool,
    ) {
        self.set_alone(alone);
        self.max_memory.store(max_memory.unwrap_or(usize::MAX), Ordering::Relaxed);
        self.log_rate.store(log_rate.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// Says whether there is no other tenant.
    pub(crate) fn set_alone(&self, alone: bool) {
        self.alone.store(alone, Ordering::Relaxed);
    }

    /// Counts memory that an instance is about to have, if there is so much left.
    pub(crate) fn take_memory(&self, bytes: usize) -> bool {
        let max = self.max_memory.load(Ordering::Relaxed);
        let taken = self.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |memory| {
            memory.checked_add(bytes).filter(|&memory| memory <= max)
        });
        taken.is_ok()
    }

    /// Counts memory that an instance no longer has.
    pub(crate) fn give_memory(&self, bytes: usize) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many bytes of memory live instances have.
    pub(crate) fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// How many bytes of requests and answers its connections hold.
    pub(crate) fn buffered(&self) -> &AtomicUsize {
        &self.buffered
    }

    /// Whether its connections may hold what they do, where so many bytes are free: no more
    /// than are left for others, if there are any.
    pub(crate) fn may_buffer(&self, free: usize) -> bool {
        self.alone.load(Ordering::Relaxed) || self.buffered.load(Ordering::Relaxed) <= free
    }

    /// Whether it may be said that something of a stream did not reach the log: once a
    /// second.
    pub(crate) fn may_tell_dropped(&self, stream: &str) -> bool {
        let [out, err] = &self.told;
        let told = if stream == "stderr" { err } else { out };
        told.may(Duration::from_secs(1))
    }

    /// Whether so many bytes more may reach the log.
    pub(crate) fn may_log(&self, bytes: usize) -> bool {
        self.has_room(&self.log, bytes)
    }

    /// Whether what is said of a fault, in so many bytes, may reach the log; counts it
    /// otherwise. What guests print takes nothing from this.
    pub(crate) fn may_log_fault(&self, bytes: usize) -> bool {
        let may = self.has_room(&self.faults, bytes);
        if !may {
            self.count_dropped(bytes);
        }
        may
    }

    fn has_room(&self, log: &Mutex<Bucket>, bytes: usize) -> bool {
        let rate = self.log_rate.load(Ordering::Relaxed);
        let fill = Fill { per_second: rate as f64, most: rate as f64 };
        rate == usize::MAX || {
            let mut log = log.lock();
            log.try_take(bytes as f64, fill, Instant::now())
        }
    }

    /// Counts bytes that did not reach the log.
    pub(crate) fn count_dropped(&self, bytes: usize) {
        self.dropped.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many bytes did not reach the log.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Keeps a journal from now on, as one of so many tenants.
    pub(crate) fn keep_journal(&self, tenants: usize) {
        self.journal.get_or_init(Journal::default).share(tenants);
    }

    /// The journal, if one is kept.
    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.get()
    }

    /// When its long handlers last had a turn in the background; 0 if they never had one.
    pub(crate) fn turn(&self) -> u64 {
        self.turn.load(Ordering::Relaxed)
    }

    pub(crate) fn set_turn(&self, turn: u64) {
        self.turn.store(turn, Ordering::Relaxed);
    }

    /// Whether long handlers have used up what they may have like anyone's. Waits for no
    /// lock: who has it may have no processor.
    pub(crate) fn owes(&self) -> bool {
        self.owed.load(Ordering::Relaxed) && {
            let credit = self.credit.try_lock();
            let now = Instant::now();
            let owes = credit.as_ref().is_none_or(|it| !it.has(LEAST_CREDIT, CREDIT, now));
            // With the lock: somebody may be about to owe more.
            self.owed.store(owes, Ordering::Relaxed);
            owes
        }
    }

    /// Takes so much of a processor's time that a long handler has had from the credit, and
    /// says whether there was as much. Where there is nobody else, there is.
    pub(crate) fn has_credit(&self, time: Duration) -> bool {
        if self.alone.load(Ordering::Relaxed) {
            return true;
        }
        let (time, now) = (time.as_nanos() as f64, Instant::now());
        let mut credit = self.credit.lock();
        let has_credit = credit.has(time, CREDIT, now);
        credit.take(time, CREDIT, now);
        if !has_credit {
            self.owed.store(true, Ordering::Relaxed);
        }
        has_credit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_instances() {
        let account = Account::new("a");
        assert!(account.take_memory(usize::MAX));
        account.give_memory(usize::MAX);
        account.set_bounds(Some(100), None, false);
        assert!(account.take_memory(60));
        assert!(!account.take_memory(41));
        assert!(account.take_memory(40));
        account.give_memory(60);
        assert_eq!(account.memory(), 40);
    }

    #[test]
    fn a_tenant_holds_no_more_than_it_leaves_to_others() {
        let account = Account::new("a");
        account.buffered().store(60, Ordering::Relaxed);
        assert!(account.may_buffer(40));
        account.set_bounds(None, None, false);
        assert!(!account.may_buffer(40));
        account.buffered().store(50, Ordering::Relaxed);
        assert!(account.may_buffer(50));
        assert!(!account.may_buffer(49));
    }

    #[test]
    fn what_guests_print_leaves_room_for_faults() {
        let account = Account::new("a");
        account.set_bounds(None, Some(1000), false);
        assert!(account.may_log(1000));
        assert!(!account.may_log(1000));
        assert!(account.may_log_fault(900));
        assert_eq!(account.dropped(), 0);
        assert!(!account.may_log_fault(900));
        assert_eq!(account.dropped(), 900);
    }

    #[test]
    fn an_allowance_is_spent_and_comes_back() {
        let account = Account::new("a");
        assert!(account.may_log(usize::MAX));
        account.set_bounds(None, Some(1000), false);
        assert!(account.may_log(1000));
        assert!(!account.may_log(1000));
        let deadline = Instant::now() + Duration::from_secs(10);
        while !account.may_log(10) {
            assert!(Instant::now() < deadline);
        }
    }

    #[test]
    fn long_handlers_have_credit_for_a_while() {
        let account = Account::new("a");
        assert!(account.has_credit(Duration::MAX));
        account.set_bounds(None, None, false);
        let tick = Duration::from_millis(10);
        let ticks = (0..1000).take_while(|_| account.has_credit(tick)).count();
        assert!((5..8).contains(&ticks), "{ticks}");
    }
}

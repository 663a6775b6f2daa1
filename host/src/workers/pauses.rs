//! Connections whose clients are to wait for their answers for a while.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::connection::Connection;
use crate::exchange::PAUSE;

/// How many pauses end at once, if they are not very many. As many may have begun together, of
/// clients that ask again as soon as they are answered: all others would have to wait for all of
/// them.
const AT_ONCE: usize = 16;

/// In how many times they all end, however many they are: in about a second, as somebody looks
/// every 5 ms.
const TIMES: usize = 200;

/// Connections that pause, and since when.
#[derive(Default)]
pub(super) struct Pauses(Mutex<VecDeque<(Instant, Connection)>>);

impl Pauses {
    pub(super) fn begin(&self, connection: Connection) {
        self.all().push_back((Instant::now(), connection));
    }

    pub(super) fn are_any(&self) -> bool {
        !self.all().is_empty()
    }

    /// Ends some of those pauses that are over at that time.
    pub(super) fn take_ended(&self, now: Instant) -> Vec<Connection> {
        let mut all = self.all();
        let is_over = |since: Instant| now.saturating_duration_since(since) >= PAUSE;
        let most = at_once(all.len());
        let over = all.iter().take(most).take_while(|(since, _)| is_over(*since)).count();
        let ended = all.drain(..over).map(|(_, mut connection)| {
            // It is refused no sooner than now.
            connection.refused = Some(now);
            connection
        });
        ended.collect()
    }

    pub(super) fn take_all(&self) -> impl Iterator<Item = Connection> {
        mem::take(&mut *self.all()).into_iter().map(|(_, connection)| connection)
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<(Instant, Connection)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of so many pauses end at once.
fn at_once(count: usize) -> usize {
    AT_ONCE.max(count.div_ceil(TIMES))
}

#[cfg(test)]
mod tests {
    use super::super::tests::connection;
    use super::*;

    #[test]
    fn pauses_that_began_together_do_not_end_together() {
        let (pauses, before) = (Pauses::default(), Instant::now());
        (0..AT_ONCE + 1).for_each(|_| pauses.begin(connection()));
        let after = Instant::now() + PAUSE;
        let ended = [before, after, after].map(|now| pauses.take_ended(now).len());
        assert_eq!(ended, [0, AT_ONCE, 1]);
        assert!(!pauses.are_any());
    }

    #[test]
    fn as_many_as_there_may_be_end_in_as_many_times() {
        assert_eq!([0, 1, 3200].map(at_once), [AT_ONCE; 3]);
        for count in [20_000, 20_001, usize::MAX] {
            assert!(count / at_once(count) <= TIMES);
        }
    }
}

//! Connections whose clients are to wait for their answers for a while.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::connection::Connection;
use crate::exchange::PAUSE;

/// How many pauses end at once. As many may have begun together, of clients that ask again as soon
/// as they are answered: all others would have to wait for all of them.
const AT_ONCE: usize = 16;

/// For how long the first may have waited. For each time more, as many more end at once: so of
/// 20 000 that wait the last has waited for a second and a half.
const PATIENCE: Duration = Duration::from_millis(200);

/// Connections that pause, and since when.
#[derive(Default)]
pub(super) struct Pauses(Mutex<VecDeque<(Instant, Connection)>>);

impl Pauses {
    pub(super) fn begin(&self, connection: Connection) {
        self.0.lock().push_back((Instant::now(), connection));
    }

    pub(super) fn are_any(&self) -> bool {
        !self.0.lock().is_empty()
    }

    /// Ends some of those pauses that are over at that time.
    pub(super) fn take_ended(&self, now: Instant) -> Vec<Connection> {
        let mut all = self.0.lock();
        let over = count_ended(&all, now);
        let ended = all.drain(..over).map(|(_, mut connection)| {
            // It is refused no sooner than now.
            connection.refused = Some(now);
            connection
        });
        ended.collect()
    }

    pub(super) fn take_all(&self) -> impl Iterator<Item = Connection> {
        mem::take(&mut *self.0.lock()).into_iter().map(|(_, connection)| connection)
    }
}

/// How many of those who wait, and since when they do, have waited for long enough at that time.
fn count_ended<T>(line: &VecDeque<(Instant, T)>, now: Instant) -> usize {
    let time = |since: &Instant| now.saturating_duration_since(*since);
    let waited = line.front().map_or(Duration::ZERO, |(since, _)| time(since));
    let times = waited.as_millis() / PATIENCE.as_millis() + 1;
    let most = AT_ONCE.saturating_mul(times.try_into().unwrap_or(usize::MAX));
    line.iter().take(most).take_while(|(since, _)| time(since) >= PAUSE).count()
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
    fn however_many_wait_they_do_not_wait_for_long() {
        let began = Instant::now();
        let mut line: VecDeque<_> = (0..20_000).map(|_| (began, ())).collect();
        let (mut now, mut most) = (began + PAUSE, 0);
        while !line.is_empty() {
            let ended = count_ended(&line, now);
            most = most.max(ended);
            line.drain(..ended);
            // As often as somebody looks.
            now += Duration::from_millis(5);
        }
        assert!(now - began < Duration::from_millis(1600), "{:?}", now - began);
        assert!(most <= 8 * AT_ONCE, "{most} at once");
    }
}

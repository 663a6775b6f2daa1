//! Counts, one for each of the words that something can be.

use std::array;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::words::Word;
use crate::{CloseReason, Limit, Reason};

/// How often there was each of `N` words.
#[derive(Debug)]
pub(crate) struct Counts<W, const N: usize> {
    counters: [AtomicU64; N],
    words: PhantomData<W>,
}

pub(crate) type ByReason = Counts<Reason, { Reason::ALL.len() }>;
pub(crate) type ByLimit = Counts<Limit, { Limit::ALL.len() }>;
pub(crate) type ByCloseReason = Counts<CloseReason, { CloseReason::ALL.len() }>;

impl<W, const N: usize> Default for Counts<W, N> {
    fn default() -> Self {
        Counts { counters: array::from_fn(|_| AtomicU64::new(0)), words: PhantomData }
    }
}

impl<W: Word, const N: usize> Counts<W, N> {
    pub(crate) fn count(&self, word: W) {
        if let Some(counter) = self.counters.get(word.number()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The words that there were, and how often.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (W, u64)> {
        let counts = self.counters.iter().map(|counter| counter.load(Ordering::Relaxed));
        W::ALL.iter().copied().zip(counts).filter(|&(_, count)| count > 0)
    }

    /// The same, by the words themselves.
    pub(crate) fn by_word(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts().map(|(word, count)| (word.word(), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_count_of_its_own() {
        let counts = ByReason::default();
        for &reason in Reason::ALL {
            counts.count(reason);
        }
        counts.count(Reason::Trap);
        assert_eq!(counts.counts().count(), Reason::ALL.len());
        let often: Vec<_> = counts.by_word().filter(|&(_, count)| count > 1).collect();
        assert_eq!(often, [("trap", 2)]);
    }
}

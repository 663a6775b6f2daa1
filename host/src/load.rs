//! How many connections there are, and how much of requests and responses they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::account::Account;

/// How many bytes a connection may hold that nobody counts.
pub(crate) const UNCOUNTED: usize = 16 << 10;

/// How many connections there are, and how many bytes of requests and responses they
/// hold beyond a little each.
pub(crate) struct Load {
    connections: AtomicUsize,
    bytes: AtomicUsize,
    /// That of those whose tenant is not known yet.
    nobody: Account,
}

impl Default for Load {
    fn default() -> Load {
        let nobody = Account::new("");
        nobody.set_bounds(None, None, false);
        Load { connections: AtomicUsize::default(), bytes: AtomicUsize::default(), nobody }
    }
}

impl Load {
    /// The account of those whose tenant is not known yet.
    pub(crate) fn nobody(&self) -> &Account {
        &self.nobody
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// What one connection adds to the load while it lives.
pub(crate) struct Share {
    load: Arc<Load>,
    held: Option<Held>,
}

impl Share {
    /// That of one connection more, if there are fewer than `most`.
    pub(crate) fn of(load: &Arc<Load>, most: usize) -> Option<Share> {
        let one_more = |count| (count < most).then_some(count + 1);
        load.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Share { load: Arc::clone(load), held: None })
    }

    /// Holds so many bytes. If they are many they are on this account, or on the one that they
    /// were on before. Says whether they are.
    pub(crate) fn hold(&mut self, bytes: usize, account: Option<&Arc<Account>>) -> bool {
        match &mut self.held {
            held if bytes <= UNCOUNTED => *held = None,
            Some(held) if held.is_on(account) => held.resize(bytes),
            held => *held = Some(Held::new(&self.load, account.cloned(), bytes)),
        }
        self.held.is_some()
    }

    /// Whether what it holds is counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.held.is_some()
    }

    /// Holds what is counted already, in the place of what it held before.
    pub(crate) fn take_over(&mut self, held: Option<Held>) {
        self.held = held;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that are counted as long as this lives.
pub(crate) struct Held {
    load: Arc<Load>,
    /// None for nobody's.
    account: Option<Arc<Account>>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(load: &Arc<Load>, account: Option<Arc<Account>>, bytes: usize) -> Held {
        let mut held = Held { load: Arc::clone(load), account, bytes: 0 };
        held.resize(bytes);
        held
    }

    /// Whether the bytes are on this account; if it is none, whatever account they are on.
    fn is_on(&self, account: Option<&Arc<Account>>) -> bool {
        account.is_none_or(|it| self.account.as_ref().is_some_and(|own| Arc::ptr_eq(own, it)))
    }

    fn resize(&mut self, bytes: usize) {
        let account = self.account.as_deref().unwrap_or(&self.load.nobody);
        for count in [&self.load.bytes, account.buffered()] {
            // By the difference: nobody may see both.
            match bytes.checked_sub(self.bytes) {
                Some(more) => count.fetch_add(more, Ordering::Relaxed),
                None => count.fetch_sub(self.bytes - bytes, Ordering::Relaxed),
            };
        }
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_once_and_given_back() {
        let load = Arc::new(Load::default());
        let account = Arc::new(Account::new("a"));
        let mut share = Share::of(&load, 1).unwrap();
        assert!(Share::of(&load, 1).is_none());
        share.hold(UNCOUNTED, Some(&account));
        assert_eq!((load.connections(), load.bytes()), (1, 0));
        share.hold(UNCOUNTED + 1, Some(&account));
        share.hold(1 << 20, None);
        assert_eq!(load.bytes(), 1 << 20);
        let held = Held::new(&load, None, 1 << 10);
        assert_eq!(load.bytes(), (1 << 20) + (1 << 10));
        share.take_over(Some(held));
        assert_eq!(load.bytes(), 1 << 10);
        share.hold(0, None);
        assert_eq!(load.bytes(), 0);
        share.hold(1 << 20, None);
        drop(share);
        assert_eq!((load.connections(), load.bytes()), (0, 0));
    }
}

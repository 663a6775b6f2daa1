//! Waits for sockets, on as many threads as care to wait.
//!
//! A thin cover over epoll (Linux). An event wakes one thread, of several that wait the
//! one that came last, whose caches are warm. A client's socket is armed once for whatever
//! it has to read, and then tells of what is new: who has read all that there was waits
//! again without a system call. Who has not, or may have missed what is new, arms it again.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes to read, a client to accept, or an end.
    Readable,
    /// Room to write, or an end.
    Writable,
}

/// An epoll instance, an event that wakes every thread for good, and one that wakes one
/// thread once.
pub(crate) struct Poller {
    epoll: OwnedFd,
    wake: OwnedFd,
    nudge: OwnedFd,
}

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The socket with this key is ready. Nothing new will come from a client that has
    /// hung up, or that said that it will send no more.
    Ready { key: u64, hung_up: bool },
    /// None is, but there is something else to do.
    Nudged,
    /// All is over.
    Woken,
}

/// The keys of the events that [`Poller::wake_all`] and [`Poller::nudge`] cause. All
/// others are below them.
const WAKE: u64 = u64::MAX;
const NUDGE: u64 = u64::MAX - 1;

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        let nudge = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let once = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &nudge, EventData::new_u64(NUDGE), once)?;
        Ok(Poller { epoll, wake, nudge })
    }

    /// Watches a listener: as long as clients wait, every wait ends.
    pub(crate) fn watch(&self, listener: impl AsFd, key: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, listener, EventData::new_u64(key), EventFlags::IN)?)
    }

    /// Stops watching a listener.
    pub(crate) fn unwatch(&self, listener: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, listener)?)
    }

    /// Arms a socket for the first time. Its key comes back with its events: for what it has
    /// to read with each that is new, for room to write with one.
    pub(crate) fn add(&self, socket: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key), flags(interest))?)
    }

    /// Arms a socket again.
    pub(crate) fn rearm(&self, socket: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key), flags(interest))?)
    }

    /// Waits for one event.
    pub(crate) fn wait(&self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.take(None)? {
                return Ok(event);
            }
        }
    }

    /// An event that is there already, if there is one.
    pub(crate) fn look(&self) -> io::Result<Option<Event>> {
        self.take(Some(&Timespec::default()))
    }

    fn take(&self, timeout: Option<&Timespec>) -> io::Result<Option<Event>> {
        let mut room = [MaybeUninit::uninit()];
        let events = match epoll::wait(&self.epoll, &mut room, timeout) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(events.first().map(|event| match event.data.u64() {
            WAKE => Event::Woken,
            NUDGE => Event::Nudged,
            key => Event::Ready { key, hung_up: { event.flags }.intersects(HUNG_UP) },
        }))
    }

    /// Makes one present or later wait end.
    pub(crate) fn nudge(&self) {
        // It fails only when the counter is full, and then the event is there.
        let _ = rustix::io::write(&self.nudge, &1_u64.to_ne_bytes());
    }

    /// Makes every present and later wait end at once.
    pub(crate) fn wake_all(&self) -> io::Result<()> {
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

const HUNG_UP: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Readable => EventFlags::IN | EventFlags::RDHUP | EventFlags::ET,
        Interest::Writable => EventFlags::OUT | EventFlags::ONESHOT,
    }
}

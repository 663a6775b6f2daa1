//! One client's connection, and how far its request has come.

use std::io;
use std::mem;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionread;
use socket2::SockRef;

use crate::background::Place;
use crate::catalog::Endpoint;
use crate::deadline::after;
use crate::http1::{self, Receiver};
use crate::load::{Held, Share};
use crate::poller::Interest;
use crate::stage::{Output, Stage, Then};
use crate::transport::{Follows, HUNG_UP, Moved, Transport, is_polled};
use crate::{CloseReason, RequestId};

/// How much room is made for a read, at least and at most.
const READ_MIN: usize = 4 << 10;
const READ_MAX: usize = 256 << 10;

/// How much of a body is written at once: a kernel without preemption runs nobody else while it
/// copies this.
const WRITE_MAX: usize = 128 << 10;

/// The slowest that a client may send a body or take a response, once its time is up,
/// in bytes a second.
const MIN_RATE: u32 = 16 << 10;

/// A client's connection. It goes from thread to thread and is owned by one at a time.
pub(crate) struct Connection {
    transport: Transport,
    /// The client's address, if it is known.
    pub(crate) client: Option<IpAddr>,
    /// The request's name in the log.
    pub(crate) id: RequestId,
    /// What has been received and not yet used.
    pub(crate) input: Vec<u8>,
    /// What is left of an interim response that has been sent in part.
    owed: &'static [u8],
    /// Where in its life the connection is.
    pub(crate) stage: Stage,
    /// When the present stage must be over.
    pub(crate) deadline: Instant,
    /// How long the present stage may last by itself.
    timeout: Duration,
    /// When it began, or something was moved in it.
    moved: Instant,
    /// When its client was accepted, or the first byte of its present request came.
    pub(crate) began: Instant,
    /// When the present request was complete.
    pub(crate) complete: Instant,
    /// What the present request is for, once its head is complete.
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    /// Where its present request may run, if it has a slot for that.
    pub(crate) slot: Option<Place>,
    /// How many requests have been answered on it.
    pub(crate) answered: u32,
    /// When its client was last refused.
    pub(crate) refused: Option<Instant>,
    /// What the poller tells of the socket, if it knows it.
    pub(crate) armed: Option<Interest>,
    /// Whether all has been read that was there before the poller's next event.
    is_read: bool,
    /// Whether the poller has nothing new to tell, as the client sends no more.
    pub(crate) hung_up: bool,
    /// What this connection adds to the server's load.
    share: Share,
}

impl Connection {
    pub(crate) fn new(
        transport: Transport,
        client: Option<IpAddr>,
        id: RequestId,
        began: Instant,
        deadline: Instant,
        share: Share,
    ) -> Connection {
        Connection {
            transport,
            client,
            id,
            input: Vec::new(),
            owed: &[],
            stage: Stage::Receive(Receiver::default()),
            deadline,
            timeout: deadline.saturating_duration_since(began),
            moved: began,
            began,
            complete: began,
            endpoint: None,
            slot: None,
            answered: 0,
            refused: None,
            armed: None,
            is_read: false,
            hung_up: false,
            share,
        }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        self.transport.socket()
    }

    /// Whether there is to be a TLS session that is not there yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.transport.is_handshaking()
    }

    /// Gives a request that begins now so long to come.
    pub(crate) fn begin_request(&mut self, timeout: Duration) {
        self.began = Instant::now();
        self.deadline = after(self.began, timeout);
    }

    /// Gives a complete request so long from now to find room.
    pub(crate) fn begin_waiting(&mut self, now: Instant, timeout: Duration) {
        self.complete = now;
        self.deadline = after(now, timeout);
    }

    /// Gives the present stage so long from now.
    pub(crate) fn begin_stage(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.moved = Instant::now();
        self.deadline = after(self.moved, timeout);
    }

    /// Gives the present stage the time that `bytes` may have taken to move. But who stops
    /// has no longer than the stage's own time.
    pub(crate) fn allow_for(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = after(self.deadline, Duration::from_secs(1) * bytes / MIN_RATE);
        self.moved = Instant::now();
        self.deadline = earned.min(after(self.moved, self.timeout));
    }

    /// For how long the client has moved nothing of a request or a response, if that is what the
    /// present stage is, and if it holds so much that it is counted.
    pub(crate) fn stalled(&self, now: Instant) -> Option<Duration> {
        let moves = matches!(self.stage, Stage::Receive(_) | Stage::Send(_));
        let time = now.saturating_duration_since(self.moved);
        (moves && self.share.is_counted()).then_some(time)
    }

    /// Counts what this connection holds: what has been received and not yet used, and so many
    /// bytes of a response. Many bytes are put on the account of its endpoint's tenant, or stay on
    /// the one that they are on if it has none now. Returns whether they are on one.
    pub(crate) fn hold(&mut self, beside: usize) -> bool {
        let account = self.endpoint.as_ref().map(|endpoint| &endpoint.origin.account);
        let is_counted = self.share.hold(self.input.len().saturating_add(beside), account);
        if is_counted {
            self.moved = Instant::now();
        }
        is_counted
    }

    /// Counts nothing until something is held again.
    pub(crate) fn release(&mut self) {
        self.share.take_over(None);
    }

    /// Holds a response that is counted already, in the place of what it held before.
    pub(crate) fn take_over(&mut self, held: Option<Held>) {
        self.share.take_over(held);
    }

    /// What the connection was at; the caller sets what it is at now.
    pub(crate) fn take_stage(&mut self) -> Stage {
        mem::replace(&mut self.stage, Stage::Drain(CloseReason::Failed, self.deadline))
    }

    /// Reads what has arrived to the end of `input`, which the receiver has taken in. Of what is
    /// behind the present request that is little.
    pub(crate) fn read(&mut self, receiver: &Receiver) -> io::Result<Moved> {
        let length = self.input.len();
        // As much again as there is: a peer's word about a length reserves nothing.
        let received = length.saturating_add(receiver.decoded());
        let room = receiver.missing(&self.input).min(received).clamp(READ_MIN, READ_MAX);
        // All the room that there is gets filled.
        self.input.shrink_to(length.saturating_add(room));
        self.input.reserve_exact(room);
        // What a session has read may not be all that there was.
        let is_plain = self.transport.is_plain();
        let moved = self.transport.read(&mut self.input);
        self.is_read = is_plain && self.input.len() < self.input.capacity();
        moved
    }

    /// Whether the poller will tell of all that comes, without being armed again.
    pub(crate) fn is_armed(&self, interest: Interest) -> bool {
        interest == Interest::Readable
            && self.armed == Some(interest)
            && self.is_read
            && !self.hung_up
    }

    /// Sends an interim response. If there is no room for it, then the client has
    /// stopped reading and will not see it anyway; if there is room for a part of it, the
    /// rest goes before the response.
    pub(crate) fn send_interim(&mut self, bytes: &'static [u8]) {
        if self.owed.is_empty() {
            let sent = self.transport.offer(bytes);
            self.owed = bytes.get(sent..).filter(|_| sent > 0).unwrap_or_default();
        }
    }

    /// The head of a response, with what must go before it.
    pub(crate) fn behind_owed(&mut self, head: Vec<u8>) -> Vec<u8> {
        match mem::take(&mut self.owed) {
            [] => head,
            owed => [owed, &head].concat(),
        }
    }

    /// Has the kernel take no more than a little of a large output before the client takes some:
    /// otherwise it takes megabytes, and for minutes nobody can tell a slow client from one that
    /// has stopped.
    pub(crate) fn begin_output(&self, bytes: usize) {
        if bytes > WRITE_MAX {
            // If it cannot be, slow clients have less time.
            let _ = SockRef::from(self.socket()).set_tcp_notsent_lowat(WRITE_MAX as u32);
        }
    }

    /// Sends all of `output`, or as much as there is room for.
    pub(crate) fn send(&mut self, output: &mut Output) -> io::Result<Moved> {
        let follows = match output.then {
            Then::NextRequest => Follows::Nothing,
            Then::Close(_) | Then::Finish(_) | Then::Drain(_) => Follows::End,
        };
        loop {
            let head = output.head.get(output.sent..).unwrap_or_default();
            let data = output.data.get(output.sent.saturating_sub(output.head.len())..);
            let data = data.unwrap_or_default();
            let data = data.get(..WRITE_MAX).unwrap_or(data);
            if head.is_empty() && data.is_empty() {
                return self.transport.flush(follows);
            }
            let mut sent = 0;
            let moved = self.transport.write(head, data, follows, &mut sent)?;
            output.sent += sent;
            if moved != Moved::Bytes {
                return Ok(moved);
            }
        }
    }

    /// Whether anything of a request is here that is not complete yet.
    pub(crate) fn has_begun(&self) -> bool {
        http1::has_begun(&self.input)
    }

    /// Whether the client has sent what nobody has read.
    pub(crate) fn has_unread(&self) -> bool {
        // Where that cannot be told, nothing more can be done for it.
        ioctl_fionread(self.socket()).is_ok_and(|bytes| bytes > 0)
    }

    /// Whether the client has broken the connection off.
    pub(crate) fn is_reset(&self) -> bool {
        is_polled(self.socket(), HUNG_UP)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&self) -> io::Result<()> {
        self.transport.finish_sending()
    }

    /// Reads and drops what the client still sends.
    pub(crate) fn drain(&mut self) -> io::Result<Moved> {
        self.is_read = false;
        self.transport.drain()
    }

    /// Gives back memory that an idle connection has no use for.
    pub(crate) fn shrink(&mut self) {
        self.input.shrink_to_fit();
    }

    /// Gives back memory that only a large request had use for.
    pub(crate) fn shrink_large(&mut self) {
        if self.input.capacity() > READ_MAX {
            self.shrink();
        }
    }

    /// Whether the request asks for a head alone.
    pub(crate) fn head_only(&self) -> bool {
        http1::asks_for_head(&self.input)
    }
}

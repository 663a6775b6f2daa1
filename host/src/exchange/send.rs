//! The last stages: an answer goes out, and the client is listened to until it has it.

use std::time::{Duration, Instant};

use super::{Step, Until};
use crate::answer::Answer;
use crate::connection::Connection;
use crate::deadline::after;
use crate::http1::Receiver;
use crate::poller::Interest;
use crate::rate::Fill;
use crate::service::Service;
use crate::stage::{Output, Stage, Then};
use crate::transport::Moved;
use crate::{CloseReason, Reason};

/// How long a client that sends nothing is listened to after its answer, and one that was too slow
/// before: that is for the answer to arrive.
const LAST_WORD: Duration = Duration::from_millis(800);

/// Begins to send an answer. If it is the last, `end` is how it ends.
pub(super) fn begin_sending(
    connection: &mut Connection,
    answer: Answer,
    end: fn(CloseReason) -> Then,
    service: &Service,
) {
    let Answer { head, data, close, .. } = answer;
    let then = close.map_or(Then::NextRequest, end);
    if close.is_some() {
        // A client that is slow to read holds no memory with its request.
        connection.input = Vec::new();
    }
    let length = head.len().saturating_add(data.len());
    connection.begin_output(length);
    connection.hold(length);
    connection.answered = connection.answered.saturating_add(1);
    connection.begin_stage(service.settings.timeouts.write);
    let head = connection.behind_owed(head);
    connection.stage = Stage::Send(Output { head, data, sent: 0, then });
}

/// How long a client waits for a refusal that comes too soon after another, longer where many do;
/// and how soon that is: none of many shall come round between two pauses.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
const TOO_SOON: Duration = Duration::from_secs(1);

/// How many can be refused in a second, and how many at once, before any waits. It is a small part
/// of what a processor can. A large head is as good as several requests: one for each so many
/// bytes.
const REFUSALS: Fill = Fill { per_second: 1000.0, most: 40.0 };
const HEAD_BYTES: f64 = 1024.0;

/// Has a client wait for its answer that is refused again and was just before, while many are.
/// Those who ask again at once, however often, would take the time of those who can be answered.
/// What they ask for that there is room for is not kept waiting. `head` is the length of the
/// request's.
pub(super) fn pace(connection: &mut Connection, reason: Reason, head: usize, service: &Service) {
    if !matches!(reason, Reason::Overloaded | Reason::Unavailable | Reason::NoRoute) {
        connection.refused = None;
        return;
    }
    let now = Instant::now();
    let amount = 1.0 + head as f64 / HEAD_BYTES;
    let is_within = service.may_refuse(amount, REFUSALS, now);
    let before = connection.refused.map(|before| now.saturating_duration_since(before));
    let is_too_soon = !is_within && before.is_some_and(|since| since < TOO_SOON);
    connection.refused = Some(now);
    if is_too_soon && let Stage::Send(output) = connection.take_stage() {
        connection.stage = Stage::Pause(output);
    }
}

/// How many bytes of data are on their way at once as soon as they are sent (RFC 6928, less
/// a head). More may still be here when the connection is closed, and a client that sends
/// anything after that would lose it.
const FIRST_FLIGHT: usize = 13 << 10;

/// Sends until all is sent, then begins the next request or the end. Nothing more is
/// owed at the end, but the client may have to be listened to: to close on unread bytes
/// resets the connection, and with it goes an answer that is still on its way
/// (RFC 9112 section 9.6).
pub(super) fn send(connection: &mut Connection, mut output: Output, service: &Service) -> Step {
    let before = output.sent;
    let moved = connection.send(&mut output);
    match moved {
        Ok(Moved::Pending(interest)) => {
            // What went at first has filled the kernel's buffer. What goes later has room
            // because the client took as much.
            if before > 0 {
                connection.allow_for(output.sent - before);
            }
            connection.stage = Stage::Send(output);
            return Step::Park(Until::Ready(interest));
        }
        Ok(_) => {}
        Err(_) => return Step::Close(CloseReason::Failed),
    }
    connection.release();
    let is_small = output.data.len() <= FIRST_FLIGHT;
    match output.then {
        Then::NextRequest => {
            connection.id = service.next_id();
            let idle = service.settings.keep_alive.unwrap_or_default().idle;
            let begun = connection.has_begun();
            connection.begin_request(if begun { service.settings.timeouts.head } else { idle });
            connection.stage = Stage::Receive(Receiver::default());
            if begun {
                return Step::Next;
            }
            // The next request can hardly be here yet; to try to read it would be in vain.
            connection.shrink();
            Step::Park(Until::Ready(Interest::Readable))
        }
        Then::Close(reason) if is_small && !connection.has_unread() => Step::Close(reason),
        Then::Close(reason) | Then::Finish(reason) | Then::Drain(reason) => {
            if connection.finish_sending().is_err() {
                return Step::Close(reason);
            }
            if matches!(output.then, Then::Finish(_)) && is_small && !connection.has_unread() {
                return Step::Close(reason);
            }
            let mut time = service.settings.timeouts.drain;
            if reason == CloseReason::SlowRequest {
                // It has had its time.
                time = time.min(LAST_WORD);
            }
            drain(connection, reason, after(Instant::now(), time))
        }
    }
}

/// Reads and drops what the client still sends, until it stops or is gone, or `end`. Then the
/// connection is closed for `reason`, which was there before.
pub(super) fn drain(connection: &mut Connection, reason: CloseReason, end: Instant) -> Step {
    match connection.drain() {
        Ok(Moved::Pending(interest)) if Instant::now() < end => {
            connection.begin_stage(LAST_WORD);
            connection.deadline = connection.deadline.min(end);
            connection.stage = Stage::Drain(reason, end);
            Step::Park(Until::Ready(interest))
        }
        Ok(_) | Err(_) => Step::Close(reason),
    }
}

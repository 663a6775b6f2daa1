//! Receives one request: collects bytes until its head and body are complete.

use std::ops::Range;

use super::framing::expects_continue;
use super::{Decoder, Error, Framing, Head, Limits, decode, framing, head_end, parse};

/// A request on its way in. It is given the connection's bytes as they grow.
#[derive(Debug)]
pub struct Receiver {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Within the head, of which so many bytes have been searched for its end.
    Head { searched: usize },
    /// After a head of so many bytes, with a body that ends at `end`.
    Length { head: usize, end: usize },
    /// After a head of so many bytes, within a chunked body.
    Chunked { head: usize, decoder: Decoder },
}

/// A complete request: where its parts are in the bytes that it was received from.
#[derive(Debug)]
pub struct Message {
    /// Where the head ends; it starts at 0.
    pub head: usize,
    /// The body, if there is one.
    pub body: Option<Body>,
}

/// The body of a [`Message`].
#[derive(Debug)]
pub enum Body {
    /// It lies in the received bytes.
    Within(Range<usize>),
    /// It was chunked.
    Decoded(Vec<u8>),
}

/// How far a request has come.
#[derive(Debug)]
pub enum Received {
    /// All of it is here.
    Message(Message),
    /// More bytes are needed.
    Partial {
        /// The head has just come, and the client waits for `100 Continue`.
        wants_continue: bool,
    },
}

impl Default for Receiver {
    fn default() -> Self {
        Receiver { state: State::Head { searched: 0 } }
    }
}

impl Receiver {
    /// Whether the head is complete and the body is not.
    pub fn in_body(&self) -> bool {
        !matches!(self.state, State::Head { .. })
    }

    /// How many bytes of a body are decoded by now, and no longer in `input`.
    pub fn decoded(&self) -> usize {
        match &self.state {
            State::Chunked { decoder, .. } => decoder.decoded(),
            State::Head { .. } | State::Length { .. } => 0,
        }
    }

    /// How many bytes the client has said are still to come, as far as is known; `input` has
    /// been taken in.
    pub fn missing(&self, input: &[u8]) -> usize {
        match &self.state {
            State::Head { .. } => 0,
            State::Length { end, .. } => end.saturating_sub(input.len()),
            State::Chunked { decoder, .. } => decoder.missing(),
        }
    }

    /// Takes in what `input` holds by now. Bytes of a chunked body are taken out of
    /// `input` as they are decoded; all others stay.
    ///
    /// When the head is complete, `limits_of` is asked for the limits of the rest; from
    /// then on they must be given as `limits`.
    ///
    /// # Errors
    ///
    /// Any [`Error`] but [`Error::Truncated`], as only the caller knows of the end; or
    /// that of `limits_of`.
    pub fn receive<E: From<Error>>(
        &mut self,
        input: &mut Vec<u8>,
        limits: &Limits,
        limits_of: impl FnOnce(&Head<'_>) -> Result<Limits, E>,
    ) -> Result<Received, E> {
        let mut limits = *limits;
        let mut wants_continue = false;
        if let State::Head { searched } = self.state {
            let Some(head) = head_end(input, searched, &limits)? else {
                self.state = State::Head { searched: input.len() };
                return Ok(Received::Partial { wants_continue });
            };
            let text = decode(input.get(..head).unwrap_or_default());
            let parsed = parse(&text, &limits)?;
            limits = limits_of(&parsed)?;
            self.state = match framing(&parsed, &limits)? {
                Framing::None => return Ok(Received::Message(Message { head, body: None })),
                Framing::Length(length) => {
                    let length = usize::try_from(length).map_err(|_| Error::BodyTooLarge)?;
                    let end = head.checked_add(length).ok_or(Error::BodyTooLarge)?;
                    State::Length { head, end }
                }
                Framing::Chunked => State::Chunked { head, decoder: Decoder::default() },
            };
            wants_continue = input.len() == head && expects_continue(&parsed);
        }
        Ok(match self.receive_body(input, &limits)? {
            Some(message) => Received::Message(message),
            None => Received::Partial { wants_continue },
        })
    }

    fn receive_body(
        &mut self,
        input: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Option<Message>, Error> {
        match &mut self.state {
            State::Head { .. } => Ok(None),
            &mut State::Length { head, end } => {
                let complete = input.len() >= end;
                Ok(complete.then_some(Message { head, body: Some(Body::Within(head..end)) }))
            }
            State::Chunked { head, decoder } => {
                let head = *head;
                let taken = decoder.decode(input.get(head..).unwrap_or_default(), limits)?;
                input.drain(head..head + taken);
                Ok(decoder.finish().map(|body| Message { head, body: Some(Body::Decoded(body)) }))
            }
        }
    }
}

impl Message {
    /// How many bytes of `input` belong to this request.
    pub fn length(&self) -> usize {
        match &self.body {
            Some(Body::Within(range)) => range.end,
            Some(Body::Decoded(_)) | None => self.head,
        }
    }

    /// How many bytes the body has that are not among those it was received from.
    pub fn decoded(&self) -> usize {
        match &self.body {
            Some(Body::Decoded(body)) => body.len(),
            Some(Body::Within(_)) | None => 0,
        }
    }

    /// The body's bytes, given those that the request was received from.
    pub fn data<'a>(&'a self, input: &'a [u8]) -> Option<&'a [u8]> {
        match self.body.as_ref()? {
            Body::Within(range) => input.get(range.clone()),
            Body::Decoded(body) => Some(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(_: &Head<'_>) -> Result<Limits, Error> {
        Ok(Limits::default())
    }

    /// Receives `bytes` in two pieces, split at every place, and gives what all agree on.
    fn receive(bytes: &[u8]) -> Result<(usize, Option<Vec<u8>>), Error> {
        let mut results = (0..bytes.len()).map(|split| {
            let mut receiver = Receiver::default();
            let mut input = bytes[..split].to_vec();
            if let Received::Message(_) = receiver.receive(&mut input, &Limits::default(), same)? {
                panic!("complete after {split} bytes");
            }
            input.extend_from_slice(&bytes[split..]);
            match receiver.receive(&mut input, &Limits::default(), same)? {
                Received::Message(message) => {
                    Ok((message.length(), message.data(&input).map(<[u8]>::to_vec)))
                }
                Received::Partial { .. } => panic!("not complete"),
            }
        });
        let first = results.next().unwrap();
        assert!(results.all(|result| result == first));
        first
    }

    #[test]
    fn a_request_is_the_same_however_it_is_split() {
        assert_eq!(receive(b"GET / HTTP/1.1\r\n\r\n"), Ok((18, None)));
        let body = receive(b"POST / HTTP/1.0\nContent-Length: 5\n\nhello");
        assert_eq!(body, Ok((40, Some(b"hello".to_vec()))));
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body = receive(&[&head[..], b"5\r\nhello\r\n0\r\n\r\n"].concat());
        assert_eq!(body, Ok((head.len(), Some(b"hello".to_vec()))));
    }

    #[test]
    fn an_empty_body_is_a_body() {
        assert_eq!(
            receive(b"GET / \r\nContent-Length: 0\r\n\r\n").map(|(_, data)| data),
            Ok(Some(vec![]))
        );
    }

    #[test]
    fn a_client_is_asked_to_continue_once_and_only_if_it_waits() {
        let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".to_vec();
        let mut receiver = Receiver::default();
        let mut wants =
            |input: &mut Vec<u8>| match receiver.receive(input, &Limits::default(), same) {
                Ok(Received::Partial { wants_continue }) => wants_continue,
                other => panic!("{other:?}"),
            };
        let mut input = head.clone();
        assert!(wants(&mut input));
        input.push(b'a');
        assert!(!wants(&mut input));

        let mut input = [head, b"a".to_vec()].concat();
        let received = Receiver::default().receive(&mut input, &Limits::default(), same);
        assert!(matches!(received, Ok(Received::Partial { wants_continue: false })));
    }
}

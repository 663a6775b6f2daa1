//! The parser and a reference that was written apart from it read the same request, or
//! both refuse it, or both want more of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use picohttp_fuzz::http1::{Received, Receiver, decode, parse};
use picohttp_fuzz::reference::{self, Request, Stop};
use picohttp_fuzz::{LIMITS, Pieces, same_limits};

fuzz_target!(|input: &[u8]| {
    let mut bytes = Pieces::new(input).bytes.to_vec();
    let expected = reference::read(&bytes);
    let read = match Receiver::default().receive(&mut bytes, &LIMITS, same_limits) {
        Err(_) => Err(Stop::Refused),
        Ok(Received::Partial { .. }) => Err(Stop::Incomplete),
        Ok(Received::Message(message)) => {
            let text = decode(&bytes[..message.head]);
            let head = parse(&text, &LIMITS).unwrap();
            let strings = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
            Ok(Request {
                words: [head.method, head.target, head.protocol].map(str::to_string).to_vec(),
                headers: head.headers.iter().map(strings).collect(),
                body: message.data(&bytes).map(<[u8]>::to_vec),
            })
        }
    };
    assert_eq!(read, expected);
});

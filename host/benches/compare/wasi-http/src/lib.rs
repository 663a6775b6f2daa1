//! The comparison's handler for hosts of wasi:http, written as directly as the interface
//! allows: the whole body in, the whole answer out, with its length.

#![cfg(target_family = "wasm")]

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

#[path = "../../handler/src/logic.rs"]
mod logic;

struct Compare;

wasip2::http::proxy::export!(Compare);

impl Guest for Compare {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let body = receive(&request);
        let answer = logic::answer(target.trim_matches('/'), &body);
        let data = answer.as_deref().unwrap_or_default();

        let headers = Fields::new();
        let length = data.len().to_string().into_bytes();
        headers.set("content-length", &[length]).expect("the headers are new");
        let response = OutgoingResponse::new(headers);
        if answer.is_none() {
            response.set_status_code(404).expect("404 is a status");
        }
        let outgoing = response.body().expect("the response is new");
        ResponseOutparam::set(out, Ok(response));
        let stream = outgoing.write().expect("the body is new");
        send(&stream, data).expect("the client is there");
        drop(stream);
        OutgoingBody::finish(outgoing, None).expect("the length is right");
    }
}

fn receive(request: &IncomingRequest) -> Vec<u8> {
    let incoming = request.consume().expect("the request is new");
    let stream = incoming.stream().expect("the body is new");
    let body = receive_all(&stream);
    drop(stream);
    drop(IncomingBody::finish(incoming));
    body
}

fn receive_all(stream: &InputStream) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) => body.extend(bytes),
            Err(StreamError::Closed) => return body,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
}

/// Writes as much at once as the host takes.
fn send(stream: &OutputStream, mut data: &[u8]) -> Result<(), StreamError> {
    while !data.is_empty() {
        match stream.check_write()? {
            0 => stream.subscribe().block(),
            room => {
                let size = data.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                let (now, later) = data.split_at(size);
                stream.write(now)?;
                data = later;
            }
        }
    }
    stream.flush()
}

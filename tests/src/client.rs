//! A client that sends bytes and takes answers apart.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// How long any test waits for bytes before it fails.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// One response, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub protocol: String,
    pub status: u16,
    pub phrase: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Takes apart everything that was received until the connection closed.
    pub fn parse(bytes: &[u8]) -> Result<Answer> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end =
            end.with_context(|| format!("no head in {:?}", String::from_utf8_lossy(bytes)))?;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
        let mut word = || words.next().context("a word of the status line is missing");
        let (protocol, status, phrase) = (word()?.to_owned(), word()?.parse()?, word()?.to_owned());
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").context("a header without a colon")?;
                Ok((name.to_owned(), value.to_owned()))
            })
            .collect::<Result<_>>()?;
        Ok(Answer { protocol, status, phrase, headers, body: bytes[end + 4..].to_vec() })
    }

    /// The value of a header that must not occur twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} occurs twice in {:?}", self.headers);
        value
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is not text")
    }
}

/// A connection that a test sends on and reads from as it likes.
pub struct Client(pub TcpStream);

impl Client {
    pub fn connect(address: SocketAddr) -> Result<Client> {
        Client::new(TcpStream::connect(address)?)
    }

    /// A client on a connected socket.
    pub fn new(socket: TcpStream) -> Result<Client> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        Ok(Client(socket))
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.0.write_all(bytes.as_ref())?)
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> Result<()> {
        Ok(self.0.shutdown(Shutdown::Write)?)
    }

    /// Reads exactly so many bytes.
    pub fn read(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads until the host closes, which must be in good order and not by a reset.
    pub fn read_all(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads until the host closes, in good order or by a reset, as on who has sent more than
    /// was read.
    pub fn read_to_close(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error.into()),
            _ => Ok(bytes),
        }
    }

    /// Reads one answer, which the host must end by closing, and checks its length.
    pub fn answer(&mut self) -> Result<Answer> {
        let answer = Answer::parse(&self.read_all()?)?;
        if let Some(length) = answer.header("Content-Length") {
            let bodiless = answer.body.is_empty();
            ensure!(
                bodiless || length.parse() == Ok(answer.body.len()),
                "a false length: {answer:?}"
            );
        }
        Ok(answer)
    }
}

/// Sends a request and returns what came back until the host closed.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Result<Answer> {
    let mut client = Client::connect(address)?;
    client.send(request)?;
    client.answer()
}

/// Sends `GET target` to one of the hosts at an address.
pub fn get_of(address: SocketAddr, host: &str, target: &str) -> Result<Answer> {
    exchange(address, format!("GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n"))
}

/// Sends `GET target` without headers.
pub fn get(address: SocketAddr, target: &str) -> Result<Answer> {
    exchange(address, format!("GET {target} HTTP/1.0\r\n\r\n"))
}

//! Takes the chunked coding off a request body (RFC 9112 section 7.1).

use memchr::memchr;

use super::field::is_token;
use super::{Error, Limits};

/// How long a chunk's size line, or all trailers together, may be.
const MAX_LINE: usize = 4096;

/// How long a plain chunk size is at most, and all that is more than that in sum, beside an
/// eighth of what the chunks bring: they may be many, and some clients sign each of theirs.
const MAX_SIZE_DIGITS: usize = 16;
const MAX_EXTENSIONS: usize = 16 << 10;
const BODY_TO_EXTENSIONS: usize = 8;

/// Decodes a chunked body from bytes that arrive in pieces of any size.
///
/// Chunk extensions and trailers are read and dropped. Lines must end with CRLF: a
/// bare LF in a size line is read differently by different servers.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    body: Vec<u8>,
    /// How many bytes of size lines there were beyond a plain size.
    extensions: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before a chunk's size line.
    Size,
    /// Within a chunk: so many bytes are still to come.
    Data(usize),
    /// After a chunk's data, before its CRLF.
    DataEnd,
    /// After the last chunk: so many bytes of trailers have been dropped.
    Trailers(usize),
    /// After the empty line that ends the body.
    End,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { state: State::Size, body: Vec::new(), extensions: 0 }
    }
}

impl Decoder {
    /// Decodes as much of `input` as it can and returns how many bytes that took.
    /// Bytes that were not taken must be given again, with more behind them.
    ///
    /// # Errors
    ///
    /// [`Error::Chunk`], [`Error::ChunkExtras`], and [`Error::BodyTooLarge`] as soon as a chunk would take
    /// the body over [`Limits::body_bytes`].
    pub fn decode(&mut self, input: &[u8], limits: &Limits) -> Result<usize, Error> {
        let mut rest = input;
        while let Some(taken) = self.step(rest, limits)? {
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(input.len() - rest.len())
    }

    /// How many bytes of the body are decoded by now.
    pub fn decoded(&self) -> usize {
        self.body.len()
    }

    /// How many bytes of the present chunk are still to come.
    pub fn missing(&self) -> usize {
        match self.state {
            State::Data(left) => left,
            _ => 0,
        }
    }

    /// The whole body, once its end was seen.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        match self.state {
            State::End => Some(std::mem::take(&mut self.body)),
            _ => None,
        }
    }

    /// One state's worth: how many bytes it took, `None` when it needs more.
    fn step(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, Error> {
        match self.state {
            State::Size => {
                let Some(line) = line(input, MAX_LINE)? else {
                    return Ok(None);
                };
                let size = chunk_size(line)?;
                self.extensions += line.len().saturating_sub(MAX_SIZE_DIGITS);
                if self.extensions > MAX_EXTENSIONS + self.body.len() / BODY_TO_EXTENSIONS {
                    return Err(Error::ChunkExtras);
                }
                let total = size.saturating_add(self.body.len() as u64);
                if total > limits.body_bytes {
                    return Err(Error::BodyTooLarge);
                }
                self.state = match usize::try_from(size) {
                    Ok(0) => State::Trailers(0),
                    Ok(size) => State::Data(size),
                    Err(_) => return Err(Error::BodyTooLarge),
                };
                Ok(Some(line.len() + 2))
            }
            State::Data(left) => {
                let data = input.get(..left).unwrap_or(input);
                if data.is_empty() {
                    return Ok(None);
                }
                self.body.extend_from_slice(data);
                self.state = match left - data.len() {
                    0 => State::DataEnd,
                    left => State::Data(left),
                };
                Ok(Some(data.len()))
            }
            State::DataEnd => match input {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(Some(2))
                }
                [] | [b'\r'] => Ok(None),
                _ => Err(Error::Chunk),
            },
            State::Trailers(dropped) => {
                // The empty line at the end is none of them.
                let Some(line) = line(input, (MAX_LINE - dropped).max(1))? else {
                    return Ok(None);
                };
                let taken = line.len() + 2;
                self.state = match line {
                    [] => State::End,
                    line if !is_trailer(line) => return Err(Error::Chunk),
                    _ if dropped + taken > MAX_LINE => return Err(Error::ChunkExtras),
                    _ => State::Trailers(dropped + taken),
                };
                Ok(Some(taken))
            }
            State::End => Ok(None),
        }
    }
}

/// The first line of `input` without its CRLF, or `None` if it is not complete.
fn line(input: &[u8], limit: usize) -> Result<Option<&[u8]>, Error> {
    match memchr(b'\n', input) {
        Some(end) if end <= limit => match input.get(..end) {
            Some([line @ .., b'\r']) if memchr(b'\r', line).is_none() => Ok(Some(line)),
            _ => Err(Error::Chunk),
        },
        None if input.len() <= limit => Ok(None),
        _ => Err(Error::ChunkExtras),
    }
}

/// Whether a line is a header's: nobody reads it, but what is none could be another request's.
fn is_trailer(line: &[u8]) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    let name = std::str::from_utf8(name).unwrap_or_default();
    name.len() < line.len() && is_token(name) && !has_control(line)
}

fn has_control(text: &[u8]) -> bool {
    text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
}

/// `chunk-size [ chunk-ext ]`, the size as one to sixteen hexadecimal digits.
fn chunk_size(line: &[u8]) -> Result<u64, Error> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, extension) = line.split_at(digits);
    let after = extension.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    let ended = matches!(after, None | Some(b';')) && !has_control(extension);
    let size = std::str::from_utf8(size).map_err(|_| Error::Chunk)?;
    match u64::from_str_radix(size, 16) {
        Ok(size) if ended && digits <= MAX_SIZE_DIGITS => Ok(size),
        _ => Err(Error::Chunk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Error> {
        let mut decoder = Decoder::default();
        let taken = decoder.decode(input, &Limits::default())?;
        Ok(decoder.finish().map(|body| (body, taken)))
    }

    #[test]
    fn chunks_become_one_body() {
        let input = b"5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nTrailer: 1\r\n\r\nnext";
        assert_eq!(decode(input), Ok(Some((b"hello world".to_vec(), input.len() - 4))));
        assert_eq!(decode(b"0\r\n\r\n"), Ok(Some((Vec::new(), 5))));
        assert_eq!(decode(b"A \r\n0123456789\r\n000\r\n\r\n").map(|body| body.is_some()), Ok(true));
    }

    #[test]
    fn every_split_gives_the_same_body() {
        let input = b"5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nA: b\r\n\r\n";
        for split in 0..=input.len() {
            let mut decoder = Decoder::default();
            let (first, _) = input.split_at(split);
            let taken = decoder.decode(first, &Limits::default()).unwrap();
            assert!(split == input.len() || decoder.finish().is_none());
            let taken = taken + decoder.decode(&input[taken..], &Limits::default()).unwrap();
            assert_eq!(taken, input.len());
            assert_eq!(decoder.finish().unwrap(), b"helloabcdefghijklmnopqrstuvwxyz");
        }
    }

    #[test]
    fn doubtful_chunks_are_refused() {
        for input in [
            &b"\r\n"[..],
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"5\nhello\r\n",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5 x\r\nhello\r\n",
            b"5\x0c\r\nhello\r\n",
            b"5;a\rb\r\nhello\r\n",
            b"00000000000000005\r\nhello\r\n",
            b"-1\r\n",
            b"0;\0\r\n",
            b"0;a=\x1b[31m\r\n",
            b"0\r\nGET /next HTTP/1.1\r\n",
            b"0\r\na : b\r\n",
            b"0\r\n a: b\r\n",
            b"0\r\n: b\r\n",
            b"0\r\na: \0\r\n",
            b"0\r\na\xc2\xa0: b\r\n",
        ] {
            assert_eq!(decode(input), Err(Error::Chunk), "{:?}", input.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_size_line_and_trailers_are_bounded() {
        assert_eq!(decode(&b"1".repeat(MAX_LINE + 1)), Err(Error::ChunkExtras));
        let trailers = [&b"0\r\n"[..], &b"a: b\r\n".repeat(1000)].concat();
        assert_eq!(decode(&trailers), Err(Error::ChunkExtras));
        let trailer = |length: usize| format!("0\r\na: {}\r\n\r\n", "b".repeat(length - 5));
        assert!(decode(trailer(MAX_LINE).as_bytes()).is_ok_and(|body| body.is_some()));
        assert_eq!(decode(trailer(MAX_LINE + 1).as_bytes()), Err(Error::ChunkExtras));
    }

    #[test]
    fn extensions_are_bounded_in_sum() {
        let chunk = |extension: usize| format!("1;{}\r\nx\r\n", "e".repeat(extension));
        assert_eq!(decode(chunk(1000).repeat(16).as_bytes()), Ok(None));
        assert_eq!(decode(chunk(1000).repeat(17).as_bytes()), Err(Error::ChunkExtras));
        assert_eq!(decode("1\r\nx\r\n".repeat(100_000).as_bytes()), Ok(None));
        let signed = format!("400;chunk-signature={}\r\n{}\r\n", "f".repeat(64), "x".repeat(1024));
        assert_eq!(decode(signed.repeat(5000).as_bytes()), Ok(None));
    }

    #[test]
    fn a_body_is_refused_before_its_bytes_arrive() {
        let limits = Limits { body_bytes: 8, ..Limits::default() };
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(b"5\r\nhello\r\n4\r\n", &limits), Err(Error::BodyTooLarge));
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(b"ffffffffffffffff\r\n", &limits), Err(Error::BodyTooLarge));
    }
}

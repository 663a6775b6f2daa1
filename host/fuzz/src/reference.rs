//! Reads a request in the most obvious way: all of its bytes are at hand, and they are
//! cut into lines before anything else is asked. Uses nothing of [`http1`](crate::http1).

use crate::LIMITS;

type Headers = Vec<(String, String)>;

const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

#[derive(Debug, PartialEq)]
pub struct Request {
    pub words: Vec<String>,
    pub headers: Headers,
    pub body: Option<Vec<u8>>,
}

/// Why there is no request.
#[derive(Debug, PartialEq)]
pub enum Stop {
    Incomplete,
    Refused,
}

pub fn read(mut bytes: &[u8]) -> Result<Request, Stop> {
    let head = take_head(&mut bytes)?;
    let mut lines = head.into_iter();
    let line = lines.next().unwrap_or_default();
    let mut words: Vec<_> = line.split(' ').map(str::to_string).collect();
    refuse_if(words.len() > 3 || has_control(&line))?;
    words.resize(3, String::new());
    check_target(&words[1])?;
    let (path, query) = words[1].split_once('?').unwrap_or((&words[1], ""));
    let items = if query.is_empty() { 0 } else { query.split('&').count() };
    refuse_if(path.matches('/').count() + items > LIMITS.target_parts)?;
    let headers = lines.map(|line| header(&line)).collect::<Result<Headers, _>>()?;
    refuse_if(headers.len() > LIMITS.headers)?;
    let body = read_body(&words[2], &headers, bytes)?;
    Ok(Request { words, headers, body })
}

fn refuse_if(condition: bool) -> Result<(), Stop> {
    if condition { Err(Stop::Refused) } else { Ok(()) }
}

/// What follows `http://` or `https://` is a host with a port or without.
fn check_target(target: &str) -> Result<(), Stop> {
    let Some((scheme, rest)) = target.split_once("://") else { return Ok(()) };
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = rest[..end].trim_end_matches(|letter: char| letter.is_ascii_digit());
    let host = if rest[..end].contains(':') && host.ends_with(':') {
        &host[..host.len() - 1]
    } else {
        &rest[..end]
    };
    if let Some(address) = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        return refuse_if(address.parse::<std::net::Ipv6Addr>().is_err());
    }
    let is_letter = |it: char| it.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=".contains(it);
    refuse_if(host.is_empty() || !host.chars().all(is_letter))
}

fn has_control(text: &str) -> bool {
    text.contains(|letter: char| letter.is_ascii_control())
}

/// The lines of the head without their ends, the empty ones around it left out.
fn take_head(bytes: &mut &[u8]) -> Result<Vec<String>, Stop> {
    let line_ends = bytes.iter().take(4).take_while(|byte| b"\r\n".contains(byte)).count();
    refuse_if(bytes[line_ends..].first().is_some_and(u8::is_ascii_control))?;
    let lines: Vec<_> = bytes[line_ends..].split_inclusive(|&byte| byte == b'\n').collect();
    let Some(count) = lines.iter().position(|line| *line == b"\n" || *line == b"\r\n") else {
        refuse_if(bytes.len() >= LIMITS.head_bytes)?;
        return Err(Stop::Incomplete);
    };
    let end = line_ends + lines[..=count].concat().len();
    let before = String::from_utf8_lossy(&bytes[..line_ends]).replace("\r\n", "\n");
    refuse_if(end > LIMITS.head_bytes || before.contains('\r'))?;
    *bytes = &bytes[end..];
    lines[..count].iter().map(|line| text(line)).collect()
}

fn text(line: &[u8]) -> Result<String, Stop> {
    let latin1 = |_| line.iter().map(|&byte| char::from(byte)).collect();
    let text = String::from_utf8(line.to_vec()).unwrap_or_else(latin1).replace("\r\n", "\n");
    refuse_if(text.contains(['\r', '\0']))?;
    Ok(text.trim_end_matches('\n').to_string())
}

fn header(line: &str) -> Result<(String, String), Stop> {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let hides = name.is_empty() || (name.ends_with(' ') && line != name);
    refuse_if(hides || name.starts_with(' ') || has_control(name) || is_disguised(name, &FRAMING))?;
    Ok((name.to_string(), value.trim_matches([' ', '\t']).to_string()))
}

/// Whether a name is one of these in lower case, beside something that is not of a name.
pub fn is_disguised(name: &str, framing: &[&str]) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || it == '-';
    let lower = name.to_ascii_lowercase();
    let found = framing.iter().any(|framing| {
        lower.match_indices(*framing).any(|(at, _)| {
            let (before, after) = (&lower[..at], &lower[at + framing.len()..]);
            !before.ends_with(plain) && !after.starts_with(plain)
        })
    });
    let letters = |it: &str| it.to_ascii_lowercase().replace(|it: char| !it.is_ascii_lowercase(), "");
    let is_spaced = framing.iter().any(|framing| letters(framing) == letters(name));
    (found || is_spaced) && !name.chars().all(is_name)
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

fn read_body(protocol: &str, headers: &Headers, bytes: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
    let all = |wanted: &str| {
        let found = headers.iter().filter(|(name, _)| name.to_ascii_lowercase() == wanted);
        found.map(|(_, value)| value.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    let codings = all("transfer-encoding");
    let mut lengths = all("content-length");
    if !codings.is_empty() {
        let minors = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let is_1_1 = minors.iter().any(|minor| protocol == format!("HTTP/1.{minor}"));
        refuse_if(codings != ["chunked"] || !lengths.is_empty() || !is_1_1)?;
        return read_chunks(bytes).map(Some);
    }
    let number = |it: &String| !it.is_empty() && it.chars().all(|c| c.is_ascii_digit());
    refuse_if(!lengths.iter().all(number))?;
    lengths.iter_mut().for_each(|it| *it = format!("0{}", it.trim_start_matches('0')));
    lengths.dedup();
    refuse_if(lengths.len() > 1)?;
    let Some(length) = lengths.first() else { return Ok(None) };
    let length = length.parse::<usize>().map_err(|_| Stop::Refused)?;
    refuse_if(length as u64 > LIMITS.body_bytes)?;
    bytes.get(..length).map(|body| Some(body.to_vec())).ok_or(Stop::Incomplete)
}

fn read_chunks(mut bytes: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut body = Vec::new();
    loop {
        let line = take_line(&mut bytes, 4096)?;
        refuse_if(line.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()))?;
        let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
        let size = String::from_utf8_lossy(size);
        let size = size.trim_end_matches([' ', '\t']);
        refuse_if(size.len() > 16 || size.contains(|c: char| !c.is_ascii_hexdigit()))?;
        let size = usize::from_str_radix(size, 16).map_err(|_| Stop::Refused)?;
        refuse_if(size as u64 > LIMITS.body_bytes - body.len() as u64)?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(bytes.get(..size).ok_or(Stop::Incomplete)?);
        bytes = &bytes[size..];
        refuse_if(!b"\r\n".starts_with(&bytes[..bytes.len().min(2)]))?;
        bytes = bytes.get(2..).ok_or(Stop::Incomplete)?;
    }
    let mut room = 4096;
    // The empty line at the end is none of them.
    while let line @ [_, ..] = take_line(&mut bytes, room.max(1))? {
        room = room.checked_sub(line.len() + 2).ok_or(Stop::Refused)?;
        refuse_if(line.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()))?;
        let name = line.iter().position(|&byte| byte == b':').map(|colon| &line[..colon]);
        let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(|&it| is_name(it.into()));
        refuse_if(!name.is_some_and(is_name))?;
    }
    Ok(body)
}

/// A line that ends with CRLF, of up to so many bytes.
fn take_line<'a>(bytes: &mut &'a [u8], room: usize) -> Result<&'a [u8], Stop> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        refuse_if(bytes.len() > room)?;
        return Err(Stop::Incomplete);
    };
    let line = bytes[..end].strip_suffix(b"\r").ok_or(Stop::Refused)?;
    refuse_if(end > room || line.contains(&b'\r'))?;
    *bytes = &bytes[end + 1..];
    Ok(line)
}

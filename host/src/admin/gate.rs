//! Who may see the pages.
//!
//! With a token, whoever has it: as `Authorization: Bearer TOKEN`, or in a browser once as
//! `/?token=TOKEN`, which leaves a cookie there. Without one, whoever can connect. What
//! listens on this machine alone is then open to any page in a browser on it, whose host
//! name its owner can make mean this machine (DNS rebinding); so the names that mean it by
//! themselves are the only ones.

use std::net::SocketAddr;

use sha2::{Digest as _, Sha256};

use super::AdminToken;
use crate::http1::{self, Head};
use crate::normal_form;
use crate::text::hex;

type Digest = [u8; 32];

/// Decides who may see the pages.
pub(super) struct Gate {
    lock: Lock,
}

enum Lock {
    Token {
        /// Of the token. Digests say nothing about how much of a guess is right.
        digest: Digest,
        /// A cookie's name has the port in it: hosts on one machine share their cookies.
        cookie: Cookie,
    },
    Loopback,
    Open,
}

struct Cookie {
    name: String,
    value: String,
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered.
    Enter,
    /// It has the token in its target; the browser shall have this cookie.
    Welcome(String),
    /// It lacks the token.
    NoToken,
    /// It came by a name that may be anyone's.
    OddHost,
}

impl Gate {
    pub(super) fn new(address: SocketAddr, token: Option<&AdminToken>) -> Gate {
        let lock = match token.map(AdminToken::word) {
            Some(word) => Lock::Token { digest: digest(word), cookie: Cookie::new(address, word) },
            None if address.ip().to_canonical().is_loopback() => Lock::Loopback,
            None => Lock::Open,
        };
        Gate { lock }
    }

    /// Judges a request for a page.
    pub(super) fn judge(&self, head: &Head<'_>) -> Verdict {
        match &self.lock {
            Lock::Open => Verdict::Enter,
            Lock::Loopback => match http1::host(head) {
                Ok(host) if is_local(http1::authority(head.target).unwrap_or(host)) => {
                    Verdict::Enter
                }
                _ => Verdict::OddHost,
            },
            Lock::Token { digest: token, cookie } => {
                let mut query = http1::query(head.target).into_iter();
                let asked = query.find(|(name, _)| *name == "token").map(|(_, value)| value);
                let asked = asked.map(normal_form::decode);
                if asked.is_some_and(|asked| digest(asked) == *token) {
                    return Verdict::Welcome(cookie.header());
                }
                let bearers = values(head, "authorization").filter_map(bearer);
                let is_bearer = bearers.into_iter().any(|bearer| digest(bearer) == *token);
                if is_bearer || cookie.is_in(head) { Verdict::Enter } else { Verdict::NoToken }
            }
        }
    }
}

/// What the names of all such cookies begin with. Cookies are not told apart by ports: a
/// browser sends those of this listener to tenants on the same host, too.
const COOKIE: &str = "picohttp_admin_";

/// Whether a header of an answer is an operator's cookie, which a tenant on the same host could
/// put in the place of the true one.
pub(crate) fn sets_cookie(name: &str, value: &str) -> bool {
    // One without a name is sent like one that has its value for a name.
    let is_skipped = |character: char| character.is_whitespace() || character == '=';
    name.eq_ignore_ascii_case("set-cookie")
        && value.trim_start_matches(is_skipped).starts_with(COOKIE)
}

/// The places of headers that have an operator's cookie, and what they are without it.
pub(crate) fn without_cookies(headers: &[(&str, &str)]) -> Vec<(usize, String)> {
    let has_one = |(name, value): &(&str, &str)| {
        name.eq_ignore_ascii_case("cookie") && value.contains(COOKIE)
    };
    let found = headers.iter().enumerate().filter(|(_, header)| has_one(header));
    found.map(|(place, (_, value))| (place, without_own(value))).collect()
}

fn without_own(cookies: &str) -> String {
    let mut others = String::with_capacity(cookies.len());
    let cookies = cookies.split(';').map(str::trim_ascii);
    for cookie in cookies.filter(|cookie| !cookie.is_empty() && !cookie.starts_with(COOKIE)) {
        if !others.is_empty() {
            others.push_str("; ");
        }
        others.push_str(cookie);
    }
    others
}

impl Cookie {
    /// Of the token, so that it is good for as long as the token is, and is not the token.
    fn new(address: SocketAddr, token: &str) -> Cookie {
        let value: Digest = Sha256::new()
            .chain_update("picohttp admin cookie: ")
            .chain_update(token)
            .finalize()
            .into();
        Cookie { name: format!("{COOKIE}{}", address.port()), value: hex(value) }
    }

    fn header(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.name, self.value)
    }

    fn is_in(&self, head: &Head<'_>) -> bool {
        values(head, "cookie")
            .flat_map(|value| value.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, value)| name == self.name && digest(value) == digest(&self.value))
    }
}

fn digest(secret: impl AsRef<[u8]>) -> Digest {
    Sha256::digest(secret).into()
}

fn values<'a>(head: &Head<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    let headers = head.headers.iter().filter(move |(header, _)| header.eq_ignore_ascii_case(name));
    headers.map(|&(_, value)| value)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a `Host` means this machine, whoever asks: no DNS gives a number another meaning.
/// Browsers always send one.
fn is_local(authority: &str) -> bool {
    let host = http1::without_port(authority);
    let is_name = host.is_empty() || host.eq_ignore_ascii_case("localhost");
    is_name || http1::address(host).is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(gate: &Gate, target: &str, headers: &[(&str, &str)]) -> Verdict {
        let headers = headers.to_vec();
        gate.judge(&Head { method: "GET", target, protocol: "HTTP/1.1", headers })
    }

    fn gate(address: &str, token: Option<&str>) -> Gate {
        let token = token.map(|token| AdminToken::new(token).unwrap());
        Gate::new(address.parse().unwrap(), token.as_ref())
    }

    #[test]
    fn a_token_opens_in_three_ways() {
        let gate = gate("127.0.0.1:81", Some("s3+cret"));
        let authorized = |value: &str| judge(&gate, "/", &[("authorization", value)]);
        assert_eq!(authorized("Bearer s3+cret"), Verdict::Enter);
        assert_eq!(authorized("bearer s3+cret"), Verdict::Enter);
        for value in ["s3+cret", "Bearer s3", "Bearer", "Bearer s3+cret!", "Basic s3+cret", ""] {
            assert_eq!(authorized(value), Verdict::NoToken, "{value}");
        }
        let Verdict::Welcome(cookie) = judge(&gate, "/?a=b&token=s3%2Bcret", &[]) else { panic!() };
        assert!(cookie.starts_with("picohttp_admin_81=") && !cookie.contains("s3"));
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"));
        let (cookie, _) = cookie.split_once(';').unwrap();
        let with = |value: &str| judge(&gate, "/", &[("Cookie", value)]);
        assert_eq!(with(cookie), Verdict::Enter);
        assert_eq!(with(&format!("a=b; {cookie}; c=d")), Verdict::Enter);
        assert_eq!(with(&cookie[..cookie.len() - 1]), Verdict::NoToken);
        assert_eq!(judge(&gate, "/?token=", &[]), Verdict::NoToken);
        assert_eq!(judge(&gate, "/?token=s3", &[]), Verdict::NoToken);
    }

    #[test]
    fn tenants_get_no_operators_cookie() {
        let headers = [("a", "picohttp_admin_1=2"), ("COOKIE", "a=b; picohttp_admin_1=2;c=d")];
        assert_eq!(without_cookies(&headers), [(1, "a=b; c=d".to_owned())]);
        assert_eq!(without_cookies(&[("cookie", "a=b")]), []);
    }

    #[test]
    fn on_loopback_only_local_names_are_answered() {
        for own in ["127.0.0.1:81", "127.0.0.2:81", "[::1]:81", "[::ffff:127.0.0.1]:81"] {
            let gate = gate(own, None);
            let named = |host: &str| judge(&gate, "/", &[("Host", host)]);
            for host in [own, "localhost", "LOCALHOST:81", "127.0.0.1:8080", "[::1]", ""] {
                assert_eq!(named(host), Verdict::Enter, "{host}");
            }
            assert_eq!(named("evil.example"), Verdict::OddHost);
        }
        let gate = gate("127.0.0.1:81", None);
        let named = |host: &str| judge(&gate, "/", &[("Host", host)]);
        assert_eq!(judge(&gate, "/", &[]), Verdict::Enter);
        for host in [
            "192.0.2.1",
            "0.0.0.0",
            "[::]",
            "[::ffff:192.0.2.1]:81",
            "127.1",
            "localhost.evil.example",
            "127.0.0.1.evil",
            "localhost:81a",
            "[::1",
            "[::1]x",
        ] {
            assert_eq!(named(host), Verdict::OddHost, "{host}");
        }
        assert_eq!(judge(&gate, "/", &[("host", "localhost"), ("Host", "b")]), Verdict::OddHost);
    }

    #[test]
    fn elsewhere_without_a_token_all_are_answered() {
        let gate = gate("0.0.0.0:81", None);
        assert_eq!(judge(&gate, "/", &[("Host", "a.example")]), Verdict::Enter);
    }
}

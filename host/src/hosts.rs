//! The hosts that tenants have: how they are written, and whose one is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};

use crate::http1;

/// How long a host's name can be (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

/// The owners of hosts, by number.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    exact: HashMap<Box<str>, usize>,
    /// By the name below which all are meant.
    below: HashMap<Box<str>, usize>,
    others: Option<usize>,
}

impl Hosts {
    /// Gives a host that was [`read`], or all below `*.`, to `owner`. Returns who has it already.
    pub(crate) fn give(&mut self, host: &str, owner: usize) -> Result<(), usize> {
        let (names, name) = match host.strip_prefix("*.") {
            Some(name) => (&mut self.below, name),
            None => (&mut self.exact, host),
        };
        match names.entry(name.into()) {
            Entry::Occupied(taken) => Err(*taken.get()),
            Entry::Vacant(free) => {
                free.insert(owner);
                Ok(())
            }
        }
    }

    /// Gives all hosts that nobody has to `owner`. Returns who has them already.
    pub(crate) fn give_others(&mut self, owner: usize) -> Result<(), usize> {
        self.others.map_or(Ok(()), Err)?;
        self.others = Some(owner);
        Ok(())
    }

    /// Whether a request's host makes no difference.
    pub(crate) fn are_all_one(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// Whose a host is: that of the longest name that fits.
    pub(crate) fn find(&self, host: &str) -> Option<usize> {
        let host = http1::without_port(host);
        let host = normal_form(host.strip_suffix('.').unwrap_or(host));
        if host.len() > MAX_NAME {
            return self.others;
        }
        if let Some(&owner) = self.exact.get(&*host) {
            return Some(owner);
        }
        let mut rest = &*host;
        while let Some((_, parent)) = rest.split_once('.').filter(|(label, _)| is_label(label)) {
            if let Some(&owner) = self.below.get(parent) {
                return Some(owner);
            }
            rest = parent;
        }
        self.others
    }
}

/// The host that a tenant's configuration means, as it is compared: a name, one with `*.`
/// before it, or an IP address (version 6 in brackets). As in a Host header, but without a port.
/// If it means none, what to do about it.
pub(crate) fn read(written: &str) -> Result<String, &'static str> {
    let host = normal_form(written);
    let name = host.strip_prefix("*.").unwrap_or(&host);
    let is_name = name.len() <= MAX_NAME && name.split('.').all(is_label);
    if is_name || http1::address(&host).is_some() {
        return Ok(host.into_owned());
    }
    Err(if host == "*" {
        "leave `hosts` out for every host that is left"
    } else if host.starts_with('[') && host.ends_with(']') {
        "write an IPv6 address between the brackets"
    } else if host.contains('/') {
        "write only the name, without scheme and path"
    } else if host.parse::<Ipv6Addr>().is_ok() {
        "write an IPv6 address in brackets"
    } else if host.contains(':') {
        "write it without a port"
    } else if name.contains('*') {
        "`*` can only be the first label, like `*.example.com`"
    } else if name.ends_with('.') {
        "write it without the last dot"
    } else if !name.is_ascii() {
        "write it in ASCII, as `xn--`"
    } else {
        "write it like `example.com` or `*.example.com`"
    })
}

/// Whether this can stand between two dots of a host's name.
fn is_label(label: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=63).contains(&label.len()) && label.bytes().all(good)
}

/// The form in which hosts are compared: lower case, an IPv6 address in its shortest form.
fn normal_form(host: &str) -> Cow<'_, str> {
    match http1::address(host) {
        Some(IpAddr::V6(address)) => Cow::Owned(format!("[{address}]")),
        _ if host.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(host.to_ascii_lowercase())
        }
        _ => Cow::Borrowed(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let mut hosts = Hosts::default();
        for (host, owner) in
            [("a.example", 1), ("*.example", 2), ("*.b.example", 3), ("[::1]", 4), ("127.0.0.1", 5)]
        {
            hosts.give(host, owner).unwrap();
        }
        hosts
    }

    #[test]
    fn the_longest_name_decides() {
        let hosts = hosts();
        for (host, owner) in [
            ("a.example", Some(1)),
            ("c.example", Some(2)),
            ("c.a.example", Some(2)),
            ("b.example", Some(2)),
            ("c.b.example", Some(3)),
            ("d.c.b.example", Some(3)),
            ("example", None),
            ("[::1]:80", Some(4)),
            ("[0:0:0:0:0:0:0:1]:80", Some(4)),
            ("127.0.0.1:8080", Some(5)),
        ] {
            assert_eq!(hosts.find(host), owner, "{host}");
        }
    }

    #[test]
    fn one_host_is_spelt_in_many_ways() {
        let hosts = hosts();
        for host in ["A.EXAMPLE", "a.example:80", "a.example.", "A.Example.:8080", "a.example:"] {
            assert_eq!(hosts.find(host), Some(1), "{host}");
        }
    }

    #[test]
    fn what_only_looks_like_a_host_is_nobodys() {
        let hosts = hosts();
        for host in [
            "",
            ".",
            "..",
            ".example",
            "a.example..",
            "a.example:80:80",
            "a.example@evil",
            "a.example/",
            "user@b.example",
            "a/b.example",
            "a b.example",
            "%61.example",
            "*.example",
            " a.example",
            "a.example\t",
            "xa.example.evil",
            "aexample",
            "a%2eexample",
            "a.example:port",
            "::1",
            "[::1",
            "*.",
            "*",
        ] {
            let owner = hosts.find(host);
            assert!(owner.is_none_or(|owner| owner == 2), "{host} is {owner:?}");
        }
        assert_eq!(hosts.find(".example"), None);
    }

    #[test]
    fn a_host_has_one_owner() {
        let mut hosts = hosts();
        assert_eq!(hosts.give(&read("A.example").unwrap(), 9), Err(1));
        assert_eq!(hosts.give(&read("*.EXAMPLE").unwrap(), 9), Err(2));
        assert_eq!(hosts.give(&read("[0::1]").unwrap(), 9), Err(4));
        assert_eq!(hosts.find("elsewhere"), None);
        assert_eq!(hosts.give_others(7), Ok(()));
        assert_eq!(hosts.give_others(8), Err(7));
        assert_eq!(hosts.find("elsewhere"), Some(7));
        assert_eq!(hosts.find(""), Some(7));
    }

    #[test]
    fn hosts_are_names_or_addresses_in_lower_case() {
        for (written, host) in [
            ("example.com", "example.com"),
            ("API.Example.COM", "api.example.com"),
            ("*.example.com", "*.example.com"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("my_host-1", "my_host-1"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ] {
            assert_eq!(read(written).as_deref(), Ok(host));
        }
    }

    #[test]
    fn what_is_no_host_gets_a_hint() {
        for (written, hint) in [
            ("*", "leave `hosts` out"),
            ("http://example.com", "without scheme and path"),
            ("example.com/x", "without scheme and path"),
            ("example.com:80", "without a port"),
            ("[::1]:80", "without a port"),
            ("::1", "in brackets"),
            ("[::x]", "between the brackets"),
            ("*.*.example.com", "can only be the first label"),
            ("a.*.example.com", "can only be the first label"),
            ("*example.com", "can only be the first label"),
            ("example.com.", "without the last dot"),
            ("bücher.example", "as `xn--`"),
            ("", "write it like"),
            ("*.", "write it like"),
            ("a..b", "write it like"),
            ("a b", "write it like"),
        ] {
            let message = read(written).expect_err(written);
            assert!(message.contains(hint), "{written}: {message}");
        }
        assert!(read(&"a".repeat(63)).is_ok());
        assert!(read(&"a".repeat(64)).is_err());
        assert!(read(&"a.".repeat(127)).is_err());
    }
}

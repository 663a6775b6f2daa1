//! Whose a host is: names and wildcards.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::Ipv6Addr;

/// How long a host's name can be (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

/// What belongs to hosts, found by name.
#[derive(Debug)]
pub(crate) struct Hosts<T> {
    exact: HashMap<Box<str>, T>,
    /// By the name below which all are meant.
    below: HashMap<Box<str>, T>,
    others: Option<T>,
}

impl<T: Copy> Hosts<T> {
    pub(crate) fn new() -> Hosts<T> {
        Hosts { exact: HashMap::new(), below: HashMap::new(), others: None }
    }

    /// Gives a host, or all below `*.`, to `owner`. Returns who has it already.
    pub(crate) fn give(&mut self, host: &str, owner: T) -> Result<(), T> {
        let (names, name) = match host.strip_prefix("*.") {
            Some(name) => (&mut self.below, name),
            None => (&mut self.exact, host),
        };
        match names.entry(normal_form(name).into()) {
            Entry::Occupied(taken) => Err(*taken.get()),
            Entry::Vacant(free) => {
                free.insert(owner);
                Ok(())
            }
        }
    }

    /// Gives all hosts that nobody has to `owner`. Returns who has them already.
    pub(crate) fn give_others(&mut self, owner: T) -> Result<(), T> {
        self.others.map_or(Ok(()), Err)?;
        self.others = Some(owner);
        Ok(())
    }

    /// Whether a request's host makes no difference.
    pub(crate) fn are_all_one(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// Whose a host is: that of the longest name that fits.
    pub(crate) fn find(&self, host: &str) -> Option<T> {
        let host = normal_form(host);
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

/// Whether this can stand between two dots of a host's name.
pub(crate) fn is_label(label: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=63).contains(&label.len()) && label.bytes().all(good)
}

/// The form in which hosts are compared: lower case, without port and without the dot
/// of the root; an IPv6 address in its shortest form.
fn normal_form(host: &str) -> Cow<'_, str> {
    let name = match host.rsplit_once(':') {
        // Not the last part of an IPv6 address, which stands in brackets.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(Ok(address)) = address.map(str::parse::<Ipv6Addr>) {
        return Cow::Owned(format!("[{address}]"));
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts<u32> {
        let mut hosts = Hosts::new();
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
        assert_eq!(hosts.give("A.example:80", 9), Err(1));
        assert_eq!(hosts.give("*.EXAMPLE", 9), Err(2));
        assert_eq!(hosts.find("elsewhere"), None);
        assert_eq!(hosts.give_others(7), Ok(()));
        assert_eq!(hosts.give_others(8), Err(7));
        assert_eq!(hosts.find("elsewhere"), Some(7));
        assert_eq!(hosts.find(""), Some(7));
    }
}

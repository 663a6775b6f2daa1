//! The host names that a tenant may have.

use std::net::Ipv6Addr;

use crate::hosts::is_label;

/// The host that `written` means, in lower case: a name, one with `*.` before it, or an
/// IP address (version 6 in brackets). As in a Host header, but without a port. If it means none,
/// what to do about it.
pub(crate) fn read(written: &str) -> Result<String, &'static str> {
    let host = written.to_ascii_lowercase();
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr =
            address.parse().map_err(|_| "write an IPv6 address between the brackets")?;
        return Ok(format!("[{address}]"));
    }
    let name = host.strip_prefix("*.").unwrap_or(&host);
    Err(if host == "*" {
        "leave `hosts` out for every host that is left"
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
    } else if name.len() > 253 || !name.split('.').all(is_label) {
        "write it like `example.com` or `*.example.com`"
    } else {
        return Ok(host);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! What a browser lets the dashboard do: run the script and use the style that are in it,
//! and ask this listener.

use sha2::{Digest as _, Sha256};

/// A `Content-Security-Policy`.
pub(super) struct Policy(String);

impl Policy {
    /// For a page whose scripts and styles are all in elements without attributes.
    pub(super) fn of(page: &str) -> Policy {
        let (scripts, styles) = (sources(page, "script"), sources(page, "style"));
        Policy(format!(
            "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digests of all elements of a kind.
fn sources(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let contents = page.split(&open).skip(1).filter_map(|rest| rest.split(&close).next());
    let sources = contents.map(|content| format!("'sha256-{}'", base64(&Sha256::digest(content))));
    let sources: Vec<String> = sources.collect();
    if sources.is_empty() { "'none'".to_owned() } else { sources.join(" ") }
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 0x3f) as usize);
            let digit = digit.filter(|_| place <= chunk.len()).unwrap_or(&b'=');
            text.push(char::from(*digit));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::pages::DASHBOARD;

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn what_is_in_the_page_is_allowed_and_nothing_else() {
        let policy = Policy::of("<style>a</style><script>b</script><script>c</script>");
        let source = |content: &str| format!("'sha256-{}'", base64(&Sha256::digest(content)));
        let scripts = format!("script-src {} {};", source("b"), source("c"));
        assert!(policy.as_str().contains(&scripts), "{}", policy.as_str());
        assert!(policy.as_str().contains(&format!("style-src {};", source("a"))));
        assert!(Policy::of("").as_str().contains("script-src 'none'; style-src 'none';"));
    }

    #[test]
    fn the_dashboard_has_nothing_that_is_not_allowed() {
        let page = DASHBOARD.to_ascii_lowercase();
        // No icon: browsers would ask for one.
        let page = page.replace(r#"<link rel="icon" href="data:,">"#, "");
        for forbidden in
            ["<script ", "<style ", " style=", " onclick=", " onload=", "<link ", "@import"]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}

//! The word that operators must know.

use std::fmt;

/// The word that operators must know, where not whoever can connect may see their pages.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken(String);

/// Why a text is no [`AdminToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminTokenError {
    /// There is nothing in it, so that anybody would know it.
    #[error("the token is empty; it must be a long random word")]
    Empty,
    /// Nobody could send it in a header (RFC 6750 section 2.1).
    #[error("the token is not one word of ASCII letters, digits and marks; nobody could send it")]
    NotAWord,
}

impl AdminToken {
    /// The word in a text, which may have white space around it, as a file's last line end.
    ///
    /// # Errors
    ///
    /// [`AdminTokenError`].
    pub fn new(text: &str) -> Result<AdminToken, AdminTokenError> {
        match text.trim() {
            "" => Err(AdminTokenError::Empty),
            word if word.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(AdminToken(word.to_owned()))
            }
            _ => Err(AdminTokenError::NotAWord),
        }
    }

    pub(super) fn word(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_that_can_be_sent() {
        assert_eq!(AdminToken::new("s3cret!\n").unwrap().word(), "s3cret!");
        for (text, error) in [
            ("", AdminTokenError::Empty),
            (" \n", AdminTokenError::Empty),
            ("two words", AdminTokenError::NotAWord),
            ("schlüssel", AdminTokenError::NotAWord),
            ("a\u{7f}", AdminTokenError::NotAWord),
        ] {
            assert_eq!(AdminToken::new(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", AdminToken::new("s3cret")), "Ok(AdminToken(..))");
    }
}

//! What a handler is given.

use std::path::Path;

use clap::Args;
use picohttp_host::Directory;

/// What a handler is given, and what it may reach.
#[derive(Args, Clone, Debug)]
pub struct Grants {
    /// Pass an argument to the handler; repeatable, in order
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, requires = "handler")]
    pub arg: Vec<String>,

    /// Let the handler open a folder, read-only unless `rw`; GUEST is what the handler
    /// calls it, HOST unless given; repeatable
    #[arg(long, value_name = "HOST[::GUEST[::rw]]", value_parser = directory)]
    pub dir: Vec<Directory>,

    /// Let the handler see an environment variable, the host's own without VALUE;
    /// repeatable
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    pub env: Vec<(String, String)>,
}

fn directory(text: &str) -> Result<Directory, String> {
    picohttp_host::config::directory(text, Path::new(""))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, std::env::var(text).ok()),
    };
    if name.is_empty() {
        return Err("the variable's name is missing".to_owned());
    }
    let value = value.ok_or_else(|| format!("{name} is not set here; write {name}=VALUE"))?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_only_unless_told_otherwise() {
        let granted = |text: &str| directory(text).map(|dir| (dir.guest, dir.writable));
        assert_eq!(granted("src"), Ok(("src".to_owned(), false)));
        assert_eq!(granted("src::/data"), Ok(("/data".to_owned(), false)));
        assert_eq!(granted("src::/data::rw"), Ok(("/data".to_owned(), true)));
        for wrong in ["", "src::/data::rx", "src::/data::rw::", "no-such-folder", "Cargo.toml"] {
            assert!(granted(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn variables_have_a_value_or_are_inherited() {
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(
            variable("CARGO_PKG_NAME"),
            Ok(("CARGO_PKG_NAME".to_owned(), "picohttp-host".to_owned()))
        );
        assert!(variable("=b").is_err());
        assert!(variable("PICOHTTP_NO_SUCH_VARIABLE").is_err());
    }
}

//! A bound on what is kept: what was used longest ago goes first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::{Kind, kind};

/// How old a file must be that was never finished. Who began it has ended then.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Removes entries until all together take at most so many bytes, and what other processes
/// have left unfinished. What is not of a cache's making stays. Returns how many bytes are left.
pub(super) fn prune(folder: &Path, most: u64) -> io::Result<u64> {
    let now = SystemTime::now();
    let mut entries = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        // Another process may have removed it by now.
        let (Some(kind), Ok(metadata)) = (kind(&file.file_name()), file.metadata()) else {
            continue;
        };
        let used = metadata.modified()?;
        match kind {
            Kind::Entry => entries.push((used, metadata.len(), file.path())),
            Kind::Unfinished if now.duration_since(used).is_ok_and(|age| age > ABANDONED) => {
                remove(&file.path())?;
            }
            Kind::Unfinished => {}
        }
    }
    entries.sort_unstable();
    let mut total = entries.iter().fold(0, |total: u64, (_, size, _)| total.saturating_add(*size));
    for (_, size, path) in entries {
        if total <= most {
            break;
        }
        remove(&path)?;
        total = total.saturating_sub(size);
    }
    Ok(total)
}

fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        // Another process was first.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Folder {
            Folder(tempfile::tempdir().unwrap())
        }

        /// A file of 10 bytes that was last used so long ago.
        fn with(self, name: &str, age: Duration) -> Folder {
            let path = self.0.path().join(name);
            fs::write(&path, [0; 10]).unwrap();
            File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
            self
        }

        /// What is left.
        fn pruned_to(&self, most: u64) -> Vec<String> {
            prune(self.0.path(), most).unwrap();
            let files = fs::read_dir(self.0.path()).unwrap();
            let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
    }

    fn entry(digit: &str) -> String {
        digit.repeat(64)
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let [a, b, c] = ["a", "b", "c"].map(entry);
        let folder = Folder::new().with(&a, HOUR).with(&b, 3 * HOUR).with(&c, 2 * HOUR);
        assert_eq!(folder.pruned_to(30), [&*a, &b, &c]);
        assert_eq!(folder.pruned_to(29), [&*a, &c]);
        assert_eq!(folder.pruned_to(10), [&*a]);
        assert!(folder.pruned_to(9).is_empty());
    }

    #[test]
    fn what_is_unfinished_for_long_goes() {
        let unfinished =
            |digit| format!("{}.{}.unfinished", entry("a"), "0123456789abcde".to_owned() + digit);
        let [old, new] = ["0", "1"].map(unfinished);
        let folder = Folder::new().with(&old, 2 * HOUR).with(&new, HOUR / 2);
        assert_eq!(folder.pruned_to(0), [&*new]);
    }

    #[test]
    fn what_is_not_of_a_cache_stays() {
        let others = [
            &entry("a")[1..],
            &entry("A"),
            &entry("g"),
            &(entry("a") + "0"),
            &(entry("a") + ".wasm"),
            &(entry("a") + ".0.unfinished"),
            "notes.txt",
        ];
        let folder = others.iter().fold(Folder::new(), |it, name| it.with(name, 99 * HOUR));
        let mut others = others.map(str::to_owned);
        others.sort();
        assert_eq!(folder.pruned_to(0), others);
    }
}

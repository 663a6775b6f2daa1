//! Where a path leads, and every place on the way there.

use std::path::{Path, PathBuf, absolute};

/// Every place at which what is found at a path could be changed: each of its parts, by its
/// name where it is, and the place where the path leads. Whoever may write in a folder with
/// one of them may put something else there: another file, or another link.
pub fn places(path: &Path) -> Vec<PathBuf> {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    let named = path.ancestors().filter_map(|part| {
        let folder = part.parent()?.canonicalize().ok()?;
        Some(folder.join(part.file_name()?))
    });
    named.chain(path.canonicalize().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_a_place_and_so_is_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["data", "elsewhere"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        fs::write(root.join("elsewhere/h.wasm"), "").unwrap();
        symlink("../elsewhere/h.wasm", root.join("data/h.wasm")).unwrap();
        symlink("elsewhere", root.join("link")).unwrap();
        let found = places(&root.join("data/h.wasm"));
        for place in ["data", "data/h.wasm", "elsewhere/h.wasm"] {
            assert!(found.contains(&root.join(place)), "{place}: {found:?}");
        }
        let found = places(&root.join("link/h.wasm"));
        for place in ["link", "elsewhere/h.wasm"] {
            assert!(found.contains(&root.join(place)), "{place}: {found:?}");
        }
    }

    #[test]
    fn what_is_not_there_yet_is_in_the_folders_that_are() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        assert!(places(&root.join("no/such/file")).contains(&root.join("no")));
        assert!(!places(Path::new("no-such-file")).is_empty());
    }
}

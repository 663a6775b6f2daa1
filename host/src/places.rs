//! Where a path leads, and every place on the way there.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf, absolute};

/// How many links are followed: as many as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// A step on the way: back to the root, up, or on to what has this name.
enum Step {
    Root,
    Up,
    Name(OsString),
}

/// Every place at which what is found at a path could be changed: each of its parts, where that
/// is; each link that leads on from there, and each part of where that leads; and the end, which
/// is the last of them. Whoever may write in a folder with one of them may put something else
/// there: another file, or another link.
pub fn places(path: &Path) -> Vec<PathBuf> {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut steps: VecDeque<Step> = steps(&path).collect();
    let mut at = PathBuf::from("/");
    let (mut places, mut links) = (Vec::new(), 0);
    while let Some(step) = steps.pop_front() {
        let place = match step {
            Step::Root => {
                at = PathBuf::from("/");
                continue;
            }
            Step::Up => {
                at.pop();
                continue;
            }
            Step::Name(name) => at.join(name),
        };
        match fs::read_link(&place) {
            Ok(target) if links < MAX_LINKS => {
                links += 1;
                for step in self::steps(&target).rev() {
                    steps.push_front(step);
                }
            }
            _ => at.clone_from(&place),
        }
        places.push(place);
    }
    places
}

/// The folders in which the parts of a path are looked up, and those of where its links lead.
pub(crate) fn folders_on_the_way(path: &Path) -> Vec<PathBuf> {
    places(path).iter().filter_map(|place| place.parent()).map(Path::to_owned).collect()
}

/// The folder in which the last part of a path is looked up.
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// What a folder or a file is, whatever path leads there: its device, and its number on that.
pub type Identity = (u64, u64);

/// What is at a path, if something is.
pub fn identity(path: &Path) -> Option<Identity> {
    let metadata = path.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn steps(path: &Path) -> impl DoubleEndedIterator<Item = Step> {
    path.components().filter_map(|part| match part {
        Component::RootDir => Some(Step::Root),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Name(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_is_a_place_and_so_is_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["data", "middle", "elsewhere"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        fs::write(root.join("elsewhere/h.wasm"), "").unwrap();
        symlink("../elsewhere/h.wasm", root.join("middle/h.wasm")).unwrap();
        symlink(root.join("middle/h.wasm"), root.join("data/h.wasm")).unwrap();
        symlink("elsewhere", root.join("link")).unwrap();
        let found = places(&root.join("data/h.wasm"));
        for place in ["data", "data/h.wasm", "middle", "middle/h.wasm", "elsewhere"] {
            assert!(found.contains(&root.join(place)), "{place}: {found:?}");
        }
        assert_eq!(found.last(), Some(&root.join("elsewhere/h.wasm")));
        let found = places(&root.join("data/../link/h.wasm"));
        assert!(found.contains(&root.join("link")), "{found:?}");
        assert_eq!(found.last(), Some(&root.join("elsewhere/h.wasm")));
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        let found = places(&root.join("a"));
        assert!(found.contains(&root.join("b")), "{found:?}");
    }

    #[test]
    fn what_is_not_there_yet_is_in_the_folders_that_are() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let found = places(&root.join("no/such/file"));
        assert!(found.contains(&root.join("no")), "{found:?}");
        assert!(!places(Path::new("no-such-file")).is_empty());
    }
}

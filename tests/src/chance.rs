//! Numbers as if by chance, and the same in every run.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A number below `end`.
pub fn chosen(seed: impl Hash, end: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    (hasher.finish() % end as u64) as usize
}

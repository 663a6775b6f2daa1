//! Counts what an instance takes, in sum over all its memories and tables.
//!
//! `wasmtime`'s own limits are for each memory and table by itself; a guest made of
//! many would multiply them.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, Result};

use super::engine::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};
use crate::Origin;

/// The memory and table elements that one instance has, and may have.
#[derive(Debug)]
pub(super) struct Meter {
    /// Whose account the memory is on, too.
    pub(super) origin: Arc<Origin>,
    memory: usize,
    max_memory: usize,
    elements: usize,
    refused: bool,
}

impl Meter {
    pub(super) fn new(origin: Arc<Origin>, max_memory: usize) -> Meter {
        Meter { origin, memory: 0, max_memory, elements: 0, refused: false }
    }

    /// How much memory the instance has, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// How many elements its tables have.
    pub(super) fn elements(&self) -> usize {
        self.elements
    }

    /// Whether the instance was refused memory. If it then dies, this is why.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// What `total` becomes when one of its parts grows from `current` to `desired`, if
    /// that part may and the total stays within `limit`. A part that has a maximum of its
    /// own must not be counted beyond it: it will not grow.
    fn grow(
        &mut self,
        total: usize,
        limit: usize,
        (current, desired, maximum): (usize, usize, Option<usize>),
    ) -> Option<usize> {
        let grown = desired.checked_sub(current).and_then(|more| total.checked_add(more));
        let may_grow = maximum.is_none_or(|maximum| desired <= maximum);
        let grown = grown.filter(|&grown| may_grow && grown <= limit);
        self.refused |= grown.is_none();
        grown
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.origin.account.give_memory(self.memory);
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let grown = self.grow(self.memory, self.max_memory, (current, desired, maximum));
        let Some(memory) = grown else { return Ok(false) };
        let may_grow = self.origin.account.take_memory(memory.saturating_sub(self.memory));
        if may_grow {
            self.memory = memory;
        }
        self.refused |= !may_grow;
        Ok(may_grow)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let grown = self.grow(self.elements, TABLE_ELEMENTS, (current, desired, maximum));
        self.elements = grown.unwrap_or(self.elements);
        Ok(grown.is_some())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(max_memory: usize) -> Meter {
        Meter::new(Arc::new(Origin::new("tenant", "/...")), max_memory)
    }

    #[test]
    fn memories_are_counted_in_sum() {
        let mut meter = meter(100);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 40, None).unwrap());
        assert!(!meter.refused());
        assert!(!meter.memory_growing(40, 41, None).unwrap());
        assert!(meter.refused());
        assert!(meter.memory_growing(40, 40, None).unwrap());
    }

    #[test]
    fn what_cannot_grow_is_not_counted() {
        let mut meter = meter(100);
        assert!(meter.memory_growing(0, 10, Some(10)).unwrap());
        for _ in 0..100 {
            assert!(!meter.memory_growing(10, 11, Some(10)).unwrap());
        }
        assert!(meter.memory_growing(0, 90, None).unwrap());
    }

    #[test]
    fn a_tenants_instances_are_counted_in_sum() {
        let origin = Arc::new(Origin::new("tenant", "/..."));
        origin.account.set_bounds(Some(100), None, false);
        let mut one = Meter::new(Arc::clone(&origin), 80);
        let mut other = Meter::new(Arc::clone(&origin), 80);
        assert!(one.memory_growing(0, 60, None).unwrap());
        assert!(!other.memory_growing(0, 60, None).unwrap());
        assert!(other.refused());
        drop(one);
        assert!(other.memory_growing(0, 60, None).unwrap());
        drop(other);
        assert_eq!(origin.account.memory(), 0);
    }

    #[test]
    fn tables_are_counted_in_sum() {
        let mut meter = meter(0);
        assert!(meter.table_growing(0, TABLE_ELEMENTS - 1, None).unwrap());
        assert!(meter.table_growing(0, 1, None).unwrap());
        assert!(!meter.table_growing(1, usize::MAX, None).unwrap());
    }
}

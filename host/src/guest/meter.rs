//! Counts what an instance takes, in sum over all its memories and tables.
//!
//! `wasmtime`'s own limits are for each memory and table by itself; a guest made of
//! many would multiply them.

use std::fmt;
use std::mem;
use std::sync::Arc;

use wasmtime::{ResourceLimiter, Result};

use super::pool::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};
use crate::config::units::shown_size;
use crate::{Limit, Origin};

/// The memory and table elements that one instance has, and may have.
#[derive(Debug)]
pub(super) struct Meter {
    /// Whose account the memory is on, too.
    pub(super) origin: Arc<Origin>,
    memory: usize,
    /// By how much that has just grown, if the system has so much.
    growing: usize,
    max_memory: usize,
    elements: usize,
    refused: Option<Refusal>,
}

/// Why an instance was refused memory, or elements of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// All its memories would have had more bytes than this in sum.
    MaxMemory(usize),
    /// All its tenant's instances would have had more memory than they may.
    MaxMemoryTotal,
    /// All its tables would have had more elements than [`TABLE_ELEMENTS`] in sum.
    TableElements,
    /// One memory or table would have been larger than it is declared to become.
    Declared,
    /// The system had no more.
    System,
}

impl Refusal {
    /// The limit that was met, if it is not the guest's own.
    pub(super) fn limit(self) -> Option<Limit> {
        match self {
            Refusal::MaxMemory(_) => Some(Limit::Memory),
            Refusal::MaxMemoryTotal => Some(Limit::TotalMemory),
            Refusal::TableElements => Some(Limit::TableElements),
            Refusal::Declared => None,
            Refusal::System => Some(Limit::SystemMemory),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::MaxMemory(most) => {
                write!(f, "refused more memory than max_memory, {}", shown_size(*most))
            }
            Refusal::MaxMemoryTotal => {
                f.write_str("refused more memory than its tenant's max_memory_total")
            }
            Refusal::TableElements => {
                write!(f, "refused more than {TABLE_ELEMENTS} table elements")
            }
            Refusal::Declared => f.write_str("refused more than its memory or table declares"),
            Refusal::System => f.write_str("refused memory by the system"),
        }
    }
}

impl Meter {
    pub(super) fn new(origin: Arc<Origin>, max_memory: usize) -> Meter {
        Meter { origin, memory: 0, growing: 0, max_memory, elements: 0, refused: None }
    }

    /// How much memory the instance has, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// How many elements its tables have.
    pub(super) fn elements(&self) -> usize {
        self.elements
    }

    /// Why the instance was last refused something, if it was. If it then dies, this is why.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    fn refuse(&mut self, why: Refusal) -> Result<bool> {
        // What a guest itself has ruled out says least.
        if why != Refusal::Declared || self.refused.is_none() {
            self.refused = Some(why);
        }
        Ok(false)
    }
}

/// What `total` becomes when one of its parts grows from `current` to `desired`, if the total
/// stays within `limit`.
fn grown(total: usize, limit: usize, current: usize, desired: usize) -> Option<usize> {
    let more = desired.checked_sub(current)?;
    total.checked_add(more).filter(|&grown| grown <= limit)
}

/// Whether a part may grow that has a maximum of its own. It must not be counted beyond it: it
/// will not grow.
fn is_declared(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_none_or(|maximum| desired <= maximum)
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
        let Some(memory) = grown(self.memory, self.max_memory, current, desired) else {
            return self.refuse(Refusal::MaxMemory(self.max_memory));
        };
        if !is_declared(desired, maximum) {
            return self.refuse(Refusal::Declared);
        }
        let growing = memory.saturating_sub(self.memory);
        if !self.origin.account.take_memory(growing) {
            return self.refuse(Refusal::MaxMemoryTotal);
        }
        (self.memory, self.growing) = (memory, growing);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> Result<()> {
        let growing = mem::take(&mut self.growing);
        self.memory = self.memory.saturating_sub(growing);
        self.origin.account.give_memory(growing);
        self.refused = Some(Refusal::System);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let Some(elements) = grown(self.elements, TABLE_ELEMENTS, current, desired) else {
            return self.refuse(Refusal::TableElements);
        };
        if !is_declared(desired, maximum) {
            return self.refuse(Refusal::Declared);
        }
        self.elements = elements;
        Ok(true)
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
        assert_eq!(meter.refused(), None);
        assert!(!meter.memory_growing(40, 41, None).unwrap());
        assert_eq!(meter.refused(), Some(Refusal::MaxMemory(100)));
        assert!(meter.memory_growing(40, 40, None).unwrap());
    }

    #[test]
    fn what_the_system_does_not_have_is_not_counted() {
        let mut meter = meter(100);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        for _ in 0..10 {
            assert!(meter.memory_growing(60, 100, None).unwrap());
            meter.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        }
        assert_eq!((meter.memory(), meter.origin.account.memory()), (60, 60));
        assert_eq!(meter.refused(), Some(Refusal::System));
    }

    #[test]
    fn what_cannot_grow_is_not_counted() {
        let mut meter = meter(100);
        assert!(meter.memory_growing(0, 10, Some(10)).unwrap());
        for _ in 0..100 {
            assert!(!meter.memory_growing(10, 11, Some(10)).unwrap());
        }
        assert_eq!(meter.refused(), Some(Refusal::Declared));
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
        assert_eq!(other.refused(), Some(Refusal::MaxMemoryTotal));
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
        assert_eq!(meter.refused(), Some(Refusal::TableElements));
    }
}

//! The places that instances have: how many there are, and what free ones keep.

use std::ops::RangeInclusive;

use wasmtime::{Enabled, PoolingAllocationConfig};

use super::engine::{Allocation, EngineOptions};

/// How many table elements all tables of one instance may have in sum.
pub(super) const TABLE_ELEMENTS: usize = 100_000;

/// How many of each thing one component may be made of. Python components, the
/// largest known, stay well below.
pub(super) const CORE_INSTANCES: u32 = 100;
pub(super) const MEMORIES: u32 = 4;
pub(super) const TABLES: u32 = 32;

/// How large one linear memory can be: 64-bit memories are off.
const MAX_MEMORY_SIZE: usize = 1 << 32;

/// How much of all memories stays resident while their slots are free, and how much of each, at
/// least and at most. It is on nobody's account: whoever has many components has many slots.
const KEEP_RESIDENT: usize = 256 << 20;
const KEEP_RESIDENT_OF_EACH: RangeInclusive<usize> = 64 << 10..=1 << 20;

/// The same of tables. An instance can have many, so there are many slots; one that is free goes to
/// any component, and not to the one that had it before.
const KEEP_TABLES_RESIDENT: usize = 64 << 20;
const KEEP_TABLES_RESIDENT_OF_EACH: RangeInclusive<usize> = 4 << 10..=32 << 10;

/// How many places there are beyond those that can be in use at once. Each reserves 8 GiB of
/// addresses, of which there are 128 TiB.
const MAX_SPARE: u32 = 4096;

/// How many memories there can be places for, if an instance can have more than two: each
/// reserves addresses, too.
const MAX_MEMORIES: u32 = 4096;

/// How many memories an instance can have where so many live at once. All of them must find
/// places, or those of one tenant could take all there are.
pub(super) fn memories(live: u32) -> u32 {
    (MAX_MEMORIES / live).clamp(2, MEMORIES)
}

/// All places of an engine.
pub(super) fn pool(options: &EngineOptions, allocation: Allocation) -> PoolingAllocationConfig {
    // The pool does not always find a component's own place among few that are free.
    let spare = options.components.saturating_sub(1).saturating_mul(2).min(MAX_SPARE);
    let live = options.instances.max(1);
    let instances = live.saturating_add(spare);
    let memories = memories(live);
    // All that those may need that live at once, or some would be refused for what others
    // have; and what an instance needs as a rule to spare.
    let all_memories = live.saturating_mul(memories).saturating_add(spare * 2);
    let all_tables = live.saturating_mul(TABLES).saturating_add(spare * 4);
    let of_memory = part(KEEP_RESIDENT, all_memories, KEEP_RESIDENT_OF_EACH);
    let of_table = part(KEEP_TABLES_RESIDENT, all_tables, KEEP_TABLES_RESIDENT_OF_EACH);
    let pagemap = allocation == Allocation::PoolingPagemap;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .total_memories(all_memories)
        .total_tables(all_tables)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(memories)
        .max_memories_per_module(memories)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(options.max_memory.min(MAX_MEMORY_SIZE))
        .table_elements(TABLE_ELEMENTS)
        .max_unused_warm_slots(instances)
        .pagemap_scan(if pagemap { Enabled::Yes } else { Enabled::No })
        // Without a scan all that is kept must be cleared, used or not.
        .linear_memory_keep_resident(if pagemap { of_memory } else { of_memory / 8 })
        .table_keep_resident(if pagemap { of_table } else { of_table / 2 });
    pool
}

/// What each of so many gets of `all`.
fn part(all: usize, count: u32, each: RangeInclusive<usize>) -> usize {
    let part = all / usize::try_from(count.max(1)).unwrap_or(usize::MAX);
    part.clamp(*each.start(), *each.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_places_the_less_each_keeps() {
        let each = |count| part(KEEP_RESIDENT, count, KEEP_RESIDENT_OF_EACH) >> 10;
        assert_eq!([1, 256, 1024, 4096, u32::MAX].map(each), [1024, 1024, 256, 64, 64]);
    }
}

//! What an instance of a component is made of, and how soon it is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::component::Component;
use super::fault;
use crate::{Call, Fault, Origin, RequestId};

/// What an instance begins with, before it is asked for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Footprint {
    /// How long it took until the instance was there.
    pub instantiate: Duration,
    /// How many memories it has.
    pub memories: u32,
    /// How large they are in sum, in bytes.
    pub memory: usize,
    /// How many tables it has.
    pub tables: u32,
    /// How many elements they have in sum.
    pub table_elements: usize,
}

impl Component {
    /// Makes an instance, and throws it away.
    ///
    /// # Errors
    ///
    /// Why there can be no instance: code that runs then has trapped, for example, or there is
    /// more in it than it may have.
    pub fn footprint(&self) -> Result<Footprint, Fault> {
        let origin = Arc::new(Origin::new(self.name(), "/..."));
        let call = Call::new(RequestId::default(), &[], &origin);
        let began = Instant::now();
        let mut store = self.store(&call);
        let instance = self.pre.instantiate(&mut store);
        let instantiate = began.elapsed();
        let state = store.data();
        instance.map_err(|error| fault::of(&error, state))?;
        let parts = self.pre.instance_pre().component().resources_required();
        Ok(Footprint {
            instantiate,
            memories: parts.as_ref().map_or(0, |parts| parts.num_memories),
            memory: state.meter.memory(),
            tables: parts.as_ref().map_or(0, |parts| parts.num_tables),
            table_elements: state.meter.elements(),
        })
    }
}

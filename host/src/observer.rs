//! Who is told how each request ended, in the process itself.

use std::time::Duration;

use tracing::error;

use crate::Outcome;
use crate::catch_panic::catch_panic;
use crate::rate::Seldom;

/// One who is told.
pub(crate) struct Observer {
    observe: Box<dyn Fn(&Outcome<'_>) + Send + Sync>,
    /// When it was last said that it has panicked.
    told: Seldom,
}

/// How often that is said.
const COMPLAINTS: Duration = Duration::from_secs(5);

impl Observer {
    pub(crate) fn new(observe: impl Fn(&Outcome<'_>) + Send + Sync + 'static) -> Observer {
        Observer { observe: Box::new(observe), told: Seldom::default() }
    }

    /// Tells of a request. If that panics, the request has its answer nevertheless.
    pub(crate) fn tell(&self, outcome: &Outcome<'_>) {
        if let Err(panic) = catch_panic(|| (self.observe)(outcome))
            && self.told.may(COMPLAINTS)
        {
            error!(request = %outcome.id, panic, "the observer has panicked");
        }
    }
}

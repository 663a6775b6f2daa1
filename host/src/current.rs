//! The component that serves now, which another can replace while it serves.

use arc_swap::ArcSwap;

use crate::{Call, Component, Fault, Handler, Request, Response};

/// A handler that can be replaced without a pause: requests that run keep the component
/// they began with, and those that come after get the new one.
pub struct Current(ArcSwap<Component>);

impl Current {
    /// Begins with `component`.
    pub fn new(component: Component) -> Current {
        Current(ArcSwap::from_pointee(component))
    }

    /// Puts `component` in its place.
    pub fn replace(&self, component: Component) {
        self.0.store(component.into());
    }
}

impl Handler for Current {
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
        self.0.load().handle(request, call)
    }
}

//! The end-to-end tests: real sockets, real components, one behaviour each.

mod contract; // every row of what picohttp promises
mod keep_alive; // connections that persist
mod parity; // the same answers as the Python package, or a reason

//! What the end-to-end tests share: guests that are built when they are first asked
//! for, a host around one of them, and a client that speaks in bytes.

pub mod alone;
pub mod answers;
pub mod bombs;
pub mod chance;
pub mod client;
pub mod flips;
pub mod gate;
pub mod guests;
pub mod host;
pub mod old_kernel;
pub mod sandbox;
pub mod service_manager;
pub mod shared;
pub mod text;

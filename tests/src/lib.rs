//! What the tests and the benches share: guests and the program, built when they are first
//! asked for, a host around a guest, the program as a child process, and a client that speaks
//! in bytes.

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
pub mod process;
pub mod program;
pub mod sandbox;
pub mod service_manager;
pub mod shared;
pub mod successor;
pub mod text;
pub mod wrk;

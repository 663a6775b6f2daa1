//! The command, run as its users run it.

mod running; // what the tests share: the command as a child process
mod serving; // what is served, and from where
mod errors; // what is said about bad input
mod log; // what reaches the log
mod configuration; // a file with many tenants, and what is said of it
mod reloading; // such a file that changes while it is served
mod watching; // a handler that changes while it is served
mod activation; // sockets from systemd
mod restarting; // one process after another
mod taking_over; // what it has of the one before
mod stopping; // signals and exit codes
mod loading; // a start at which not every handler is there
mod compiling; // what compiles handlers, and what may not be compiled
mod writable; // what handlers may not be let write in
mod confinement; // what a process that serves cannot do
mod clock; // what ends handlers, and what ends the host if it does not
mod beginning; // a new handler
mod calling; // one request, without a server
mod certificates; // TLS and the operators' token, as files
mod checking; // what a handler is, or what is wrong with it
mod precompiling; // handlers as machine code
mod describing; // what the command says of itself

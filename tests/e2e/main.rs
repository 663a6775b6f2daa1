//! The end-to-end tests: real sockets, real components, one behaviour each.

mod contract; // every row of what picohttp promises
mod parity; // the same answers as the Python package, or a reason
mod framing; // where messages end, and what is said when that is in doubt
mod keep_alive; // connections that persist
mod edges; // and miss nothing that comes
mod lingering; // clients that are still sending when they are answered
mod clients; // the slow, the idle, the deaf and the gone
mod tls; // the same over TLS, and all that comes before a request there
mod bounds; // what all clients may take together
mod hostile; // the program itself, among hostile clients and in hostile surroundings
mod library; // starting, stopping, and how much runs at once
mod embedding; // in another program
mod sharing; // one listening socket, and several servers
mod tenants; // whose a request is: hosts, paths, and odd spellings of both
mod limits; // the names of limits that requests meet
mod refusals; // who is told to try again later, and tries at once
mod lanes; // what a tenant and a route may have, and that others have theirs
mod background; // handlers that run for long
mod turns; // handlers that wait, and come back
mod replacing; // other tenants, without a pause
mod plugins; // the handlers in plugins/
mod load; // what cannot be a handler, and why
mod compiling; // a compiler that is a command, whatever that does
mod flips; // components with bits that are not theirs
mod cache; // compiled before, and believed or not
mod hostile_guests; // guests that misbehave: what each comes to, and what is left of it
mod sandbox; // what a guest may have, to the byte
mod panics; // the host itself panics
mod isolation; // one request leaves nothing to another
mod imports; // handlers in Rust that need nothing
mod grants; // what a guest was granted, and nothing else
mod output; // what a guest prints
mod admin; // what an operator sees, and who may
mod dashboard; // the same in a real browser
mod deploy; // what is in deploy/, checked by what will read it
mod documents; // whose links lead somewhere
mod access_log; // one line for each request
mod request_ids; // the names that requests go by

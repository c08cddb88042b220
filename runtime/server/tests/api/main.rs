//! The HTTP face and `serve`: a router in the test's process, a real host, and, where sockets and signals matter, the
//! real server and the real program.

mod bad_input;
mod cluster;
mod databases;
mod events;
mod executions;
mod face;
mod faults;
mod guests;
mod journal;
mod nodes;
mod program;
mod routes;
mod sockets;
mod trigger;
mod workflows;

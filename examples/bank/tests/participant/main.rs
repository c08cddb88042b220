//! The bank as its callers see it: HTTP in process, gRPC over a local port, and the binary.

mod binary;
mod client;
mod faults;
mod grpc;
mod http;
mod message;
mod outage;
mod saga;
mod tcc;

//! The outbound side against real servers, HTTP and gRPC.

mod discovery;
mod grpc;
mod http;
mod participant;
mod policies;
mod request;

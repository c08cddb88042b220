//! The outbound side against real servers, HTTP and gRPC.

mod grpc;
mod http;
mod participant;
mod policies;
mod request;

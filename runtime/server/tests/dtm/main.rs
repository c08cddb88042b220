//! DTM's face as its clients see it: HTTP, JSON-RPC and gRPC against the real server, with a participant that notes what
//! it is asked for. What DTM does wrong has a test of what is right (docs/dtm.md).

mod client;
mod defects;
mod grpc;
mod json_rpc;
mod listing;
mod messages;
mod operations;
mod participant;
mod sagas;
mod stage;
mod tcc;
mod topics;
mod waiting;
mod workflows;
mod xa;

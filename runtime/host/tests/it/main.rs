//! The host with real guests and an execution driven by hand: no store, no network, no waiting.

mod cache;
mod drive;
mod guests;
mod http;
mod limits;
mod measure;
mod module;
mod output;
mod replay;
mod stack;
mod upload;

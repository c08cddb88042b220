//! The `reprise` program: the HTTP face, that of DTM, the configuration, the server that puts the rooms together, the command line.

pub mod api;
pub mod cli;
pub mod config;
pub mod dtm;
pub mod serve;

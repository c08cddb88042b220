//! The command line as a newcomer uses it: the real program, a real server, a real guest made by `reprise new`.

mod check;
mod component;
mod errors;
mod executions;
mod new;
mod participants;
mod program;
mod project;

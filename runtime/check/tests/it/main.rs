//! The matrix of real workflows: those of the examples are clean, those with a mistake are caught.

mod careless;
mod examples;
mod participants;
mod reality;
mod support;

//! What every store does: each verb on each store, and the stores against each other. A new one is done when it passes.

mod differential;
mod support;
mod verbs;

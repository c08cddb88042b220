//! The functions of the WIT world as the rest of the crate calls them: the runtime's on Wasm, those of a
//! [`TestHost`](crate::testing::TestHost) elsewhere.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::reprise::workflow::{
    log::write,
    random::bytes,
    time::{now, timer},
    transaction::{
        cancel, new_branch, on_commit, on_commit_handler, on_finish, on_rollback, on_rollback_handler, scope,
        set_options, submit, take_response, wait_any,
    },
};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::imports::{
    bytes, cancel, new_branch, now, on_commit, on_commit_handler, on_finish, on_rollback, on_rollback_handler, scope,
    set_options, submit, take_response, timer, wait_any, write,
};

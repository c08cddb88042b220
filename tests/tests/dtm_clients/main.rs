//! Clients of DTM against the real program: an application on DTM's own client for Python, unmodified; and transactions of
//! every kind, in which the runtime is killed with SIGKILL before and after every append and every send.

mod application;
mod crash;
mod script;

use std::path::Path;

use anyhow::Result;
use reprise_tests::{Runtime, RuntimeOptions};

/// Starts a runtime that serves DTM's clients too; the address of its HTTP API.
fn runtime(dir: &Path, options: RuntimeOptions) -> Result<(Runtime, String)> {
    let mut arguments = vec!["--dtm".to_owned()];
    for key in ["dtm.listen", "dtm.grpc_listen"] {
        arguments.extend(["--set".to_owned(), format!("{key}=127.0.0.1:0")]);
    }
    arguments.extend(options.arguments);
    let runtime = Runtime::start_for(dir, &[], &RuntimeOptions { arguments, ..options })?;
    let address = format!("http://{}/api/dtmsvr", runtime.process.address("dtm")?);
    Ok((runtime, address))
}

//! The crash matrix: the runtime is killed with SIGKILL before and after every append and every send, and must end as
//! if nothing had happened. The points are those that a run without a crash passes.

mod cases;
mod kill;
mod scene;
mod sender;

use anyhow::{Context as _, Result};
use rstest::rstest;

use crate::cases::Case;

/// The groups run side by side.
#[rstest]
#[case::calls(cases::calls())]
#[case::handlers_and_clients(cases::handlers_and_clients())]
#[case::messages(cases::messages())]
#[case::statements(cases::statements())]
#[case::xa(cases::xa())]
#[tokio::test]
async fn every_crash_ends_as_if_there_was_none(#[case] cases: Vec<Case>) -> Result<()> {
    let mut crashes = 0;
    for case in cases {
        crashes += kill::everywhere(&case).await.with_context(|| format!("{} on {:?}", case.name, case.books))?;
    }
    println!("crash matrix: {crashes} crashes");
    Ok(())
}

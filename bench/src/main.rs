//! The program `reprise-bench`.

use clap::Parser as _;
use reprise_bench::cli::Cli;

/// As in `reprise`; the ceiling gets it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    Cli::parse().run()
}

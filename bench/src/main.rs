//! The program `reprise-bench`.

use clap::Parser as _;
use reprise_bench::cli::Cli;

fn main() -> anyhow::Result<()> {
    Cli::parse().run()
}

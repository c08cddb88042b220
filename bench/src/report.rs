//! What came out: JSON for programs, lines for people.

use std::fmt;

use serde::Serialize;

use crate::append::Append;
use crate::fsync::Fsync;
use crate::guest::{Call, Replay, Start};
use crate::machine::Machine;
use crate::saga::Saga;

/// The figures of one run; those that were not asked for are left out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// The disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsync: Option<Fsync>,
    /// The store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub append: Vec<Append>,
    /// Instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Host calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Replay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replay: Vec<Replay>,
    /// Whole transactions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub saga: Vec<Saga>,
}

impl Report {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self { machine, fsync: None, append: Vec::new(), start: None, call: None, replay: Vec::new(), saga: Vec::new() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cores, kernel, memory_gib, file_system, load } = &self.machine;
        writeln!(f, "machine   {cpu}, {cores} cores, Linux {kernel}, {memory_gib:.0} GiB, {file_system}; load {load}")?;
        if let Some(Fsync { in_place, growing }) = &self.fsync {
            let (a, b) = (in_place, growing);
            write!(f, "fsync     4 KiB in place p50 {:.0} us, p99 {:.0} us; ", a.p50_us, a.p99_us)?;
            writeln!(f, "growing file p50 {:.0} us, p99 {:.0} us", b.p50_us, b.p99_us)?;
        }
        if let Some(Start { spread }) = &self.start {
            write!(f, "start     instance, no-op, drop: p50 {:.1} us, ", spread.p50_us)?;
            writeln!(f, "p99 {:.1} us", spread.p99_us)?;
        }
        if let Some(Call { ns_per_result, ns_per_host_call }) = &self.call {
            writeln!(f, "call      {ns_per_host_call:.0} ns per replayed host call, {ns_per_result:.0} ns per result")?;
        }
        self.append(f)?;
        self.replay(f)?;
        self.saga(f)
    }
}

impl Report {
    fn append(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.append.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nappend       batch   entries/s   commit p50 us   p99 us")?;
        for Append { batch, entries_per_s, commit } in &self.append {
            let (p50, p99) = (commit.p50_us, commit.p99_us);
            writeln!(f, "             {batch:>5} {entries_per_s:>11.0} {p50:>15.0} {p99:>8.0}")?;
        }
        Ok(())
    }

    fn replay(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.replay.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nreplay     results   results/s: guest   with folding   with the store   per cpu second")?;
        for row in &self.replay {
            let Replay { results, guest_per_s, from_memory_per_s, from_store_per_s, from_store_per_cpu_s } = row;
            write!(f, "           {results:>7} {guest_per_s:>18.0} {from_memory_per_s:>14.0} ")?;
            writeln!(f, "{from_store_per_s:>16.0} {from_store_per_cpu_s:>16.0}")?;
        }
        Ok(())
    }

    fn saga(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.saga.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nsaga     store  in flight  workflows/s  p50 ms  p99 ms  cpu ms  commits/s  per commit | ceiling/s  p50 ms  cpu ms | ratio"
        )?;
        for row in &self.saga {
            let number = |number: Option<f64>, places| number.map_or("-".to_owned(), |n| format!("{n:.places$}"));
            let (commits, per_commit) = (number(row.commits_per_s, 0), number(row.workflows_per_commit, 1));
            write!(f, "        {:>6} {:>10} {:>12.0} ", row.store, row.in_flight, row.workflows_per_s)?;
            write!(f, "{:>7.2} {:>7.2} {:>7.3} ", row.p50_ms, row.p99_ms, row.cpu_ms_per_workflow)?;
            write!(f, "{commits:>10} {per_commit:>11} | {:>9.0} {:>7.2} ", row.ceiling_per_s, row.ceiling_p50_ms)?;
            writeln!(f, "{:>7.3} | {:>5.2}", row.ceiling_cpu_ms, row.ratio)?;
        }
        Ok(())
    }
}

//! What came out: JSON for programs, lines for people.

use std::fmt;

use serde::Serialize;

use crate::append::Append;
use crate::finished::Finished;
use crate::fsync::Fsync;
use crate::guest::{Call, Replay, Start};
use crate::length::Length;
use crate::machine::Machine;
use crate::parked::Parked;
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
    /// What a step costs by the length of its execution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub length: Vec<Length>,
    /// Executions that wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<Parked>,
    /// Whole transactions on stores that hold finished ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<Finished>,
    /// Whole transactions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub saga: Vec<Saga>,
}

impl Report {
    /// Nothing measured yet.
    #[must_use]
    pub const fn new(machine: Machine) -> Self {
        Self {
            machine,
            fsync: None,
            append: Vec::new(),
            start: None,
            call: None,
            replay: Vec::new(),
            length: Vec::new(),
            parked: Vec::new(),
            finished: Vec::new(),
            saga: Vec::new(),
        }
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
        self.length(f)?;
        self.parked(f)?;
        self.finished(f)?;
        self.saga(f)
    }
}

impl Report {
    fn append(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.append.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nappend       batch   entries/s   commit p50 us   p99 us   store")?;
        for Append { store, batch, entries_per_s, commit } in &self.append {
            let (p50, p99) = (commit.p50_us, commit.p99_us);
            writeln!(f, "             {batch:>5} {entries_per_s:>11.0} {p50:>15.0} {p99:>8.0}   {store}")?;
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

    fn length(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nlength     results   us a step: run   processor   replayed from the store   from memory   store"
        )?;
        for row in &self.length {
            let Length { store, results, live_us_per_step, live_cpu_us_per_step, .. } = row;
            let (from_store, from_memory) = (row.replay_from_store_us_per_result, row.replay_us_per_result);
            write!(f, "           {results:>7} {live_us_per_step:>16.1} {live_cpu_us_per_step:>11.1} ")?;
            writeln!(f, "{from_store:>25.3} {from_memory:>13.3}   {store}")?;
        }
        Ok(())
    }

    fn parked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.parked {
            let bytes = number(row.bytes_per_execution, 0);
            let (store, executions, rate) = (row.store, row.executions, row.fill_per_s);
            writeln!(f, "\nparked    {store}: {executions} executions, {bytes} bytes each, written at {rate:.0}/s")?;
            let (start, empty) = (row.start_ms, row.start_empty_ms);
            writeln!(f, "          start {start:.1} ms, on an empty store {empty:.1} ms")?;
            let (resident, empty, before) = (row.resident_mib, row.resident_empty_mib, row.resident_before_mib);
            write!(f, "          memory {resident:.1} MiB, on an empty store {empty:.1} MiB, ")?;
            writeln!(f, "{before:.1} MiB before the start")?;
            let rate = number(row.wakeups_per_s, 0);
            writeln!(f, "          {} due at once: {rate}/s until all are finished", row.due)?;
            writeln!(f, "          an execution with 1,001 entries goes on {:.1} ms after its time", row.wake_1000_ms)?;
        }
        Ok(())
    }

    fn finished(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.finished.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nfinished  store   executions   workflows/s   p50 ms   p99 ms   ratio")?;
        for Finished { store, finished, workflows_per_s, p50_ms, p99_ms, ratio } in &self.finished {
            write!(f, "       {store:>8} {finished:>12} {workflows_per_s:>13.0} ")?;
            writeln!(f, "{p50_ms:>8.2} {p99_ms:>8.2} {ratio:>7.2}")?;
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
            let (commits, per_commit) = (number(row.commits_per_s, 0), number(row.workflows_per_commit, 1));
            // Sagas of DTM's clients are marked.
            let mark = if row.face == "dtm" { "dtm" } else { "" };
            write!(f, " {mark:>4} {:>8} {:>10} {:>12.0} ", row.store, row.in_flight, row.workflows_per_s)?;
            write!(f, "{:>7.2} {:>7.2} {:>7.3} ", row.p50_ms, row.p99_ms, row.cpu_ms_per_workflow)?;
            let (ceiling, p50) = (number(row.ceiling_per_s, 0), number(row.ceiling_p50_ms, 2));
            write!(f, "{commits:>10} {per_commit:>11} | {ceiling:>9} {p50:>7} ")?;
            writeln!(f, "{:>7} | {:>5}", number(row.ceiling_cpu_ms, 3), number(row.ratio, 2))?;
        }
        Ok(())
    }
}

fn number(number: Option<f64>, places: usize) -> String {
    number.map_or("-".to_owned(), |number| format!("{number:.places$}"))
}

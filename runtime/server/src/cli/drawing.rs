//! An execution as a drawing: a head, its branches as a tree, what is next, how it ended. Pure text; nothing is said by
//! colour alone.

use reprise_engine::Phase;

use super::answer::{Activity, Branch, Execution, Note, OpState, OpView};
use super::columns::{Cell, Columns};
use super::moment::{Moment, length};
use super::output::clean;
use super::paint::{Paint, Role};

/// Characters of a detail that is shown on one line.
const DETAIL_CHARS: usize = 300;

/// Draws an execution as it stands at `now`.
pub(super) fn draw(execution: &Execution, now: Moment, paint: Paint) -> String {
    let mut drawing = Drawing { text: String::new(), paint, now };
    drawing.head(execution);
    drawing.branches(&execution.branches);
    drawing.journal_error(execution);
    drawing.next(execution);
    drawing.note(execution);
    drawing.end(execution);
    drawing.text
}

/// How a phase looks.
pub(super) const fn phase_role(phase: Phase) -> Role {
    match phase {
        Phase::Running | Phase::Committing => Role::Busy,
        Phase::RollingBack | Phase::Failed => Role::Bad,
        Phase::Succeeded => Role::Good,
    }
}

/// `active`, `parked`, `quarantined`, `finished`.
pub(super) const fn activity_name(activity: Activity) -> &'static str {
    match activity {
        Activity::Active => "active",
        Activity::Parked => "parked",
        Activity::Quarantined => "quarantined",
        Activity::Finished => "finished",
        Activity::Other => "?",
    }
}

struct Drawing {
    text: String,
    paint: Paint,
    now: Moment,
}

impl Drawing {
    fn head(&mut self, execution: &Execution) {
        let gid = self.paint.paint(Role::Strong, &clean(&execution.gid));
        let phase = self.paint.paint(phase_role(execution.phase), execution.phase.name());
        let activity = match execution.activity {
            Activity::Quarantined => format!(", {}", self.paint.paint(Role::Bad, "quarantined")),
            Activity::Parked => ", parked".to_owned(),
            Activity::Finished if !execution.phase.is_closed() => ", finished".to_owned(),
            // What is closed but still active delivers its last notifications.
            Activity::Active if execution.phase.is_closed() => ", notifying".to_owned(),
            Activity::Active if execution.elsewhere => ", on another node".to_owned(),
            Activity::Active | Activity::Finished | Activity::Other => String::new(),
        };
        self.line(&format!("{gid}  {phase}{activity}"));
        let digest: String = clean(&execution.digest).chars().take(12).collect();
        self.field("workflow", &format!("{} ({digest})", clean(&execution.workflow)));
        self.field("started", &execution.created_at.to_string());
        let (until, so_far) = match execution.phase.is_closed() {
            true => (execution.closed_at.unwrap_or(execution.updated_at), ""),
            false => (self.now, " so far"),
        };
        self.field("took", &format!("{}{so_far}", length(until.ms_since(execution.created_at))));
        if !execution.phase.is_closed() {
            self.field("changed", &self.ago(execution.updated_at));
        }
        if let Some(entries) = execution.entries {
            self.field("journal", &if entries == 1 { "1 entry".into() } else { format!("{entries} entries") });
        }
    }

    fn branches(&mut self, branches: &[Branch]) {
        if branches.is_empty() {
            return;
        }
        self.heading("branches");
        let mut columns = Columns::default();
        let rows: Vec<Vec<(&OpView, Vec<Cell>)>> = branches.iter().map(|branch| self.rows(branch)).collect();
        rows.iter().flatten().for_each(|(_, row)| columns.fit(row));
        for (index, (branch, rows)) in branches.iter().zip(&rows).enumerate() {
            let (knot, stem) = limb(index + 1 == branches.len());
            let id = self.paint.paint(Role::Strong, &clean(&branch.id));
            let whole = if branch.id == "00" { " (the whole execution)" } else { "" };
            self.line(&format!("{knot}{id}{whole}"));
            for (index, (op, row)) in rows.iter().enumerate() {
                let (knot, op_stem) = limb(index + 1 == rows.len());
                let row = columns.line(self.paint, row);
                self.line(&format!("{stem}{knot}{row}"));
                if let Some(error) = op.error.as_deref().map(detail).filter(|error| !error.is_empty()) {
                    let error = self.paint.paint(Role::Bad, &error);
                    self.line(&format!("{stem}{op_stem}  {error}"));
                }
            }
        }
    }

    /// The operations of a branch, what it does before what ends it.
    fn rows<'a>(&self, branch: &'a Branch) -> Vec<(&'a OpView, Vec<Cell>)> {
        let mut ops: Vec<&OpView> = branch.ops.iter().collect();
        ops.sort_by_key(|op| op.op != "action");
        ops.into_iter().map(|op| (op, self.op(op))).collect()
    }

    fn journal_error(&mut self, execution: &Execution) {
        if let Some(error) = &execution.journal_error {
            self.heading("the journal can't be read");
            self.block(error);
        }
    }

    /// Symbol and operation, call, state, attempts, times.
    fn op(&self, op: &OpView) -> Vec<Cell> {
        let (role, symbol, state) = match op.state {
            OpState::Registered => (Role::Quiet, "·", registered(&op.op)),
            OpState::InFlight => (Role::Busy, "▶", "in flight"),
            OpState::Success => (Role::Good, "✔", "success"),
            OpState::Failure => (Role::Bad, "✘", "failure"),
            OpState::Exhausted => (Role::Bad, "✘", "attempts used up"),
            OpState::Deadline => (Role::Bad, "✘", "deadline passed"),
            OpState::Canceled => (Role::Quiet, "✘", "canceled"),
            OpState::Invalid => (Role::Bad, "✘", "invalid"),
            OpState::NotNeeded => (Role::Quiet, "-", "not needed"),
            OpState::Other => (Role::Normal, "?", "?"),
        };
        let attempts = match op.attempts {
            None => String::new(),
            Some(1) => "1 attempt".to_owned(),
            Some(attempts) => format!("{attempts} attempts"),
        };
        let quiet = if role == Role::Quiet { Role::Quiet } else { Role::Normal };
        vec![
            (role, format!("{symbol} {}", clean(&op.op))),
            (quiet, detail(&op.call)),
            (role, state.to_owned()),
            (quiet, attempts),
            (Role::Quiet, self.times(op)),
        ]
    }

    /// `12 ms at 12:00:00.000Z`, as far as it is known.
    fn times(&self, op: &OpView) -> String {
        match (op.intended_at, op.completed_at) {
            (Some(intended), Some(completed)) => {
                format!("{} until {}", length(completed.ms_since(intended)), completed.time_of_day())
            }
            (Some(intended), None) => {
                format!("{} since {}", length(self.now.ms_since(intended)), intended.time_of_day())
            }
            (None, Some(completed)) => format!("at {}", completed.time_of_day()),
            (None, None) => String::new(),
        }
    }

    /// Calls in flight and waking up.
    fn next(&mut self, execution: &Execution) {
        let mut lines = Vec::new();
        for call in &execution.calls {
            let due = self.attempt(call.attempts, call.next_attempt_at, call.waiting_for.as_deref());
            let stuck =
                if call.stuck { self.paint.paint(Role::Bad, "  stuck: somebody should look") } else { String::new() };
            lines.push(format!("{} {} {}: {due}{stuck}", clean(&call.branch), clean(&call.op), detail(&call.call)));
            lines.extend(self.last_error(call.last_error.as_deref()));
        }
        if let Some(Note::Waiting { calls }) = &execution.note
            && execution.calls.is_empty()
        {
            for call in calls {
                let due = self.attempt(call.attempts, Some(call.next_attempt_at), call.waiting_for.as_deref());
                lines.push(format!("{}: {due}", clean(&call.slot)));
                lines.extend(self.last_error(call.last_error.as_deref()));
            }
        }
        if let Some(Note::Prepared { query_back, due }) = &execution.note {
            let text = "prepared: waits for its sender to submit or abort it";
            lines.push(format!("{text}, asks {} {}", clean(query_back), self.due(*due)));
        }
        if let Some(Note::Steered { due, calls }) = &execution.note {
            let then =
                calls.as_ref().map_or_else(|| "is rolled back".to_owned(), |call| format!("calls {}", clean(call)));
            lines.push(format!("waits for its client to decide, {then} {}", self.due(*due)));
        }
        if let Some(Note::Newer { message }) = &execution.note {
            lines.push(format!("waits for a newer node: {}", detail(message)));
        }
        if let Some(at) = execution.wake_at {
            lines.push(format!("wakes up {}", self.due(at)));
        }
        if !lines.is_empty() {
            self.heading("next");
            lines.iter().for_each(|line| self.line(&format!("  {line}")));
        }
    }

    /// The attempt after `made` ones: when, or what it waits for at its participant.
    fn attempt(&self, made: u32, due: Option<Moment>, waiting_for: Option<&str>) -> String {
        let attempt = format!("attempt {}", made.saturating_add(1));
        let due = due.map(|at| self.due(at));
        match (waiting_for, due) {
            (None, Some(due)) => format!("{attempt} {due}"),
            (None, None) => format!("{attempt} is under way"),
            (Some(name), due) => {
                let what = match name {
                    "paused" => "the participant is paused",
                    "breaker" => "the participant's breaker is open",
                    "concurrency" => "waits for its turn (concurrency)",
                    "rate" => "waits for its turn (rate)",
                    "lease" => "the node has no contact with its database",
                    other => &format!("waits for: {}", clean(other)),
                };
                due.map_or_else(|| format!("{attempt}: {what}"), |due| format!("{attempt} {due}: {what}"))
            }
        }
    }

    fn last_error(&self, error: Option<&str>) -> Option<String> {
        let error = detail(error?);
        (!error.is_empty()).then(|| format!("  last: {}", self.paint.paint(Role::Bad, &error)))
    }

    /// Why it is quarantined; the message says what to do.
    fn note(&mut self, execution: &Execution) {
        let Some(Note::Quarantined { reason, message, backtrace }) = &execution.note else {
            return;
        };
        // A note stays on the row of one that goes on; it is news only while it holds.
        if execution.activity != Activity::Quarantined {
            return;
        }
        self.heading(&format!("quarantined: {}", clean(reason)));
        self.block(message);
        if let Some(backtrace) = backtrace {
            self.heading("backtrace");
            self.block(backtrace);
        }
    }

    fn end(&mut self, execution: &Execution) {
        if let Some(failure) = &execution.failure {
            self.heading("failure");
            self.block(&failure.message);
            let details = failure.details.as_ref().map(|details| details.get()).or(failure.details_base64.as_deref());
            if let Some(details) = details.filter(|details| !["", "null"].contains(details)) {
                self.line(&format!("  details: {}", detail(details)));
            }
        }
        if let Some(output) = &execution.output {
            self.heading("output");
            self.line(&format!("  {}", detail(output.get())));
        } else if let Some(base64) = &execution.output_base64 {
            self.heading("output");
            self.line(&format!("  base64 {}", detail(base64)));
        }
    }

    fn due(&self, at: Moment) -> String {
        match at.ms_since(self.now) {
            ..=0 => format!("is due since {}", at.time_of_day()),
            ms => format!("in {} at {}", length(ms), at.time_of_day()),
        }
    }

    fn ago(&self, at: Moment) -> String {
        format!("{} ago", length(self.now.ms_since(at)))
    }

    fn heading(&mut self, text: &str) {
        let text = self.paint.paint(Role::Strong, text);
        self.line("");
        self.line(&text);
    }

    fn field(&mut self, name: &str, value: &str) {
        let name = self.paint.paint(Role::Quiet, &format!("{name:<9}"));
        self.line(&format!("  {name} {value}"));
    }

    fn block(&mut self, text: &str) {
        clean(text).lines().for_each(|line| self.line(&format!("  {line}")));
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }
}

/// What a registered operation waits for.
fn registered(op: &str) -> &'static str {
    match op {
        "commit" => "if committed",
        "rollback" => "if rolled back",
        "finish" => "at the end",
        _ => "registered",
    }
}

/// What stands before an item of the tree, and before what hangs below it.
const fn limb(last: bool) -> (&'static str, &'static str) {
    if last { ("└─ ", "   ") } else { ("├─ ", "│  ") }
}

/// Text on one line, cut where it gets long.
fn detail(text: &str) -> String {
    let text = clean(text).replace('\n', " ");
    match text.char_indices().nth(DETAIL_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;

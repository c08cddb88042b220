//! Programs that are part of the runtime: they ask an execution what guests ask it, and are replayed as guests are.

use futures::future::BoxFuture;
use reprise_engine::{BranchOptions, CallResult, GuestError, GuestUndo, Op, Operation, RunResult, Ticket};

use crate::session::Session;

/// A program of the runtime. It must ask the same for the same input and answers, as a guest must: no clock, no
/// randomness, no state of its own.
pub trait NativeProgram: Send + Sync + 'static {
    /// The whole of it, from the start.
    fn run(&self, asks: NativeGuest, input: Vec<u8>) -> BoxFuture<'static, Result<RunResult, GuestError>>;
}

/// What a native program asks: the imports of a guest, without Wasm.
#[derive(Debug, Clone)]
pub struct NativeGuest(Session);

impl NativeGuest {
    pub(crate) const fn new(session: Session) -> Self {
        Self(session)
    }

    /// The gid of the execution.
    #[must_use]
    pub fn gid(&self) -> String {
        self.0.with(|execution| execution.gid().to_string())
    }

    /// `new-branch`.
    ///
    /// # Errors
    /// [`GuestError::Limit`].
    pub fn new_branch(&self) -> Result<u32, GuestError> {
        self.0.with(|execution| execution.new_branch())
    }

    /// Lays options over those of the branch.
    ///
    /// # Errors
    /// [`GuestError::Misuse`]: no such branch, or options out of range.
    pub fn set_options(&self, branch: u32, options: BranchOptions) -> Result<(), GuestError> {
        self.0.with(|execution| execution.replace_options(branch, options)).map_err(GuestError::Misuse)
    }

    /// `on-commit` and `on-rollback`.
    ///
    /// # Errors
    /// [`GuestError::Misuse`]: it is registered already, or too large.
    pub fn register(&self, op: Op, branch: u32, operation: Operation) -> Result<(), GuestError> {
        let undo = GuestUndo::Operation(operation);
        self.0.with(|execution| execution.register(op, branch, undo)).map_err(GuestError::Misuse)
    }

    /// `submit`.
    ///
    /// # Errors
    /// [`GuestError`]: diverged, or a limit.
    pub fn submit(&self, branch: u32, operation: Operation) -> Result<Ticket, GuestError> {
        self.0.with(|execution| execution.submit(branch, operation))
    }

    /// `sleep`.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn sleep(&self, length_ms: u64) -> Result<(), GuestError> {
        let ticket = self.0.with(|execution| execution.timer(length_ms))?;
        self.take(ticket).await.map(drop)
    }

    /// `wait-any`: the position, in `tickets`, of the one whose result came first.
    ///
    /// # Errors
    /// [`GuestError`]: diverged, or no such ticket.
    pub async fn wait_any(&self, tickets: &[Ticket]) -> Result<usize, GuestError> {
        let numbers: Vec<u32> = tickets.iter().map(|ticket| ticket.0).collect();
        let first = self.0.answer(|execution| execution.wait_any(&numbers)).await?;
        Ok(first as usize)
    }

    /// `take`: waits for the result.
    ///
    /// # Errors
    /// [`GuestError`]: diverged, or taken already.
    pub async fn take(&self, ticket: Ticket) -> Result<CallResult, GuestError> {
        self.0.answer(|execution| execution.take(ticket)).await
    }
}

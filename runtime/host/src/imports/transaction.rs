//! `reprise:workflow/transaction`.

use reprise_engine::{GuestUndo, Op, Ticket};

use super::operation::{answer, operation, response};
use crate::bindings::transaction::Host;
use crate::bindings::types::{CallError, Operation, Response};
use crate::state::State;

impl Host for State {
    fn new_branch(&mut self) -> wasmtime::Result<u32> {
        Ok(self.ask("transaction.new-branch", |execution| execution.new_branch())??)
    }

    fn set_options(&mut self, branch: u32, options: String) -> wasmtime::Result<Result<(), String>> {
        self.ask("transaction.set-options", |execution| execution.set_options(branch, &options))
    }

    fn on_commit(&mut self, branch: u32, operation: Operation) -> wasmtime::Result<Result<(), String>> {
        self.register("transaction.on-commit", Op::Commit, branch, operation)
    }

    fn on_rollback(&mut self, branch: u32, operation: Operation) -> wasmtime::Result<Result<(), String>> {
        self.register("transaction.on-rollback", Op::Rollback, branch, operation)
    }

    fn on_commit_handler(
        &mut self,
        branch: u32,
        name: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), String>> {
        self.register_handler("transaction.on-commit-handler", Op::Commit, branch, name, payload)
    }

    fn on_rollback_handler(
        &mut self,
        branch: u32,
        name: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), String>> {
        self.register_handler("transaction.on-rollback-handler", Op::Rollback, branch, name, payload)
    }

    fn on_finish(&mut self, operation: Operation) -> wasmtime::Result<Result<(), String>> {
        self.register("transaction.on-finish", Op::Finish, 0, operation)
    }

    async fn call_branch(&mut self, branch: u32, op: Operation) -> wasmtime::Result<Result<Vec<u8>, CallError>> {
        let ticket = self.start("transaction.call-branch", branch, op)?;
        Ok(answer(self.session.answer(|execution| execution.take(ticket)).await?))
    }

    fn submit(&mut self, branch: u32, op: Operation) -> wasmtime::Result<u32> {
        Ok(self.start("transaction.submit", branch, op)?.0)
    }

    async fn wait_any(&mut self, tickets: Vec<u32>) -> wasmtime::Result<u32> {
        self.check_entered("transaction.wait-any")?;
        Ok(self.session.answer(|execution| execution.wait_any(&tickets)).await?)
    }

    async fn wait_all(&mut self, tickets: Vec<u32>) -> wasmtime::Result<()> {
        self.check_entered("transaction.wait-all")?;
        Ok(self.session.answer(|execution| Ok(execution.wait_all(&tickets)?.then_some(()))).await?)
    }

    async fn take(&mut self, ticket: u32) -> wasmtime::Result<Result<Vec<u8>, CallError>> {
        self.check_entered("transaction.take")?;
        Ok(answer(self.session.answer(|execution| execution.take(Ticket(ticket))).await?))
    }

    async fn take_response(&mut self, ticket: u32) -> wasmtime::Result<Result<Response, CallError>> {
        self.check_entered("transaction.take-response")?;
        Ok(response(self.session.answer(|execution| execution.take(Ticket(ticket))).await?))
    }

    fn scope(&mut self, branch: Option<u32>) -> wasmtime::Result<Result<(), String>> {
        if let Some(branch) = branch
            && let Err(mistake) = self.ask("transaction.scope", |execution| execution.check_branch(branch))?
        {
            return Ok(Err(mistake));
        }
        self.http_branch = branch;
        Ok(Ok(()))
    }

    fn cancel(&mut self, ticket: u32) -> wasmtime::Result<()> {
        Ok(self.ask("transaction.cancel", |execution| execution.cancel(Ticket(ticket)))??)
    }
}

impl State {
    fn start(&self, import: &'static str, branch: u32, op: Operation) -> wasmtime::Result<Ticket> {
        let op = operation(op);
        Ok(self.ask(import, |execution| match op {
            Ok(operation) => execution.submit(branch, operation),
            Err(mistake) => execution.mistake(branch, mistake),
        })??)
    }

    fn register(
        &self,
        import: &'static str,
        op: Op,
        branch: u32,
        what: Operation,
    ) -> wasmtime::Result<Result<(), String>> {
        let what = match operation(what) {
            Ok(operation) => GuestUndo::Operation(operation),
            Err(mistake) => return Ok(Err(mistake)),
        };
        self.ask(import, |execution| execution.register(op, branch, what))
    }

    fn register_handler(
        &self,
        import: &'static str,
        op: Op,
        branch: u32,
        name: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), String>> {
        if !self.has_handle {
            return Ok(Err(format!("handler {name:?} can't be called: the component does not export `handle`")));
        }
        self.ask(import, |execution| execution.register(op, branch, GuestUndo::Handler { name, payload }))
    }
}

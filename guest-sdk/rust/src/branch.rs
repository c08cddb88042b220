//! A branch: one participant's part of the transaction.

use std::rc::Rc;

use crate::{
    bindings::reprise::workflow::types::Operation, call::Call, failure::Failure, host, operation::Op, options::Options,
    payload::Encode, session, transaction::Transaction,
};

/// One participant's part of the transaction: one action, and what commit and rollback do.
///
/// A handle that is copied freely. Set options first, then register what undoes the action, then call it. An action that
/// may change something is refused unless its undo is registered before it, or the branch says that there is nothing to
/// undo ([`Self::read_only`]) or no way back ([`Self::pivot`]); `GET` and XA need none.
///
/// ```
/// # use reprise_guest::{Failure, Options, Participant, Transaction};
/// # async fn example(tx: &Transaction) -> Result<(), Failure> {
/// let bank = Participant::named("bank");
/// let out = tx
///     .branch()
///     .options(Options::new().attempts(5))
///     .on_rollback(bank.post("/transfer-out/revert").json(&30));
/// let reply = out.call(bank.post("/transfer-out").json(&30)).await?;
/// # Ok(())
/// # }
/// ```
///
/// A mistake in what is registered (a wrong option, a value without JSON form, an unknown handler) comes out where the
/// branch is called, as [`CallError::Invalid`](crate::CallError::Invalid), and nothing is sent. On a branch that is
/// not called after it, it turns the workflow's `Ok` into a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    id: u32,
}

impl Branch {
    pub(crate) fn new(id: u32) -> Self {
        Self { id }
    }

    /// The branch's number: 1 for the `branch_id` `01` that participants see. Branches that a handler opens have
    /// numbers of their own, far above those of `run`.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sets options for what follows on this branch; what they don't name stays.
    pub fn options(self, options: Options) -> Self {
        match options.to_json() {
            Some(json) => self.noted(host::set_options(self.id, &json)),
            None => self,
        }
    }

    /// The action changes nothing, so there is nothing to undo: [`Options::read_only`].
    pub fn read_only(self) -> Self {
        self.options(Options::new().read_only())
    }

    /// There is no way back from the action: [`Options::pivot`].
    pub fn pivot(self) -> Self {
        self.options(Options::new().pivot())
    }

    /// The runtime performs `op` when the transaction commits.
    pub fn on_commit(self, op: impl Into<Op>) -> Self {
        self.register(op.into(), host::on_commit)
    }

    /// The runtime performs `op` when the transaction rolls back. Register it before the action that it undoes.
    pub fn on_rollback(self, op: impl Into<Op>) -> Self {
        self.register(op.into(), host::on_rollback)
    }

    /// The handler `name` of `#[workflow(handlers(..))]` runs with `payload` when the transaction commits.
    pub fn on_commit_handler(self, name: &str, payload: &(impl Encode + ?Sized)) -> Self {
        self.register_handler(name, payload, host::on_commit_handler)
    }

    /// The handler `name` of `#[workflow(handlers(..))]` runs with `payload` when the transaction rolls back.
    pub fn on_rollback_handler(self, name: &str, payload: &(impl Encode + ?Sized)) -> Self {
        self.register_handler(name, payload, host::on_rollback_handler)
    }

    /// `closure` runs when the transaction commits; what it calls on the branch it is given is the commit operation.
    ///
    /// The runtime replays the workflow first when its instance is gone, and calls the closure again when it fails. An
    /// operation or a named handler needs neither, so prefer those. Write it as an `async` closure, or the compiler asks
    /// for the types of its parameters.
    ///
    /// ```
    /// # use reprise_guest::{Participant, Transaction};
    /// # fn example(tx: &Transaction, parcels: Vec<String>) {
    /// tx.branch().on_commit_with(async move |tx, branch| {
    ///     let shop = Participant::named("shop");
    ///     branch.call(shop.post("/release").json(&parcels)).await?;
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn on_commit_with(self, closure: impl AsyncFn(Transaction, Branch) -> Result<(), Failure> + 'static) -> Self {
        self.register_closure(closure, host::on_commit_handler)
    }

    /// As [`Self::on_commit_with`], when the transaction rolls back.
    pub fn on_rollback_with(self, closure: impl AsyncFn(Transaction, Branch) -> Result<(), Failure> + 'static) -> Self {
        self.register_closure(closure, host::on_rollback_handler)
    }

    /// Submits the branch's one action, here and now; awaiting what this returns gives its result.
    ///
    /// Calls that are written one after the other and awaited later run concurrently. In a handler or closure of phase
    /// two, on the branch it was given, this is the commit or rollback operation, repeated until it succeeds.
    pub fn call(&self, op: impl Into<Op>) -> Call {
        match (session::mistake(self.id), op.into().into_wit()) {
            (Some(mistake), _) | (None, Err(mistake)) => Call::refused(mistake),
            (None, Ok(operation)) => Call::submitted(host::submit(self.id, &operation)),
        }
    }

    fn register(self, op: Op, register: fn(u32, &Operation) -> Result<(), String>) -> Self {
        self.noted(op.into_wit().and_then(|operation| register(self.id, &operation)))
    }

    fn register_handler(
        self,
        name: &str,
        payload: &(impl Encode + ?Sized),
        register: fn(u32, &str, &[u8]) -> Result<(), String>,
    ) -> Self {
        if session::handler(name).is_none() {
            return self.noted(Err(format!("no handler `{name}`: name it in #[workflow(handlers({name}))]")));
        }
        let payload = payload.encode().map_err(|error| format!("the payload of `{name}` has no JSON form: {error}"));
        self.noted(payload.and_then(|payload| register(self.id, name, &payload)))
    }

    fn register_closure(
        self,
        closure: impl AsyncFn(Transaction, Branch) -> Result<(), Failure> + 'static,
        register: fn(u32, &str, &[u8]) -> Result<(), String>,
    ) -> Self {
        let closure = Rc::new(closure);
        let name = session::keep(Rc::new(move |tx, branch| {
            let closure = Rc::clone(&closure);
            Box::pin(async move { closure(tx, branch).await })
        }));
        self.noted(register(self.id, &name, &[]))
    }

    pub(crate) fn noted(self, result: Result<(), String>) -> Self {
        session::note(Some(self.id), result);
        self
    }
}

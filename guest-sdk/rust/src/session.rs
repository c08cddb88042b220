//! What the SDK keeps of an execution between the calls of its exports: handlers, closures, mistakes.
//!
//! The runtime's calls belong to [`host`](crate::host), tickets to [`executor`](crate::executor).

use std::{cell::RefCell, pin::Pin, rc::Rc};

use crate::{bindings::reprise::workflow::types::Phase, branch::Branch, failure::Failure, transaction::Transaction};

/// What a handler or a closure comes to.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// A handler that `#[workflow(handlers(..))]` names.
pub type Handler = (&'static str, fn(Phase, Branch, Vec<u8>) -> Pin<Box<dyn Future<Output = Result<(), Failure>>>>);

/// A closure that a branch registered. Called again when it failed.
pub(crate) type Closure = Rc<dyn Fn(Transaction, Branch) -> Work>;

thread_local! {
    static SESSION: RefCell<Session> = const { RefCell::new(Session::new()) };
}

struct Session {
    handlers: &'static [Handler],
    closures: Vec<Closure>,
    mistakes: Vec<Mistake>,
}

/// Something that was wrong in what the workflow registered, kept until a call can report it.
struct Mistake {
    branch: Option<u32>,
    text: String,
    reported: bool,
}

impl Session {
    const fn new() -> Self {
        Self { handlers: &[], closures: Vec::new(), mistakes: Vec::new() }
    }
}

/// Forgets everything: a new run begins.
pub(crate) fn reset() {
    SESSION.replace(Session::new());
}

/// Makes the named handlers known.
pub(crate) fn install(handlers: &'static [Handler]) {
    SESSION.with_borrow_mut(|session| session.handlers = handlers);
}

pub(crate) fn handler(name: &str) -> Option<&'static Handler> {
    SESSION.with_borrow(|session| session.handlers.iter().find(|(known, _)| *known == name))
}

/// Keeps a closure and gives the name under which `handle` is called for it.
pub(crate) fn keep(closure: Closure) -> String {
    SESSION.with_borrow_mut(|session| {
        session.closures.push(closure);
        format!("#{}", session.closures.len() - 1)
    })
}

pub(crate) fn closure(index: &str) -> Option<Closure> {
    let index: usize = index.parse().ok()?;
    SESSION.with_borrow(|session| session.closures.get(index).cloned())
}

/// Keeps what went wrong, if something did; `branch`: none for what belongs to no branch.
pub(crate) fn note(branch: Option<u32>, result: Result<(), String>) {
    if let Err(text) = result {
        SESSION.with_borrow_mut(|session| session.mistakes.push(Mistake { branch, text, reported: false }));
    }
}

/// The first mistake made on `branch`; it counts as reported from now on.
pub(crate) fn mistake(branch: u32) -> Option<String> {
    SESSION.with_borrow_mut(|session| {
        let mut own = session.mistakes.iter_mut().filter(|mistake| mistake.branch == Some(branch));
        let text = own.next().map(|first| {
            first.reported = true;
            first.text.clone()
        });
        own.for_each(|later| later.reported = true);
        text
    })
}

/// The first mistake that no call has reported, as the failure it has to become; forgets all of them.
pub(crate) fn unreported() -> Option<Failure> {
    let mistakes = SESSION.with_borrow_mut(|session| std::mem::take(&mut session.mistakes));
    mistakes.into_iter().find(|mistake| !mistake.reported).map(|mistake| match mistake.branch {
        Some(branch) => Failure::new(format!("branch {branch:02}: {}", mistake.text)),
        None => Failure::new(mistake.text),
    })
}

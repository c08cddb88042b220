//! Runs futures on the world's `wait-any`: owns the tickets that futures wait for, and nothing else.
//!
//! The order is deterministic: results are taken one at a time in the journal's order of completion, and the workflow
//! is polled until it waits again before the next one is taken. Wakers work, so any combinator may be used.

use std::{
    cell::RefCell,
    mem,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::{
    bindings::reprise::workflow::types::{CallError, Response},
    host,
};

/// What `take-response` gives.
type Taken = Result<Response, CallError>;

/// Runs `future` to its end; whenever nothing else can go on, waits for the earliest ticket somebody polled.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    loop {
        woken.0.store(false, Ordering::Relaxed);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // Woken while it was polled, by another future of its own: there is more to do before waiting.
        if !woken.0.load(Ordering::Relaxed) {
            deliver_next();
        }
    }
}

/// An operation or a timer that was started. Ready with its result; cancels it when dropped before that.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: u32,
    slot: Rc<RefCell<Slot>>,
}

impl Ticket {
    pub(crate) fn new(id: u32) -> Self {
        Self { id, slot: Rc::new(RefCell::new(Slot::Started)) }
    }

    /// Gives it up, unless its result was seen; it is ready at once then.
    pub(crate) fn cancel(&self) {
        match &*self.slot.borrow() {
            Slot::Started | Slot::Waiting(_) => host::cancel(self.id),
            Slot::Arrived(_) | Slot::Gone => {}
        }
    }
}

impl Future for Ticket {
    type Output = Taken;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Taken> {
        let mut slot = self.slot.borrow_mut();
        match mem::replace(&mut *slot, Slot::Gone) {
            Slot::Arrived(result) => return Poll::Ready(result),
            Slot::Started => {
                WAITING.with_borrow_mut(|waiting| waiting.add(self.id, Rc::clone(&self.slot)));
                *slot = Slot::Waiting(context.waker().clone());
            }
            Slot::Waiting(mut waker) => {
                waker.clone_from(context.waker());
                *slot = Slot::Waiting(waker);
            }
            Slot::Gone => panic!("a call was polled again after it had given its result"),
        }
        Poll::Pending
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // While a test unwinds there is no world left to tell.
        if std::thread::panicking() {
            return;
        }
        match &*self.slot.borrow() {
            Slot::Started => host::cancel(self.id),
            Slot::Waiting(_) => {
                WAITING.with_borrow_mut(|waiting| waiting.remove(self.id));
                host::cancel(self.id);
            }
            Slot::Arrived(_) | Slot::Gone => {}
        }
    }
}

/// How far a ticket is, shared by its future and the list of those waited for.
#[derive(Debug)]
enum Slot {
    Started,
    Waiting(Waker),
    Arrived(Taken),
    Gone,
}

thread_local! {
    static WAITING: RefCell<Waiting> = const { RefCell::new(Waiting { ids: Vec::new(), slots: Vec::new() }) };
}

/// The tickets waited for, in the order they were first polled. Two lists, so that the ids go to the host as they are.
struct Waiting {
    ids: Vec<u32>,
    slots: Vec<Rc<RefCell<Slot>>>,
}

impl Waiting {
    fn add(&mut self, id: u32, slot: Rc<RefCell<Slot>>) {
        self.ids.push(id);
        self.slots.push(slot);
    }

    fn remove(&mut self, id: u32) {
        if let Some(at) = self.ids.iter().position(|&other| other == id) {
            self.take(at);
        }
    }

    fn take(&mut self, at: usize) -> (u32, Rc<RefCell<Slot>>) {
        (self.ids.remove(at), self.slots.remove(at))
    }
}

/// Waits for the earliest result and hands it to the future that waits for it. A single ticket needs no `wait-any`.
fn deliver_next() {
    let (id, slot) = WAITING.with_borrow_mut(|waiting| {
        let at = match waiting.ids.len() {
            0 => panic!(
                "the workflow awaits a future that is neither an operation nor a timer of its transaction, so nothing \
                 can ever wake it"
            ),
            1 => 0,
            2.. => host::wait_any(&waiting.ids) as usize,
        };
        waiting.take(at)
    });
    let result = host::take_response(id);
    if let Slot::Waiting(waker) = mem::replace(&mut *slot.borrow_mut(), Slot::Arrived(result)) {
        waker.wake();
    }
}

/// The waker of the whole workflow.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

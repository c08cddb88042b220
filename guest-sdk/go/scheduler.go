package reprise

import (
	"runtime"
	"slices"

	"reprise.dev/guest/internal/wit"
)

// scheduler lets the tasks of one invocation take turns: one runs, until it waits for something that has not happened;
// then the next one that can go on does, or, if there is none, the earliest result is taken from the runtime. Whoever
// would wait does this work itself, so a workflow without tasks never switches goroutines.
//
// The order follows from the program and the journal alone, not from Go's own scheduler.
type scheduler struct {
	// ready can go on, in this order.
	ready []*place
	// ids and listed are the tickets that somebody waits for, in the order of their first wait. Two lists, so that the
	// ids go to the runtime as they are.
	ids    []uint32
	listed []*event
	// current is the task that runs, at first the workflow or handler itself.
	current *task
	// scope is the branch that requests of wasi:http belong to; nil: each to one of its own.
	scope *Branch
}

// sched is the scheduler of the current invocation.
var sched = newScheduler()

func newScheduler() *scheduler {
	return &scheduler{current: &task{isRoot: true}}
}

// place is where a goroutine waits for its turn.
type place struct {
	task  *task
	scope *Branch
	wake  chan struct{}
	// woken: it is in the queue, or was there.
	woken bool
}

func (s *scheduler) place() *place {
	return &place{task: s.current, scope: s.scope, wake: make(chan struct{}, 1)}
}

// until waits until one of the events has happened.
func (s *scheduler) until(events ...*event) {
	for !slices.ContainsFunc(events, (*event).happened) {
		s.endIfCancelled()
		for _, event := range events {
			s.list(event)
		}
		if len(s.ready) == 0 {
			s.deliver()
			continue
		}
		here := s.place()
		for _, event := range events {
			event.waiting = append(event.waiting, here)
		}
		s.current.waits = here
		s.next()
		s.sleep(here)
	}
}

// list adds a ticket to those that are waited for.
func (s *scheduler) list(e *event) {
	if e.stage == started && e.ticket != noTicket {
		e.stage = listed
		s.ids = append(s.ids, e.ticket)
		s.listed = append(s.listed, e)
	}
}

func (s *scheduler) unlist(at int) {
	s.ids = slices.Delete(s.ids, at, at+1)
	s.listed = slices.Delete(s.listed, at, at+1)
}

// deliver waits for the earliest result. A single ticket needs no wait-any.
func (s *scheduler) deliver() {
	at := 0
	switch len(s.ids) {
	case 0:
		panic("the workflow waits for something that is neither an operation nor a timer of its transaction, so nothing " +
			"can ever wake it")
	case 1:
	default:
		at = int(wit.WaitAny(s.ids))
	}
	e := s.listed[at]
	s.unlist(at)
	e.response, e.err = wit.TakeResponse(e.ticket)
	s.happen(e)
}

// happen puts whoever waits for an event into the queue.
func (s *scheduler) happen(e *event) {
	e.stage = done
	for _, then := range e.then {
		then()
	}
	for _, place := range e.waiting {
		if !place.woken {
			place.woken = true
			s.ready = append(s.ready, place)
		}
	}
	e.waiting, e.then = nil, nil
}

// next lets the first goroutine that can go on do so. The caller has to sleep or end.
func (s *scheduler) next() {
	for len(s.ready) == 0 {
		s.deliver()
	}
	first := s.ready[0]
	s.ready = slices.Delete(s.ready, 0, 1)
	first.wake <- struct{}{}
}

// sleep stops the calling goroutine until its turn comes. A task that was cancelled meanwhile ends here.
func (s *scheduler) sleep(here *place) {
	<-here.wake
	s.current = here.task
	s.current.waits = nil
	s.enter(here.scope)
	s.endIfCancelled()
}

// yield lets another goroutine run now, until it waits or ends; then it is the caller's turn again.
func (s *scheduler) yield(wake func()) {
	here := s.place()
	here.woken = true
	s.ready = slices.Insert(s.ready, 0, here)
	wake()
	s.sleep(here)
}

// cancel gives a ticket up, unless its result is there.
func (s *scheduler) cancel(e *event) {
	if e.stage == done {
		return
	}
	wit.Cancel(e.ticket)
	if e.stage == listed {
		s.unlist(slices.Index(s.listed, e))
	}
	e.err = &wit.CallError{Kind: wit.Canceled}
	s.happen(e)
}

// enter tells the runtime to which branch requests of wasi:http belong from here on.
func (s *scheduler) enter(scope *Branch) {
	if scope != s.scope {
		s.scope = scope
		tellScope(scope)
	}
}

// endIfCancelled ends the goroutine of a cancelled task; what it has deferred runs.
func (s *scheduler) endIfCancelled() {
	if s.current.cancelled {
		runtime.Goexit()
	}
}

package reprise

import (
	"slices"

	"reprise.dev/guest/internal/wit"
)

// Task is a function that runs beside the one that started it with [Go].
type Task[T any] struct {
	task  task
	value T
	err   error
}

// Go runs a function as a task: here and now until it waits, then whenever it can go on and its turn comes. Tasks never
// run at the same moment, so they need no locks. Don't wait for one another with channels or a sync.WaitGroup: that
// stops all of them.
//
// Tasks that still run when the function that started them returns are finished first, or given up if it returns an
// error. An error of a task that nobody has waited for is one of that function.
func Go[T any](_ *Transaction, run func() (T, error)) *Task[T] {
	s := sched
	s.endIfCancelled()
	t := &Task[T]{task: task{end: event{ticket: noTicket}}}
	t.task.failure = func() error { return t.err }
	s.current.tasks = append(s.current.tasks, &t.task)
	s.yield(func() {
		go func() {
			returned := false
			// After a panic nobody else may run: it ends the instance.
			defer func() {
				if returned || t.task.cancelled {
					s.ended(&t.task)
				}
			}()
			defer wit.CrashOnPanic()
			s.current = &t.task
			t.value, t.err = run()
			t.err = s.settle(&t.task, t.err)
			returned = true
		}()
	})
	return t
}

// Wait waits for the end of the task and gives what it returned; ErrCanceled if it was given up.
func (t *Task[T]) Wait() (T, error) {
	sched.until(&t.task.end)
	t.task.observed = true
	if t.task.cancelled {
		var none T
		return none, &CallError{Kind: ErrCanceled}
	}
	return t.value, t.err
}

// Cancel gives up the task and everything that it has started and that has not ended. It goes no further than to where
// it waits; what it has deferred is run.
func (t *Task[T]) Cancel() {
	sched.cancelTask(&t.task)
}

func (t *Task[T]) happening() *event { return &t.task.end }

// task is what the scheduler knows of a Task.
type task struct {
	end event
	// isRoot: it is the workflow or handler itself.
	isRoot    bool
	cancelled bool
	// observed: somebody has seen its error.
	observed bool
	// failure gives its error when it has ended.
	failure func() error
	// waits is where it waits for something, if it does.
	waits *place
	// tasks and tickets are what it started, in order, given up with it. Tickets that are done are dropped at pruneAt.
	tasks   []*task
	tickets []*event
	pruneAt int
}

// own remembers a ticket of the current task. The workflow itself is never given up.
func (s *scheduler) own(e *event) {
	const pruneMin = 16
	t := s.current
	if t.isRoot {
		return
	}
	if len(t.tickets) >= max(t.pruneAt, pruneMin) {
		t.tickets = slices.DeleteFunc(t.tickets, (*event).happened)
		t.pruneAt = 2 * len(t.tickets)
	}
	t.tickets = append(t.tickets, e)
}

// settle ends what a function has left running, which has returned `err`, and gives the error to return.
func (s *scheduler) settle(t *task, err error) error {
	for _, child := range t.tasks {
		if err != nil {
			s.cancelTask(child)
			continue
		}
		s.until(&child.end)
		if !child.observed {
			err = child.failure()
		}
	}
	t.tasks = nil
	return err
}

// ended is the last thing in the goroutine of a task.
func (s *scheduler) ended(t *task) {
	s.happen(&t.end)
	s.next()
}

func (s *scheduler) cancelTask(t *task) {
	if t.cancelled || t.end.happened() {
		return
	}
	t.cancelled, t.observed = true, true
	for _, ticket := range t.tickets {
		s.cancel(ticket)
	}
	for _, child := range t.tasks {
		s.cancelTask(child)
	}
	// One that does not wait runs, or lets another one run; it ends as soon as it asks for anything.
	if waits := t.waits; waits != nil {
		s.ready = slices.DeleteFunc(s.ready, func(other *place) bool { return other == waits })
		waits.woken = true
		s.yield(func() { waits.wake <- struct{}{} })
	}
}

package reprise

import (
	"slices"
	"time"
)

// Waitable is something that happens: a [Call], a [Timer] or a [Task].
type Waitable interface {
	// Cancel gives it up, unless it has happened.
	Cancel()
	happening() *event
}

// Awaitable is something that happens and gives a value: a [Call] or a [Task].
type Awaitable[T any] interface {
	Waitable
	// Wait waits for it.
	Wait() (T, error)
}

// Timer is a length of time that has begun.
type Timer struct {
	event event
}

// Wait waits for the rest of the time.
func (t *Timer) Wait() {
	sched.until(&t.event)
}

// Cancel gives the timer up.
func (t *Timer) Cancel() {
	sched.cancel(&t.event)
}

func (t *Timer) happening() *event { return &t.event }

// Join waits until all of them have happened, whatever came of them: `Wait` says that.
func (tx *Transaction) Join(all ...Waitable) {
	for _, one := range all {
		sched.list(one.happening())
	}
	for _, one := range all {
		sched.until(one.happening())
	}
}

// Race waits until one of them has happened, gives its index, and gives the others up; of several that have happened
// the first in the list. -1 if there are none.
func (tx *Transaction) Race(all ...Waitable) int {
	if len(all) == 0 {
		return -1
	}
	events := make([]*event, len(all))
	for i, one := range all {
		events[i] = one.happening()
	}
	sched.until(events...)
	first := slices.IndexFunc(events, (*event).happened)
	for i, one := range all {
		if i != first {
			one.Cancel()
		}
	}
	return first
}

// Timeout waits for a call or a task for at most `limit`, counted from here, and then gives it up; the error is a
// [TimedOut].
func Timeout[T any](tx *Transaction, limit time.Duration, what Awaitable[T]) (T, error) {
	if tx.Race(what, tx.Timer(limit)) == 0 {
		return what.Wait()
	}
	var none T
	return none, &TimedOut{After: limit}
}

// All waits for calls or tasks and gives their values in order. It ends at the first error there is, and gives the
// others up.
func All[A Awaitable[T], T any](_ *Transaction, all ...A) ([]T, error) {
	var first error
	over := event{ticket: noTicket}
	left := len(all)
	look := func(one A) {
		left--
		if _, err := one.Wait(); err != nil && first == nil {
			first = err
		}
		if left == 0 || first != nil {
			sched.happen(&over)
		}
	}
	for _, one := range all {
		e := one.happening()
		if e.happened() {
			look(one)
			continue
		}
		sched.list(e)
		e.then = append(e.then, func() { look(one) })
	}
	if left > 0 && first == nil {
		sched.until(&over)
	}
	return values(all, first)
}

func values[A Awaitable[T], T any](all []A, failed error) ([]T, error) {
	if failed != nil {
		for _, one := range all {
			one.Cancel()
		}
		return nil, failed
	}
	values := make([]T, len(all))
	for i, one := range all {
		values[i], _ = one.Wait() // without error, or the first one would be set
	}
	return values, nil
}

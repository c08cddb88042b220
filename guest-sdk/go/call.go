package reprise

import "reprise.dev/guest/internal/wit"

// Call is the action of a branch, already submitted.
//
// One that nobody waits for is finished before the transaction commits and given up before it rolls back.
type Call struct {
	event event
}

// Wait waits for the result.
//
// Errors: a [CallError].
func (c *Call) Wait() (*Reply, error) {
	sched.until(&c.event)
	switch {
	case c.event.err != nil:
		return nil, callError(c.event.err)
	case c.event.response.Refused:
		return nil, refused(c.event.response)
	default:
		return &Reply{c.event.response}, nil
	}
}

// Cancel gives the action up, unless its result is there: no further attempt is made, Wait gives ErrCanceled, and the
// branch, in doubt now, is rolled back with the others.
func (c *Call) Cancel() {
	sched.cancel(&c.event)
}

func (c *Call) happening() *event { return &c.event }

// submit starts the action of a branch.
func submit(branch Branch, op Op) *Call {
	sched.endIfCancelled()
	operation, err := op.operation()
	if mistake, made := mistakeOn(branch); made {
		return refusedCall(mistake)
	}
	if err != nil {
		return refusedCall(err.Error())
	}
	call := &Call{event{ticket: wit.Submit(branch.id, operation)}}
	sched.own(&call.event)
	return call
}

// refusedCall is a call that is not made because of a mistake.
func refusedCall(mistake string) *Call {
	err := &wit.CallError{Kind: wit.Invalid, Data: []byte(mistake)}
	return &Call{event{ticket: noTicket, stage: done, err: err}}
}

package reprise

import "reprise.dev/guest/internal/wit"

// event is something that happens once: the result of a ticket, or the end of a task.
type event struct {
	// ticket is how the runtime knows it; noTicket if it is the end of a task.
	ticket uint32
	stage  stage
	// waiting are those to be woken; then is called before that.
	waiting []*place
	then    []func()
	// What the runtime gave for the ticket.
	response wit.Response
	err      *wit.CallError
}

// noTicket: tickets are counted from 0 and never get there.
const noTicket = 1<<32 - 1

// stage says how far an event is.
type stage uint8

const (
	started stage = iota
	// listed: its ticket is among those that are waited for.
	listed
	done
)

func (e *event) happened() bool {
	return e.stage == done
}

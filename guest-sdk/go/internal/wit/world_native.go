//go:build !wasip1

package wit

// World is the world of a workflow off Wasm: what a test answers. Each method is the function of the contract.
type World interface {
	NewBranch() uint32
	SetOptions(branch uint32, options string) error
	OnCommit(branch uint32, op *Operation) error
	OnRollback(branch uint32, op *Operation) error
	OnCommitHandler(branch uint32, name string, payload []byte) error
	OnRollbackHandler(branch uint32, name string, payload []byte) error
	OnFinish(op *Operation) error
	Submit(branch uint32, op *Operation) uint32
	WaitAny(tickets []uint32) uint32
	TakeResponse(ticket uint32) (Response, *CallError)
	Scope(branch *uint32) error
	Cancel(ticket uint32)
	Now() (seconds, nanos uint32)
	Timer(seconds, nanos uint32) uint32
	RandomBytes(length uint32) []byte
	Write(level uint32, message string)
}

// Current is the world that is asked.
var Current World

func world() World {
	if Current == nil {
		panic("off Wasm, a transaction exists only within a run of reprisetest")
	}
	return Current
}

// Exported is what the exports would do.
var Exported Guest

// Export says what the exports do.
func Export(g Guest) { Exported = g }

// NewBranch opens the next branch.
func NewBranch() uint32 { return world().NewBranch() }

// SetOptions sets options of a branch: a JSON object.
func SetOptions(branch uint32, options string) error { return world().SetOptions(branch, options) }

// OnCommit registers an operation for the commit.
func OnCommit(branch uint32, op *Operation) error { return world().OnCommit(branch, op) }

// OnRollback registers an operation for the rollback.
func OnRollback(branch uint32, op *Operation) error { return world().OnRollback(branch, op) }

// OnCommitHandler registers a call of `handle` for the commit.
func OnCommitHandler(branch uint32, name string, payload []byte) error {
	return world().OnCommitHandler(branch, name, payload)
}

// OnRollbackHandler registers a call of `handle` for the rollback.
func OnRollbackHandler(branch uint32, name string, payload []byte) error {
	return world().OnRollbackHandler(branch, name, payload)
}

// OnFinish registers an operation for when all is done.
func OnFinish(op *Operation) error { return world().OnFinish(op) }

// Submit starts the action of a branch and gives its ticket.
func Submit(branch uint32, op *Operation) uint32 { return world().Submit(branch, op) }

// WaitAny waits until one of the tickets has a result and gives the index of the earliest.
func WaitAny(tickets []uint32) uint32 { return world().WaitAny(tickets) }

// TakeResponse waits for the result of a ticket and hands it over.
func TakeResponse(ticket uint32) (Response, *CallError) { return world().TakeResponse(ticket) }

// Scope says to which branch requests of wasi:http belong from here on; nil: each to one of its own.
func Scope(branch *uint32) error { return world().Scope(branch) }

// Cancel gives a ticket up.
func Cancel(ticket uint32) { world().Cancel(ticket) }

// Now is the time of the last result that the guest has seen, since 1970-01-01T00:00:00Z.
func Now() (seconds, nanos uint32) { return world().Now() }

// Timer starts a timer and gives its ticket.
func Timer(seconds, nanos uint32) uint32 { return world().Timer(seconds, nanos) }

// RandomBytes gives `length` random bytes, at most 65,536.
func RandomBytes(length uint32) []byte { return world().RandomBytes(length) }

// Write shows a message for people; level: 0 trace to 4 error.
func Write(level uint32, message string) { world().Write(level, message) }

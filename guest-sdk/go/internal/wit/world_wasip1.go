package wit

import (
	"errors"
	"unsafe"

	"reprise.dev/guest/internal/abi"
)

// result is where an import puts what does not fit into one number. It is read before anything else can run.
var result [6]uint32

// NewBranch opens the next branch.
func NewBranch() uint32 {
	return importNewBranch()
}

// SetOptions sets options of a branch: a JSON object.
func SetOptions(branch uint32, options string) error {
	abi.ClearArena()
	importSetOptions(branch, abi.Data(options), abi.Size(options), unsafe.Pointer(&result))
	return mistake()
}

// OnCommit registers an operation for the commit.
func OnCommit(branch uint32, op *Operation) error {
	abi.ClearArena()
	l := lower(op)
	importOnCommit(branch, l.kind, l.a, l.aLen, l.b, l.bLen, l.c, l.cLen, unsafe.Pointer(&result))
	return mistake()
}

// OnRollback registers an operation for the rollback.
func OnRollback(branch uint32, op *Operation) error {
	abi.ClearArena()
	l := lower(op)
	importOnRollback(branch, l.kind, l.a, l.aLen, l.b, l.bLen, l.c, l.cLen, unsafe.Pointer(&result))
	return mistake()
}

// OnCommitHandler registers a call of `handle` for the commit.
func OnCommitHandler(branch uint32, name string, payload []byte) error {
	abi.ClearArena()
	name = abi.Text(name)
	importOnCommitHandler(branch, abi.Data(name), abi.Size(name), abi.List(payload), abi.Length(payload),
		unsafe.Pointer(&result))
	return mistake()
}

// OnRollbackHandler registers a call of `handle` for the rollback.
func OnRollbackHandler(branch uint32, name string, payload []byte) error {
	abi.ClearArena()
	name = abi.Text(name)
	importOnRollbackHandler(branch, abi.Data(name), abi.Size(name), abi.List(payload), abi.Length(payload),
		unsafe.Pointer(&result))
	return mistake()
}

// OnFinish registers an operation for when all is done.
func OnFinish(op *Operation) error {
	abi.ClearArena()
	l := lower(op)
	importOnFinish(l.kind, l.a, l.aLen, l.b, l.bLen, l.c, l.cLen, unsafe.Pointer(&result))
	return mistake()
}

// Submit starts the action of a branch and gives its ticket.
func Submit(branch uint32, op *Operation) uint32 {
	l := lower(op)
	return importSubmit(branch, l.kind, l.a, l.aLen, l.b, l.bLen, l.c, l.cLen)
}

// WaitAny waits until one of the tickets has a result and gives the index of the earliest.
func WaitAny(tickets []uint32) uint32 {
	return importWaitAny(abi.List(tickets), abi.Length(tickets))
}

// TakeResponse waits for the result of a ticket and hands it over.
func TakeResponse(ticket uint32) (Response, *CallError) {
	abi.ClearArena()
	importTakeResponse(ticket, unsafe.Pointer(&result))
	if result[0]&0xff != 0 {
		kind := ErrorKind(result[1] & 0xff)
		if kind == Canceled {
			return Response{}, &CallError{Kind: kind}
		}
		return Response{}, &CallError{Kind: kind, Data: abi.Bytes(result[2], result[3])}
	}
	return Response{
		Status:  uint16(result[1]),
		Refused: result[1]>>16&0xff != 0,
		Headers: liftHeaders(result[2], result[3]),
		Body:    abi.Bytes(result[4], result[5]),
	}, nil
}

// Scope says to which branch requests of wasi:http belong from here on; nil: each to one of its own.
func Scope(branch *uint32) error {
	abi.ClearArena()
	if branch == nil {
		importScope(0, 0, unsafe.Pointer(&result))
	} else {
		importScope(1, *branch, unsafe.Pointer(&result))
	}
	return mistake()
}

// Cancel gives a ticket up.
func Cancel(ticket uint32) {
	importCancel(ticket)
}

// Now is the time of the last result that the guest has seen, since 1970-01-01T00:00:00Z.
func Now() (seconds, nanos uint32) {
	importNow(unsafe.Pointer(&result))
	return result[0], result[1]
}

// Timer starts a timer and gives its ticket.
func Timer(seconds, nanos uint32) uint32 {
	return importTimer(seconds, nanos)
}

// RandomBytes gives `length` random bytes, at most 65,536.
func RandomBytes(length uint32) []byte {
	abi.ClearArena()
	importRandomBytes(length, unsafe.Pointer(&result))
	return abi.Bytes(result[0], result[1])
}

// Write shows a message for people; level: 0 trace to 4 error.
func Write(level uint32, message string) {
	message = abi.Text(message)
	importWrite(level, abi.Data(message), abi.Size(message))
}

// mistake lifts a result<_, string>.
func mistake() error {
	if result[0]&0xff == 0 {
		return nil
	}
	return errors.New(abi.String(result[1], result[2]))
}

func liftHeaders(address, length uint32) []Header {
	if length == 0 {
		return nil
	}
	const words = 4
	raw := unsafe.Slice((*uint32)(abi.List(abi.InArena(address, length*words*4))), length*words)
	headers := make([]Header, length)
	for i := range headers {
		one := raw[i*words:]
		headers[i] = Header{Name: abi.String(one[0], one[1]), Value: abi.Bytes(one[2], one[3])}
	}
	return headers
}

package reprise

import (
	"encoding/binary"
	"time"

	"reprise.dev/guest/internal/wit"
)

// Transaction is what a workflow is given: branches, time, randomness. How things run together is told by [Go], [All],
// [Timeout], [Transaction.Join] and [Transaction.Race].
type Transaction struct{}

// Branch opens the next branch: `01`, `02`, ... for participants, in the order of these calls.
func (tx *Transaction) Branch() Branch {
	return Branch{wit.NewBranch()}
}

// OnFinish lets the runtime perform an operation when all is done, with `op=finish` and `outcome=succeeded` or
// `outcome=failed` beside the other parameters, until it succeeds. A mistake in it turns success into a failure.
func (tx *Transaction) OnFinish(op Op) {
	operation, err := op.operation()
	if err == nil {
		err = wit.OnFinish(operation)
	}
	note(nil, err)
}

// Now is the time of the last result that this workflow has seen, in UTC; the same on every replay.
func (tx *Transaction) Now() time.Time {
	seconds, nanos := wit.Now()
	return time.Unix(int64(seconds), int64(nanos)).UTC()
}

// Sleep waits. The runtime may drop the instance meanwhile and replay it afterwards.
func (tx *Transaction) Sleep(length time.Duration) {
	tx.Timer(length).Wait()
}

// Timer starts a timer, here and now. Longer than 136 years counts as 136 years, less than nothing as nothing.
func (tx *Transaction) Timer(length time.Duration) *Timer {
	sched.endIfCancelled()
	const secondsMax = 1<<32 - 1
	length = max(length, 0)
	seconds, nanos := length/time.Second, length%time.Second
	if seconds > secondsMax {
		seconds, nanos = secondsMax, 0
	}
	timer := &Timer{event{ticket: wit.Timer(uint32(seconds), uint32(nanos))}}
	sched.own(&timer.event)
	return timer
}

// RandomBytes gives random bytes, the same on every replay.
func (tx *Transaction) RandomBytes(length int) []byte {
	const callMax = 65_536
	random := make([]byte, 0, length)
	for len(random) < length {
		random = append(random, wit.RandomBytes(uint32(min(length-len(random), callMax)))...)
	}
	return random
}

// RandomUint64 gives a random number, the same on every replay.
func (tx *Transaction) RandomUint64() uint64 {
	return binary.BigEndian.Uint64(tx.RandomBytes(8))
}

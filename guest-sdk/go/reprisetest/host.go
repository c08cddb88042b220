//go:build !wasip1

// Package reprisetest runs workflows without Wasm and without a runtime: a host in this process, with virtual time.
//
// A [Host] answers the operations of a workflow, performs phase two and gives back every attempt in order. Where the
// runtime would quarantine the execution the test panics. So it does when the workflow, run a second time with the
// recorded results, takes another path. It is a small likeness of the runtime: what an action without undo, a refusal,
// retries and a rollback come to is the same, pivots and outcome maps are not there.
//
//	host := reprisetest.New().
//		On("POST bank/out", reprisetest.OK()).
//		On("POST bank/in", reprisetest.Refuse("unknown account"))
//	run := reprisetest.Run(host, transfer, Transfer{"alice", "bob", 30})
//	// run.Failure.Details is "unknown account", run.Trace is
//	//	01 action POST bank/out: success
//	//	02 action POST bank/in: failure
//	//	01 rollback POST bank/out/revert: success
package reprisetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	reprise "reprise.dev/guest"
	"reprise.dev/guest/internal/wit"
)

// Host answers operations by their key: `POST participant/path`, `GRPC participant/package.Service/Method`, `SQL
// database`, `XA database`. A key that ends in `*` stands for all with this beginning; of several that fit the last one
// added counts. Without an answer an action ends as reprise.ErrInvalid, and anything in phase two succeeds.
type Host struct {
	answers []answerer
	seed    uint64
}

type answerer struct {
	key    string
	answer func(Request) Answer
}

// New makes a host that has no answers yet.
func New() *Host {
	return &Host{}
}

// On answers operations of a key.
func (h *Host) On(key string, answer Answer) *Host {
	return h.OnFunc(key, func(Request) Answer { return answer })
}

// OnFunc answers operations of a key, each attempt anew.
func (h *Host) OnFunc(key string, answer func(Request) Answer) *Host {
	h.answers = append(h.answers, answerer{key, answer})
	return h
}

// Seed gives the workflow other random numbers.
func (h *Host) Seed(seed uint64) *Host {
	h.seed = seed
	return h
}

// Result is what came of a run.
type Result[O any] struct {
	// Output is what the workflow returned, if it did not fail.
	Output O
	// Failure is why it was rolled back; nil: it was committed.
	Failure *reprise.Failure
	// Calls are all attempts of all operations, in order.
	Calls []Request
	// Trace are the same, a line each: `01 action POST bank/out: success`.
	Trace []string
	// Log is what the workflow logged.
	Log []string
	// Elapsed is the virtual time from start to end, phase two included.
	Elapsed time.Duration
}

// one run at a time: what a workflow calls is global, as in a component.
var one sync.Mutex

// Run runs a workflow with `input`, in whatever form gives the input's JSON, and then its commit or rollback. It panics
// where the runtime would quarantine the execution.
func Run[I, O any](host *Host, workflow func(*reprise.Transaction, I) (O, error), input any) Result[O] {
	one.Lock()
	defer one.Unlock()
	reprise.Workflow(workflow)
	w := newWorld(host)
	wit.Current = w
	defer func() { wit.Current = nil }()

	data := encode(input)
	output, failure := wit.Exported.Run(data)
	w.returned(output, failure)
	w.replay()
	again, failedAgain := wit.Exported.Run(data)
	w.returned(again, failedAgain)
	w.endReplay()
	w.phaseTwo(failure != nil)

	result := Result[O]{Calls: w.calls, Trace: w.trace, Log: w.log, Elapsed: w.clock}
	if failure != nil {
		result.Failure = &reprise.Failure{Message: failure.Message, Details: failure.Details}
	} else {
		decode(output, &result.Output)
	}
	return result
}

func encode(value any) []byte {
	if raw, ok := value.(reprise.Raw); ok {
		return raw
	}
	data, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%T has no JSON form: %v", value, err))
	}
	return data
}

func decode(data []byte, into any) {
	if raw, ok := into.(*reprise.Raw); ok {
		*raw = data
		return
	}
	if err := json.Unmarshal(data, into); err != nil {
		panic(fmt.Sprintf("`%s` is no %T: %v", data, into, err))
	}
}

// answer is what a test says to an attempt.
func (h *Host) answer(request Request) Answer {
	for i := len(h.answers) - 1; i >= 0; i-- {
		one := h.answers[i]
		beginning, open := strings.CutSuffix(one.key, "*")
		if one.key == request.Key || open && strings.HasPrefix(request.Key, beginning) {
			return one.answer(request)
		}
	}
	if request.Role == Action {
		return Invalid(fmt.Sprintf("the test has no answer for `%[1]s`: add .On(\"%[1]s\", ..)", request.Key))
	}
	return OK()
}

// The conformance guest in Go: every scenario of ../SCENARIOS.md on the SDK alone.
package main

import reprise "reprise.dev/guest"

// Input says which scenario to run, with the parameters that some of them have.
type Input struct {
	Scenario string  `json:"scenario"`
	Count    int     `json:"count,omitempty"`
	Amount   float64 `json:"amount,omitempty"`
}

// scenario is one of them; its output is JSON, or bytes as they are.
type scenario func(tx *reprise.Transaction, input Input) (any, error)

var scenarios = map[string]scenario{
	"saga":            saga,
	"tcc":             tcc,
	"fan-out":         fanOut,
	"refused":         refused,
	"attempts":        attempts,
	"deadline":        deadline,
	"cancel":          cancel,
	"invalid":         invalid,
	"failure":         failure,
	"sleep":           sleep,
	"race":            race,
	"now":             now,
	"random":          random,
	"entropy":         entropy,
	"big":             big,
	"empty":           empty,
	"unicode":         unicode,
	"options":         options,
	"full":            full,
	"handlers":        handlers,
	"commit-handlers": commitHandlers,
	"handler-fails":   handlerFails,
	"closures":        closures,
	"finish":          finish,
	"sql":             sql,
	"xa":              xa,
	"grpc":            grpc,
	"log":             log,
	"trap":            trap,
	"many":            many,
	"many-tasks":      manyTasks,
	"bad-input":       badInput,
}

func init() {
	reprise.Workflow(run)
	reprise.Handler("undo", callWithPayload("/undo"))
	reprise.Handler("confirm", callWithPayload("/confirm"))
	reprise.Handler("stubborn", stubborn)
}

func main() {}

func run(tx *reprise.Transaction, input Input) (any, error) {
	scenario, known := scenarios[input.Scenario]
	if !known {
		return nil, reprise.Fail("unknown scenario")
	}
	return scenario(tx, input)
}

var stub = reprise.Named("stub")

// number is the body of most requests and replies.
type number struct {
	N int `json:"n"`
}

// both is the output of two branches.
type both struct {
	A int `json:"a"`
	B int `json:"b"`
}

// first is the output of one branch.
type first struct {
	A int `json:"a"`
}

// undone opens a branch, registers its undo, and starts its action.
func undone(tx *reprise.Transaction, path string, body number) *reprise.Call {
	branch := tx.Branch().OnRollback(stub.Post(path + "/undo").JSON(body))
	return branch.Start(stub.Post(path).JSON(body))
}

// get reads on a branch of its own.
func get(tx *reprise.Transaction, path string) *reprise.Call {
	return tx.Branch().ReadOnly().Start(stub.Get(path))
}

// numberOf waits for a call whose reply is a number.
func numberOf(call *reprise.Call) (int, error) {
	reply, err := reprise.JSON[number](call.Wait())
	return reply.N, err
}

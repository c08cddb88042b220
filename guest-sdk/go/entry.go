package reprise

import (
	"fmt"
	"strings"

	"reprise.dev/guest/internal/wit"
)

// Phase says what a handler runs for.
type Phase uint32

const (
	// Commit: the transaction commits.
	Commit Phase = iota
	// Rollback: the transaction rolls back.
	Rollback
)

// handlers by name, each with its payload still to be read.
var handlers = map[string]func(phase Phase, branch Branch, payload []byte) error{}

// Workflow makes a function the workflow of this component. Call it once, in an init function.
//
// The input is read from JSON and the output written as JSON; [Raw] stands for bytes as they are. Every key of a struct
// has to be there, unless its field is a pointer or has `omitempty` or `omitzero`. A nil error commits, any other rolls
// back. For tests the function stays what it is.
func Workflow[I, O any](workflow func(tx *Transaction, input I) (O, error)) {
	export.Run = func(input []byte) ([]byte, *wit.Failure) {
		_, output, err := perform(workflow, input)
		if err != nil {
			return nil, failureOf(err)
		}
		return output, nil
	}
	wit.Export(export)
}

// Handler gives a name to code for phase two, which branches register by it. Call it in an init function, so that it is
// there when the runtime starts a fresh instance for it.
//
//	func init() { reprise.Handler("release", release) }
//
//	func release(tx *reprise.Transaction, branch reprise.Branch, phase reprise.Phase, parcel string) error {
//		_, err := branch.Call(reprise.Named("shop").Post("/release").JSON(parcel))
//		return err
//	}
func Handler[P any](name string, handler func(tx *Transaction, branch Branch, phase Phase, payload P) error) {
	handlers[name] = func(phase Phase, branch Branch, payload []byte) error {
		var value P
		if err := decode(payload, &value); err != nil {
			return fmt.Errorf("the payload can't be read: %w", err)
		}
		return handler(&Transaction{}, branch, phase, value)
	}
}

// export is what the exports do.
var export = wit.Guest{Run: noWorkflow, Handle: handle}

func init() {
	wit.Export(export)
}

func noWorkflow([]byte) ([]byte, *wit.Failure) {
	return nil, failureOf(Fail("this component has no workflow: call reprise.Workflow in an init function"))
}

// perform runs a workflow to its end and gives its output, as it is and encoded.
func perform[I, O any](workflow func(*Transaction, I) (O, error), data []byte) (output O, encoded []byte, err error) {
	sched = newScheduler()
	resetSession()
	var input I
	if err = decode(data, &input); err != nil {
		return output, nil, fmt.Errorf("the input can't be read: %w", err)
	}
	output, err = workflow(&Transaction{}, input)
	if err = sched.settle(sched.current, err); err != nil {
		return output, nil, err
	}
	if err = unreported(); err != nil {
		return output, nil, err
	}
	if encoded, err = encode(output); err != nil {
		return output, nil, fmt.Errorf("the output has no JSON form: %w", err)
	}
	return output, encoded, nil
}

// handle is the export `handle`: it runs what was registered under a name for phase two.
func handle(phase, branch uint32, name string, payload []byte) *wit.Failure {
	sched = newScheduler()
	work, err := lookUpHandler(name)
	if err == nil {
		if err = sched.settle(sched.current, work(Phase(phase), Branch{branch}, payload)); err != nil {
			err = fmt.Errorf("handler `%s`: %w", name, err)
		} else {
			err = unreported()
		}
	}
	if err != nil {
		return failureOf(err)
	}
	return nil
}

func lookUpHandler(name string) (func(Phase, Branch, []byte) error, error) {
	number, isClosure := strings.CutPrefix(name, "#")
	if !isClosure {
		if handler, known := handlers[name]; known {
			return handler, nil
		}
	} else if run, known := closure(number); known {
		return func(_ Phase, branch Branch, _ []byte) error { return run(&Transaction{}, branch) }, nil
	}
	return nil, fmt.Errorf("this component has no handler `%s`", name)
}

package reprise

import (
	"fmt"

	"reprise.dev/guest/internal/wit"
)

// Branch is one participant's part of the transaction: one action, and what commit and rollback do.
//
// A handle that is copied freely. Set options first, then register what undoes the action, then call it. An action that
// may change something is refused unless its undo is registered before it, or the branch says that there is nothing to
// undo ([Branch.ReadOnly]) or no way back ([Branch.Pivot]); GET and XA need none.
//
//	bank := reprise.Named("bank")
//	out := tx.Branch().
//		Options(reprise.Options{Retry: reprise.Retry{Attempts: 5}}).
//		OnRollback(bank.Post("/transfer-out/revert").JSON(30))
//	reply, err := out.Call(bank.Post("/transfer-out").JSON(30))
//
// A mistake in what is registered (a wrong option, a value without JSON form, an unknown handler) comes out where the
// branch is called, as ErrInvalid, and nothing is sent. On a branch that is not called after it, it turns the success
// of the workflow into a failure.
type Branch struct {
	id uint32
}

// ID is the branch's number: 1 for the `branch_id` `01` that participants see. Branches that a handler opens have
// numbers of their own, far above those of the workflow.
func (b Branch) ID() uint32 {
	return b.id
}

// Options sets options for what follows on this branch; what they don't name stays.
func (b Branch) Options(options Options) Branch {
	json, err := options.json()
	if err == nil && json != "" {
		err = wit.SetOptions(b.id, json)
	}
	return b.noted(err)
}

// ReadOnly: the action changes nothing, so there is nothing to undo.
func (b Branch) ReadOnly() Branch {
	return b.Options(Options{Effect: ReadOnly})
}

// Pivot: there is no way back from the action.
func (b Branch) Pivot() Branch {
	return b.Options(Options{Effect: Pivot})
}

// OnCommit lets the runtime perform an operation when the transaction commits.
func (b Branch) OnCommit(op Op) Branch {
	return b.register(op, wit.OnCommit)
}

// OnRollback lets the runtime perform an operation when the transaction rolls back. Register it before the action that
// it undoes.
func (b Branch) OnRollback(op Op) Branch {
	return b.register(op, wit.OnRollback)
}

// OnCommitHandler lets the [Handler] of this name run with a payload when the transaction commits.
func (b Branch) OnCommitHandler(name string, payload any) Branch {
	return b.registerHandler(name, payload, wit.OnCommitHandler)
}

// OnRollbackHandler lets the [Handler] of this name run with a payload when the transaction rolls back.
func (b Branch) OnRollbackHandler(name string, payload any) Branch {
	return b.registerHandler(name, payload, wit.OnRollbackHandler)
}

// OnCommitFunc lets a function run when the transaction commits; what it calls on the branch it is given is the commit
// operation.
//
// The runtime replays the workflow first when its instance is gone, and calls the function again when it fails. An
// operation or a named handler needs neither, so prefer those.
//
//	tx.Branch().OnCommitFunc(func(tx *reprise.Transaction, branch reprise.Branch) error {
//		_, err := branch.Call(reprise.Named("shop").Post("/release").JSON(parcels))
//		return err
//	})
func (b Branch) OnCommitFunc(run func(tx *Transaction, branch Branch) error) Branch {
	return b.noted(wit.OnCommitHandler(b.id, keep(run), nil))
}

// OnRollbackFunc is as [Branch.OnCommitFunc], when the transaction rolls back.
func (b Branch) OnRollbackFunc(run func(tx *Transaction, branch Branch) error) Branch {
	return b.noted(wit.OnRollbackHandler(b.id, keep(run), nil))
}

// Call performs the branch's one action and waits for its result. In a handler or function of phase two, on the branch
// it was given, this is the commit or rollback operation, repeated until it succeeds.
//
// Errors: a [CallError].
func (b Branch) Call(op Op) (*Reply, error) {
	return submit(b, op).Wait()
}

// Start submits the branch's one action, here and now; [Call.Wait] gives its result. Actions that are started one after
// the other and waited for later run concurrently.
func (b Branch) Start(op Op) *Call {
	return submit(b, op)
}

// Scope runs a function; the requests of package httpclient in it are actions of this branch and carry its parameters.
// Elsewhere each gets a branch of its own, and other tasks that run meanwhile are not in the scope.
//
// One request may change something, and what undoes it is registered before; more may follow that only read.
func (b Branch) Scope(run func() error) error {
	before := sched.scope
	sched.enter(&b)
	defer func() { sched.enter(before) }()
	return run()
}

func (b Branch) register(op Op, register func(uint32, *wit.Operation) error) Branch {
	operation, err := op.operation()
	if err == nil {
		err = register(b.id, operation)
	}
	return b.noted(err)
}

func (b Branch) registerHandler(name string, payload any, register func(uint32, string, []byte) error) Branch {
	if _, known := handlers[name]; !known {
		return b.noted(fmt.Errorf("no handler `%s`: register it with reprise.Handler(\"%s\", ..)", name, name))
	}
	data, err := encode(payload)
	if err != nil {
		return b.noted(fmt.Errorf("the payload of `%s` has no JSON form: %w", name, err))
	}
	return b.noted(register(b.id, name, data))
}

func (b Branch) noted(err error) Branch {
	note(&b, err)
	return b
}

// tellScope tells the runtime to which branch requests of wasi:http belong.
func tellScope(scope *Branch) {
	if scope == nil {
		note(nil, wit.Scope(nil))
		return
	}
	note(scope, wit.Scope(&scope.id))
}

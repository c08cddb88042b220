//go:build !wasip1

package reprisetest

import (
	"fmt"

	"reprise.dev/guest/internal/wit"
)

// phaseTwo performs what is registered for the outcome, in reverse order, each until it succeeds, and then what is
// registered for the end.
func (w *world) phaseTwo(failed bool) {
	role := Commit
	if failed {
		role = Rollback
	}
	for _, role := range []Role{role, Finish} {
		for i := len(w.registered) - 1; i >= 0; i-- {
			r := w.registered[i]
			if r.role == role && !r.skipsRollback() {
				w.settle(r)
			}
		}
	}
}

// skipsRollback: a refused action did nothing, so there is nothing to undo, unless the branch asks for it.
func (r *registration) skipsRollback() bool {
	return r.role == Rollback && r.branch.refused && !r.branch.options.Compensate
}

func (w *world) settle(r registration) {
	if r.op == nil {
		w.handle(r)
		return
	}
	name, o := "", &options{}
	if r.branch != nil {
		name, o = r.branch.name, &r.branch.options
	}
	w.clock = w.perform(name, r.role, r.op, o).at
}

func (w *world) handle(r registration) {
	phase := uint32(0)
	if r.role == Rollback {
		phase = 1
	}
	w.begin()
	w.observed = w.clock
	w.inHandler = &branch{name: r.branch.name, role: r.role, options: r.branch.options}
	w.branches[r.number] = w.inHandler
	if failure := wit.Exported.Handle(phase, r.number, r.handler, r.payload); failure != nil {
		panic(fmt.Sprintf("the runtime would quarantine this execution: %s", failure.Message))
	}
	w.inHandler = nil
}

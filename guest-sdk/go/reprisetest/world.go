//go:build !wasip1

package reprisetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"reprise.dev/guest/internal/wit"
)

// start is when every test starts: 2026-01-01T00:00:00Z, in seconds.
const start = 1_767_225_600

// handlerBranches is where the numbers of branches begin that a handler opens.
const handlerBranches = 1 << 16

// world answers the imports of one run.
type world struct {
	host   *Host
	clock  time.Duration
	calls  []Request
	trace  []string
	log    []string
	random *rand.Rand

	// Of this invocation of the guest:
	branches map[uint32]*branch
	opened   uint32
	tickets  []*ticket
	observed time.Duration
	// inHandler is the branch that a handler runs for.
	inHandler *branch

	registered []registration

	// asked is everything the workflow asked for; a replay has to ask for the same, and gets the recorded results.
	asked     []string
	recorded  []*ticket
	replaying bool
	at        int
}

type branch struct {
	name     string
	role     Role
	options  options
	commit   bool
	rollback bool
	acted    bool
	refused  bool
}

type ticket struct {
	at       time.Duration
	response wit.Response
	err      *wit.CallError
}

// registration is something to do in phase two or at the end: an operation, or a handler.
type registration struct {
	role    Role
	branch  *branch
	number  uint32
	op      *wit.Operation
	handler string
	payload []byte
}

func newWorld(host *Host) *world {
	w := &world{host: host}
	w.begin()
	return w
}

func (w *world) begin() {
	w.branches, w.opened, w.tickets, w.observed = map[uint32]*branch{}, 0, nil, 0
	w.random = rand.New(rand.NewPCG(w.host.seed, 0))
}

// ask notes what the workflow asks for, and on a replay compares.
func (w *world) ask(format string, args ...any) {
	if w.inHandler != nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	if !w.replaying {
		w.asked = append(w.asked, text)
		return
	}
	recorded := "nothing more"
	if w.at < len(w.asked) {
		recorded = w.asked[w.at]
	}
	if recorded != text {
		panic(fmt.Sprintf("the workflow is not deterministic: at %d it asked for `%s`, and in the replay for `%s`",
			w.at, recorded, text))
	}
	w.at++
}

func (w *world) returned(output []byte, failure *wit.Failure) {
	if failure != nil {
		w.ask("failure %s %s", failure.Message, failure.Details)
		return
	}
	w.ask("output %s", output)
}

func (w *world) replay() {
	w.recorded, w.replaying, w.at = w.tickets, true, 0
	w.registered = nil
	w.begin()
}

func (w *world) endReplay() {
	if w.at < len(w.asked) {
		panic(fmt.Sprintf("the workflow is not deterministic: the replay ended before `%s`", w.asked[w.at]))
	}
	w.replaying = false
}

func (w *world) NewBranch() uint32 {
	w.opened++
	number, name := w.opened, fmt.Sprintf("%02d", w.opened)
	if w.inHandler != nil {
		number, name = w.opened+handlerBranches, w.inHandler.name+"-"+name
	}
	w.branches[number] = &branch{name: name, role: Action}
	return number
}

func (w *world) SetOptions(number uint32, json string) error {
	w.ask("options %d %s", number, json)
	return w.branches[number].options.merge(json)
}

func (w *world) OnCommit(number uint32, op *wit.Operation) error {
	return w.register(registration{role: Commit, number: number, op: op})
}

func (w *world) OnRollback(number uint32, op *wit.Operation) error {
	return w.register(registration{role: Rollback, number: number, op: op})
}

func (w *world) OnCommitHandler(number uint32, name string, payload []byte) error {
	return w.register(registration{role: Commit, number: number, handler: name, payload: payload})
}

func (w *world) OnRollbackHandler(number uint32, name string, payload []byte) error {
	return w.register(registration{role: Rollback, number: number, handler: name, payload: payload})
}

func (w *world) OnFinish(op *wit.Operation) error {
	return w.register(registration{role: Finish, op: op})
}

func (w *world) register(r registration) error {
	if w.inHandler != nil {
		return errors.New("phase two is under way, nothing can be registered any more")
	}
	if r.op != nil {
		w.ask("%s %d %s %s", r.role, r.number, keyOf(r.op), bodyOf(r.op))
	} else {
		w.ask("%s %d handler %s %s", r.role, r.number, r.handler, r.payload)
	}
	if r.role != Finish {
		r.branch = w.branches[r.number]
		has := &r.branch.rollback
		if r.role == Commit {
			has = &r.branch.commit
		}
		if *has {
			return fmt.Errorf("branch %s has its on-%s already; open another branch for what else is to be done",
				r.branch.name, r.role)
		}
		*has = true
	}
	w.registered = append(w.registered, r)
	return nil
}

func (w *world) Submit(number uint32, op *wit.Operation) uint32 {
	b := w.branches[number]
	w.ask("call %s %s %s", b.name, keyOf(op), bodyOf(op))
	if mistake := b.mistake(op); mistake != "" {
		return w.add(&ticket{at: w.observed, err: &wit.CallError{Kind: wit.Invalid, Data: []byte(mistake)}})
	}
	b.acted = true
	var t *ticket
	if w.replaying {
		t = w.recorded[len(w.tickets)]
	} else {
		t = w.perform(b.name, b.role, op, &b.options)
	}
	b.refused = t.response.Refused
	if op.Kind == wit.XA && t.err == nil && !t.response.Refused {
		end := &wit.Operation{Kind: wit.XA, Target: op.Target}
		w.registered = append(w.registered,
			registration{role: Commit, branch: b, op: end}, registration{role: Rollback, branch: b, op: end})
	}
	return w.add(t)
}

// mistake says why the action can't be made.
func (b *branch) mistake(op *wit.Operation) string {
	reads := op.Kind == wit.XA || op.Kind == wit.HTTP && slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, op.Method)
	switch {
	case b.acted:
		return fmt.Sprintf("branch %s has its operation already; open another one", b.name)
	case reads, b.commit, b.rollback, b.options.Effect != "", b.role != Action:
		return ""
	default:
		return fmt.Sprintf("branch %s: %s may change something and nothing says how it is undone: register OnRollback "+
			"before it, or take ReadOnly or Pivot", b.name, keyOf(op))
	}
}

func (w *world) add(t *ticket) uint32 {
	w.tickets = append(w.tickets, t)
	return uint32(len(w.tickets) - 1)
}

func (w *world) Timer(seconds, nanos uint32) uint32 {
	length := time.Duration(seconds)*time.Second + time.Duration(nanos)
	w.ask("timer %s", length)
	return w.add(&ticket{at: w.observed + length})
}

func (w *world) WaitAny(tickets []uint32) uint32 {
	first := slices.MinFunc(tickets, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(w.tickets[a].at, w.tickets[b].at), cmp.Compare(a, b))
	})
	return uint32(slices.Index(tickets, first))
}

func (w *world) TakeResponse(number uint32) (wit.Response, *wit.CallError) {
	t := w.tickets[number]
	w.observed = max(w.observed, t.at)
	w.clock = max(w.clock, t.at)
	return t.response, t.err
}

func (w *world) Cancel(number uint32) {
	w.ask("cancel %d", number)
}

func (w *world) Scope(*uint32) error {
	return nil
}

func (w *world) Now() (seconds, nanos uint32) {
	return uint32(start + w.observed/time.Second), uint32(w.observed % time.Second)
}

func (w *world) RandomBytes(length uint32) []byte {
	random := make([]byte, length)
	for i := range random {
		random[i] = byte(w.random.Uint32())
	}
	return random
}

func (w *world) Write(_ uint32, message string) {
	if !w.replaying {
		w.log = append(w.log, message)
	}
}

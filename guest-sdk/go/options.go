package reprise

import (
	"encoding/json"
	"time"
)

// Effect says what the action of a branch does to the world, where nothing is registered that undoes it.
type Effect string

const (
	// ReadOnly: it changes nothing, so there is nothing to undo.
	ReadOnly Effect = "read-only"
	// Pivot: there is no way back from it. When it has succeeded the transaction can't fail any more: what follows is
	// repeated until it succeeds, and the workflow has to return no error.
	Pivot Effect = "pivot"
)

// Options of a branch: how long, how often, with which headers, what answers mean, and what the call does where nothing
// undoes it. What is not set is the runtime's default. Times are sent in milliseconds.
type Options struct {
	// Timeout is the longest time of one attempt.
	Timeout time.Duration
	// Deadline is the longest time of all attempts together; then the call ends with ErrDeadline.
	Deadline time.Duration
	// Retry says how attempts that ended unknown are repeated.
	Retry Retry
	// OngoingInterval is the pause after an answer "ongoing".
	OngoingInterval time.Duration
	// Headers (gRPC: metadata) to send.
	Headers map[string]string
	// Outcomes say what answers of a service with other conventions mean.
	Outcomes Outcomes
	// IdempotencyKey is sent as `idempotency-key`.
	IdempotencyKey string
	// CompensateFailed rolls the branch back also when its action was refused.
	CompensateFailed bool
	// Effect is what the call does; see also [Branch.ReadOnly] and [Branch.Pivot].
	Effect Effect
	// FullAnswer asks for the answer's headers (gRPC: metadata) too, see [Reply.Headers]. They are recorded, so ask for
	// them where they are needed.
	FullAnswer bool
}

// Retry says how attempts that ended unknown are repeated.
type Retry struct {
	// Attempts is the most there are; then the call ends with ErrExhausted.
	Attempts uint32
	// Initial is the pause after the first attempt.
	Initial time.Duration
	// Factor is the growth of the pause from one attempt to the next, 1.0 or more.
	Factor float32
	// Max is the longest pause.
	Max time.Duration
	// Jitter is the share of a pause that chance takes off, up to 1.0, so that calls don't come back all at once.
	Jitter float32
	// NoJitter lets chance take off nothing.
	NoJitter bool
}

// optionsJSON is what the runtime takes.
type optionsJSON struct {
	TimeoutMS        uint32            `json:"timeout_ms,omitempty"`
	DeadlineMS       uint32            `json:"deadline_ms,omitempty"`
	Retry            *retryJSON        `json:"retry,omitempty"`
	OngoingMS        uint32            `json:"ongoing_ms,omitempty"`
	Headers          map[string]string `json:"headers,omitempty"`
	OutcomeMap       *outcomesJSON     `json:"outcome_map,omitempty"`
	IdempotencyKey   string            `json:"idempotency_key,omitempty"`
	CompensateFailed bool              `json:"compensate_failed,omitempty"`
	Effect           Effect            `json:"effect,omitempty"`
	Answer           string            `json:"answer,omitempty"`
}

type retryJSON struct {
	InitialMS uint32   `json:"initial_ms,omitempty"`
	Factor    float32  `json:"factor,omitempty"`
	MaxMS     uint32   `json:"max_ms,omitempty"`
	Attempts  uint32   `json:"attempts,omitempty"`
	Jitter    *float32 `json:"jitter,omitempty"`
}

// json is what the runtime takes; empty if nothing is set.
func (o Options) json() (string, error) {
	sent := optionsJSON{
		TimeoutMS:        milliseconds(o.Timeout),
		DeadlineMS:       milliseconds(o.Deadline),
		Retry:            o.Retry.json(),
		OngoingMS:        milliseconds(o.OngoingInterval),
		Headers:          o.Headers,
		OutcomeMap:       o.Outcomes.json(),
		IdempotencyKey:   o.IdempotencyKey,
		CompensateFailed: o.CompensateFailed,
		Effect:           o.Effect,
	}
	if o.FullAnswer {
		sent.Answer = "full"
	}
	data, err := json.Marshal(sent)
	if err != nil || string(data) == "{}" {
		return "", err
	}
	return string(data), nil
}

func (r Retry) json() *retryJSON {
	if r == (Retry{}) {
		return nil
	}
	sent := &retryJSON{
		InitialMS: milliseconds(r.Initial),
		Factor:    r.Factor,
		MaxMS:     milliseconds(r.Max),
		Attempts:  r.Attempts,
	}
	if r.Jitter != 0 || r.NoJitter {
		sent.Jitter = &r.Jitter
	}
	return sent
}

// milliseconds is how the runtime takes a length of time: whole ones, from 0 to what 32 bits hold, but a length that is
// there is never 0, which would mean none.
func milliseconds(length time.Duration) uint32 {
	const most = 1<<32 - 1
	switch ms := length.Milliseconds(); {
	case length <= 0:
		return 0
	case ms == 0:
		return 1
	case ms > most:
		return most
	default:
		return uint32(ms)
	}
}

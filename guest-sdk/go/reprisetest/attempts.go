//go:build !wasip1

package reprisetest

import (
	"encoding/json"
	"fmt"
	"time"

	"reprise.dev/guest/internal/wit"
)

// stuckAfter ends a test whose operation never succeeds.
const stuckAfter = 100

// options of a branch, as the runtime reads them.
type options struct {
	TimeoutMS  int64             `json:"timeout_ms"`
	DeadlineMS int64             `json:"deadline_ms"`
	OngoingMS  int64             `json:"ongoing_ms"`
	Headers    map[string]string `json:"headers"`
	Effect     string            `json:"effect"`
	Answer     string            `json:"answer"`
	Compensate bool              `json:"compensate_failed"`
	Retry      struct {
		InitialMS int64   `json:"initial_ms"`
		Factor    float64 `json:"factor"`
		MaxMS     int64   `json:"max_ms"`
		Attempts  int     `json:"attempts"`
	} `json:"retry"`
}

// merge changes what the JSON names.
func (o *options) merge(data string) error {
	return json.Unmarshal([]byte(data), o)
}

// pause is how long to wait after an attempt.
func (o *options) pause(attempt int, outcome string) time.Duration {
	if outcome == ongoing {
		return milliseconds(o.OngoingMS, time.Second)
	}
	pause, factor := float64(milliseconds(o.Retry.InitialMS, 500*time.Millisecond)), o.Retry.Factor
	if factor == 0 {
		factor = 2
	}
	for range attempt - 1 {
		pause *= factor
	}
	return min(time.Duration(pause), milliseconds(o.Retry.MaxMS, time.Minute))
}

func milliseconds(ms int64, otherwise time.Duration) time.Duration {
	if ms == 0 {
		return otherwise
	}
	return time.Duration(ms) * time.Millisecond
}

// perform makes attempts until there is a result.
func (w *world) perform(branch string, role Role, op *wit.Operation, o *options) *ticket {
	now := max(w.clock, w.observed)
	began := now
	for attempt := 1; ; attempt++ {
		request := Request{
			Branch: branch, Role: role, Key: keyOf(op), Body: bodyOf(op), Headers: o.Headers, Attempt: attempt, At: now,
		}
		answer := w.host.answer(request)
		if limit := time.Duration(o.TimeoutMS) * time.Millisecond; limit > 0 && answer.delay > limit {
			answer = Unknown("no answer within " + limit.String()).After(limit)
		}
		w.calls = append(w.calls, request)
		w.trace = append(w.trace, request.String()+": "+answer.outcome)
		now += answer.delay
		if result := conclude(op, role, o, answer, attempt, now-began); result != nil {
			result.at = now
			return result
		}
		if attempt == stuckAfter {
			panic(fmt.Sprintf("stuck: %s was tried %d times: %s", request, stuckAfter, answer.body))
		}
		now += o.pause(attempt, answer.outcome)
	}
}

// conclude says what an answer comes to; nil: another attempt.
func conclude(op *wit.Operation, role Role, o *options, answer Answer, attempt int, took time.Duration) *ticket {
	untilDone := role != Action
	failed := func(kind wit.ErrorKind, format string, args ...any) *ticket {
		return &ticket{err: &wit.CallError{Kind: kind, Data: fmt.Appendf(nil, format, args...)}}
	}
	limit := time.Duration(o.DeadlineMS) * time.Millisecond
	switch {
	case answer.outcome == success, answer.outcome == failure && !untilDone:
		return &ticket{response: answer.response(op, o.Answer == "full")}
	case untilDone:
		return nil
	case answer.outcome == invalid:
		return failed(wit.Invalid, "%s", answer.body)
	case limit > 0 && took+o.pause(attempt, answer.outcome) > limit:
		return failed(wit.Deadline, "%s: %s", attempts(attempt), answer.body)
	case answer.outcome == unknown && attempt == o.Retry.Attempts:
		return failed(wit.Exhausted, "%s: %s", attempts(attempt), answer.body)
	default:
		return nil
	}
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

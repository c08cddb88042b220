package reprise

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"reprise.dev/guest/internal/wit"
)

// Kinds of errors of calls, for errors.Is.
var (
	// ErrRefused: the participant refused (HTTP 409, gRPC ABORTED, or what the outcome map says).
	ErrRefused = errors.New("the participant refused")
	// ErrExhausted: the allowed attempts are used up. Whether the participant acted is unknown.
	ErrExhausted = errors.New("no success within the allowed attempts")
	// ErrDeadline: the deadline of the branch has passed. Whether the participant acted is unknown.
	ErrDeadline = errors.New("no success before the deadline")
	// ErrCanceled: the operation was cancelled first. Whether the participant acted is unknown.
	ErrCanceled = errors.New("the operation was cancelled")
	// ErrInvalid: the operation can't be performed as it stands, or a mistake was made earlier on its branch (a wrong
	// option, a value without JSON form, an unknown handler). Nothing was sent.
	ErrInvalid = errors.New("the operation is invalid")
)

// CallError says why an operation did not succeed. It is recorded, so a replay sees the same.
//
// Returned from the workflow it becomes the failure that rolls the transaction back; the response of a participant that
// refused becomes its details.
type CallError struct {
	// Kind is one of ErrRefused, ErrExhausted, ErrDeadline, ErrCanceled and ErrInvalid.
	Kind error
	// Reply is the response of a participant that refused, else nil. A database says in JSON what it refused:
	// `{"message": "..", "statement": 1}`, with statements counted from 1.
	Reply *Reply
	// Text is the last error of an exhausted call or a deadline, or what to do about an invalid operation.
	Text string
}

// Error says what happened, for people.
func (e *CallError) Error() string {
	switch e.Kind {
	case ErrRefused:
		return "the participant refused: " + reason(e.Reply)
	case ErrExhausted, ErrDeadline:
		return e.Kind.Error() + ": " + e.Text
	case ErrInvalid:
		return e.Text
	default:
		return e.Kind.Error()
	}
}

// Unwrap gives the kind, for errors.Is.
func (e *CallError) Unwrap() error {
	return e.Kind
}

// ReplyError is a reply that is not what the workflow expects.
type ReplyError struct {
	text  string
	cause error
}

// Error says what is wrong with the reply, with its beginning.
func (e *ReplyError) Error() string {
	return e.text
}

// Unwrap gives what package json found.
func (e *ReplyError) Unwrap() error {
	return e.cause
}

// TimedOut says that something did not end within its time.
type TimedOut struct {
	// After is the time it had.
	After time.Duration
}

// Error says how long it had.
func (e *TimedOut) Error() string {
	after := e.After.String()
	if e.After >= time.Minute {
		after = strconv.FormatFloat(e.After.Seconds(), 'f', -1, 64) + "s"
	}
	return "not done within " + after
}

// callError makes an error of the contract a Go one.
func callError(err *wit.CallError) *CallError {
	kinds := [...]error{ErrRefused, ErrExhausted, ErrDeadline, ErrCanceled, ErrInvalid}
	if err.Kind == wit.Refused {
		return refused(wit.Response{Body: err.Data})
	}
	return &CallError{Kind: kinds[err.Kind], Text: string(err.Data)}
}

func refused(response wit.Response) *CallError {
	return &CallError{Kind: ErrRefused, Reply: &Reply{response}}
}

func invalid(text string) *CallError {
	return &CallError{Kind: ErrInvalid, Text: text}
}

// reason is why a participant refused, for people: a database says it in JSON, others as they like.
func reason(reply *Reply) string {
	var refusal struct {
		Message *string `json:"message"`
	}
	if reply.Status() == 0 && json.Unmarshal(reply.Bytes(), &refusal) == nil && refusal.Message != nil {
		return *refusal.Message
	}
	return excerpt(reply.Bytes())
}

package reprise

import (
	"errors"
	"fmt"

	"reprise.dev/guest/internal/wit"
)

// Failure is why a workflow gives up. Returning it rolls every branch back.
//
// Every error does so. This one has details too; so does an error that wraps it (`fmt.Errorf("e2: %w", err)`).
type Failure struct {
	// Message is for people: shown by the runtime's API and command line.
	Message string
	// Details are for programs: given back to whoever triggered the execution. May be empty.
	Details []byte
}

// Fail makes a failure with a text for people: `return receipt, reprise.Fail("no stock")`.
func Fail(message string) *Failure {
	return &Failure{Message: message}
}

// Failf is Fail with a format of package fmt.
func Failf(format string, args ...any) *Failure {
	return Fail(fmt.Sprintf(format, args...))
}

// WithDetails adds what programs may want to know: JSON, or bytes with [Raw].
func (f *Failure) WithDetails(details any) *Failure {
	data, err := encode(details)
	if err != nil {
		return Failf("%s (its details have no JSON form: %v)", f.Message, err)
	}
	return &Failure{Message: f.Message, Details: data}
}

// Error gives the message.
func (f *Failure) Error() string {
	return f.Message
}

// failureOf makes any error what the runtime is told.
func failureOf(err error) *wit.Failure {
	failure := &wit.Failure{Message: err.Error()}
	var own *Failure
	var call *CallError
	switch {
	case errors.As(err, &own):
		failure.Details = own.Details
	case errors.As(err, &call) && call.Reply != nil:
		failure.Details = call.Reply.Bytes()
	}
	return failure
}

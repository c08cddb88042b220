//go:build !wasip1

package reprisetest

import (
	"strings"
	"time"

	"reprise.dev/guest/internal/wit"
)

// Answer is what a participant answers to one attempt.
type Answer struct {
	outcome string
	status  uint16
	headers []wit.Header
	body    []byte
	delay   time.Duration
}

// The outcomes, as traces call them.
const (
	success = "success"
	failure = "failure"
	ongoing = "ongoing"
	unknown = "unknown"
	invalid = "invalid"
)

// OK is success without a body.
func OK() Answer {
	return Bytes(nil)
}

// Bytes is success with a body or an encoded message.
func Bytes(body []byte) Answer {
	return Answer{outcome: success, body: body}
}

// JSON is success with JSON.
func JSON(body any) Answer {
	return Bytes(encode(body))
}

// Rows is the success of a single SQL statement that gives rows: structs or maps that name the columns.
func Rows(rows ...any) Answer {
	return JSON([]any{map[string]any{"affected": len(rows), "rows": append([]any{}, rows...)}})
}

// Affected is the success of SQL statements that give no rows: how many each has changed.
func Affected(statements ...uint64) Answer {
	all := []any{}
	for _, affected := range statements {
		all = append(all, map[string]any{"affected": affected, "rows": []any{}})
	}
	return JSON(all)
}

// Refuse: the participant refuses (HTTP 409, gRPC ABORTED, a failed check of a database), with a body.
func Refuse(body string) Answer {
	return Answer{outcome: failure, body: []byte(body)}
}

// Ongoing: the participant is not yet done (HTTP 425).
func Ongoing() Answer {
	return Answer{outcome: ongoing, body: []byte("ongoing")}
}

// Unknown: the attempt ends without a result, no connection, no answer in time. It is tried again.
func Unknown(err string) Answer {
	return Answer{outcome: unknown, body: []byte(err)}
}

// Invalid: the operation can't be performed.
func Invalid(text string) Answer {
	return Answer{outcome: invalid, body: []byte(text)}
}

// Status is the same with another HTTP status or gRPC code. It does not change what the answer means.
func (a Answer) Status(status uint16) Answer {
	a.status = status
	return a
}

// Header is the same with a header (gRPC: metadata).
func (a Answer) Header(name, value string) Answer {
	a.headers = append(a.headers[:len(a.headers):len(a.headers)], wit.Header{
		Name: strings.ToLower(name), Value: []byte(value),
	})
	return a
}

// After is the same, after a while.
func (a Answer) After(delay time.Duration) Answer {
	a.delay = delay
	return a
}

// response is what the workflow gets of a success or a refusal.
func (a Answer) response(op *wit.Operation, full bool) wit.Response {
	response := wit.Response{Status: a.status, Refused: a.outcome == failure, Body: a.body}
	if full {
		response.Headers = a.headers
	}
	if a.status == 0 && op.Kind == wit.HTTP {
		response.Status = map[string]uint16{success: 200, failure: 409}[a.outcome]
	}
	if a.status == 0 && op.Kind == wit.GRPC && a.outcome == failure {
		response.Status = 10
	}
	return response
}

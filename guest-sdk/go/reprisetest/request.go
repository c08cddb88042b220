//go:build !wasip1

package reprisetest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"reprise.dev/guest/internal/wit"
)

// Role says what an operation is for its branch.
type Role string

const (
	// Action: called by the workflow, or by a handler on a branch it opened.
	Action Role = "action"
	// Commit: performed when the transaction committed.
	Commit Role = "commit"
	// Rollback: performed when the transaction rolled back.
	Rollback Role = "rollback"
	// Finish: performed when all was done.
	Finish Role = "finish"
)

// Request is one attempt of an operation.
type Request struct {
	// Branch: `01` and up, `02-01` for the first that a handler of `02` opened; empty for what OnFinish registered.
	Branch string
	Role   Role
	// Key is what is called: `POST bank/out`, `GRPC bank/bank.v1.Bank/In`, `SQL bank`.
	Key string
	// Body is the body, the message, or the statements as text, a line each: `UPDATE .. [30, "alice"]`.
	Body []byte
	// Headers (gRPC: metadata) that the options of the branch set.
	Headers map[string]string
	// Attempt counts from 1.
	Attempt int
	// At is the virtual time since the start.
	At time.Duration
}

// JSON reads the body as JSON into what `into` points to; it panics if it is no JSON or not of this shape.
func (r Request) JSON(into any) {
	if err := json.Unmarshal(r.Body, into); err != nil {
		panic(fmt.Sprintf("%s: %v", r, err))
	}
}

// String is how traces begin: `01 action POST bank/out`.
func (r Request) String() string {
	if r.Role == Finish {
		return "finish " + r.Key
	}
	return fmt.Sprintf("%s %s %s", r.Branch, r.Role, r.Key)
}

func keyOf(op *wit.Operation) string {
	switch op.Kind {
	case wit.HTTP:
		return op.Method + " " + op.Target
	case wit.GRPC:
		return "GRPC " + op.Target + "/" + op.Method
	case wit.SQL:
		return "SQL " + op.Target
	default:
		return "XA " + op.Target
	}
}

func bodyOf(op *wit.Operation) []byte {
	if op.Kind == wit.HTTP || op.Kind == wit.GRPC {
		return op.Body
	}
	var lines []string
	for _, statement := range op.Statements {
		var parameters []string
		for _, value := range statement.Parameters {
			parameters = append(parameters, literal(value))
		}
		lines = append(lines, fmt.Sprintf("%s [%s]", statement.SQL, strings.Join(parameters, ", ")))
	}
	return []byte(strings.Join(lines, "\n"))
}

func literal(value wit.Value) string {
	switch value.Kind {
	case wit.Null:
		return "NULL"
	case wit.Boolean:
		return strconv.FormatBool(value.Bool)
	case wit.Real:
		return strconv.FormatFloat(value.Real, 'g', -1, 64)
	case wit.Integer:
		return value.Data
	default:
		return strconv.Quote(value.Data)
	}
}

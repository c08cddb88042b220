package reprise

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"reprise.dev/guest/internal/wit"
)

// Reply is the body of an HTTP response, the message of a gRPC response, or the rows of SQL statements as JSON.
type Reply struct {
	response wit.Response
}

// Bytes gives the bytes as they came.
func (r *Reply) Bytes() []byte {
	return r.response.Body
}

// Text gives the bytes as text.
func (r *Reply) Text() string {
	return string(r.response.Body)
}

// Status is the HTTP status or gRPC code; 0 from a database.
func (r *Reply) Status() int {
	return int(r.response.Status)
}

// Headers gives the headers (gRPC: metadata) in order, names in lower case; none unless the branch has the option
// [Options.FullAnswer].
func (r *Reply) Headers() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, header := range r.response.Headers {
			if !yield(header.Name, header.Value) {
				return
			}
		}
	}
}

// Header gives the first header of this name as text, whatever the case of the name; false if there is none, also
// because the branch did not ask for headers.
func (r *Reply) Header(name string) (string, bool) {
	for has, value := range r.Headers() {
		if strings.EqualFold(has, name) {
			return string(value), true
		}
	}
	return "", false
}

// JSON reads the reply as JSON into what `into` points to. Every key of a struct has to be there, unless its field is a
// pointer or has `omitempty` or `omitzero`.
//
// Errors: a [ReplyError], which rolls the transaction back when the workflow returns it.
func (r *Reply) JSON(into any) error {
	if err := decode(r.response.Body, into); err != nil {
		return r.noJSON(err)
	}
	return nil
}

// Rows reads the rows of a SQL statement, counted from 0, into a slice: of structs that name the columns, or of maps.
// Numbers and times that JSON has no form for are text.
//
// Errors: a [ReplyError]: there were fewer statements, or a row is not of this shape.
func (r *Reply) Rows(statement int, into any) error {
	reply, err := r.statement(statement)
	if err != nil {
		return err
	}
	if err := decode(reply.Rows, into); err != nil {
		return r.noJSON(err)
	}
	return nil
}

// Affected says how many rows a SQL statement, counted from 0, has changed.
//
// Errors: a [ReplyError]: there were fewer statements, or it is no reply of a database.
func (r *Reply) Affected(statement int) (uint64, error) {
	reply, err := r.statement(statement)
	return reply.Affected, err
}

// JSON reads the reply of a call as JSON: `balance, err := reprise.JSON[Balance](branch.Call(...))`. An error of the
// call is handed on as it is.
func JSON[T any](reply *Reply, err error) (T, error) {
	var value T
	if err == nil {
		err = reply.JSON(&value)
	}
	return value, err
}

// statementReply is what a database answers to one statement.
type statementReply struct {
	Affected uint64          `json:"affected"`
	Rows     json.RawMessage `json:"rows"`
}

func (r *Reply) statement(index int) (statementReply, error) {
	var all []statementReply
	if err := decode(r.response.Body, &all); err != nil {
		return statementReply{}, r.noJSON(err)
	}
	if index < 0 || index >= len(all) {
		text := fmt.Sprintf("the reply has no statement %d: there were %d, counted from 0", index, len(all))
		return statementReply{}, &ReplyError{text: text}
	}
	return all[index], nil
}

func (r *Reply) noJSON(cause error) error {
	text := fmt.Sprintf("the reply `%s` is not the expected JSON: %v", excerpt(r.response.Body), cause)
	return &ReplyError{text: text, cause: cause}
}

package reprise

import (
	"fmt"

	"reprise.dev/guest/internal/wit"
)

// HTTP is an HTTP request, made by [Participant.Post] and its siblings. Headers are options of the branch.
type HTTP struct {
	method, target string
	body           []byte
	mistake        error
}

// JSON sends a value as JSON: compact, and without package json's escapes for HTML.
func (h HTTP) JSON(value any) HTTP {
	body, err := encode(value)
	if err != nil {
		h.mistake = fmt.Errorf("%s %s: no JSON form: %w", h.method, h.target, err)
	}
	h.body = body
	return h
}

// Body sends bytes, as `application/json` unless the branch's options set another `content-type`.
func (h HTTP) Body(body []byte) HTTP {
	h.body = body
	return h
}

func (h HTTP) operation() (*wit.Operation, error) {
	return &wit.Operation{Kind: wit.HTTP, Method: h.method, Target: h.target, Body: h.body}, h.mistake
}

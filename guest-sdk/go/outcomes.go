package reprise

// Outcome is what an operation ended in.
type Outcome string

const (
	// OutcomeSuccess: done.
	OutcomeSuccess Outcome = "success"
	// OutcomeFailure: refused for good.
	OutcomeFailure Outcome = "failure"
	// OutcomeOngoing: not yet done; asked again at a fixed interval.
	OutcomeOngoing Outcome = "ongoing"
	// OutcomeUnknown: nobody knows; tried again with growing pauses.
	OutcomeUnknown Outcome = "unknown"
)

// Outcomes say what answers of a service with other conventions than 409, 425, ABORTED and FAILED_PRECONDITION mean.
//
// Matches come before all else, and the first that fits decides; then statuses, of which the narrowest range wins; then
// the conventions.
type Outcomes struct {
	// HTTP: by status, `"404"`, or a range of them, `"500-599"`.
	HTTP map[string]Outcome
	// GRPC: by the name of the status, `"NOT_FOUND"`.
	GRPC map[string]Outcome
	// Matches are looks at headers and bodies: [HasHeader], [HeaderEquals], [HasBody], [BodyEquals].
	Matches []Match
	// IgnoreDTMResult: don't read an outcome out of a body `{"dtm_result": "FAILURE"}`.
	IgnoreDTMResult bool
}

// Match is one look at an answer.
type Match struct {
	header, body *string
	equals       *any
	outcome      Outcome
}

// HasHeader: the answer has this header (gRPC: metadata), whatever its value.
func HasHeader(name string, outcome Outcome) Match {
	return Match{header: &name, outcome: outcome}
}

// HeaderEquals: the answer has this header (gRPC: metadata) with this value.
func HeaderEquals(name, value string, outcome Outcome) Match {
	equals := any(value)
	return Match{header: &name, equals: &equals, outcome: outcome}
}

// HasBody: the JSON body has something at this JSON pointer (RFC 6901), `/error/code`.
func HasBody(pointer string, outcome Outcome) Match {
	return Match{body: &pointer, outcome: outcome}
}

// BodyEquals: the JSON body has this value at this JSON pointer (RFC 6901).
func BodyEquals(pointer string, value any, outcome Outcome) Match {
	return Match{body: &pointer, equals: &value, outcome: outcome}
}

// outcomesJSON is what the runtime takes.
type outcomesJSON struct {
	HTTP      map[string]Outcome `json:"http,omitempty"`
	GRPC      map[string]Outcome `json:"grpc,omitempty"`
	Matches   []matchJSON        `json:"matches,omitempty"`
	DTMResult *bool              `json:"dtm_result,omitempty"`
}

type matchJSON struct {
	Header  *string `json:"header,omitempty"`
	Body    *string `json:"body,omitempty"`
	Equals  *any    `json:"equals,omitempty"`
	Outcome Outcome `json:"outcome"`
}

func (o Outcomes) json() *outcomesJSON {
	if len(o.HTTP) == 0 && len(o.GRPC) == 0 && len(o.Matches) == 0 && !o.IgnoreDTMResult {
		return nil
	}
	sent := &outcomesJSON{HTTP: o.HTTP, GRPC: o.GRPC}
	for _, match := range o.Matches {
		sent.Matches = append(sent.Matches, matchJSON{match.header, match.body, match.equals, match.outcome})
	}
	if o.IgnoreDTMResult {
		sent.DTMResult = new(bool)
	}
	return sent
}

// Package wit is the contract of wit/workflow.wit as Go sees it: its data, the functions of the world, and the exports.
//
// On Wasm the functions are those of the runtime, lowered by hand: the contract is flat, so that takes no generated
// code. Elsewhere they are those of [Current], which a test sets. Comfortable types are put on top by the SDK.
package wit

// Kind says what an operation is. The numbers are those of the variant `operation`.
type Kind uint32

// The kinds of operations.
const (
	HTTP Kind = iota
	GRPC
	SQL
	XA
)

// Operation is one thing done outside the guest.
type Operation struct {
	Kind Kind
	// Method is `GET`, `POST` and so on, or `package.Service/Method`.
	Method string
	// Target is `participant/path` or a URL; for gRPC a participant or `http(s)://host:port`; for SQL the database.
	Target string
	// Body is the body of a request or the encoded message.
	Body []byte
	// Statements of SQL and XA, in order.
	Statements []Statement
}

// Statement is one SQL statement with its parameters in order.
type Statement struct {
	SQL        string
	Parameters []Value
	// Affected is the number of rows that must be affected; nil: any.
	Affected *uint32
}

// ValueKind says what a SQL value is. The numbers are those of the variant `sql-value`.
type ValueKind uint32

// The kinds of SQL values.
const (
	Null ValueKind = iota
	Boolean
	Integer
	Real
	Text
	Bytes
)

// Value goes into a SQL statement.
type Value struct {
	Kind ValueKind
	Bool bool
	Real float64
	// Data is a decimal integer, a text, or bytes.
	Data string
}

// Header of an answer, or an item of gRPC metadata.
type Header struct {
	// Name in lower case.
	Name  string
	Value []byte
}

// Response is a whole answer.
type Response struct {
	// Status is the HTTP status or gRPC code; 0 from a database.
	Status uint16
	// Refused says that the participant refused.
	Refused bool
	// Headers are empty unless the options of the branch ask for the full answer.
	Headers []Header
	Body    []byte
}

// ErrorKind says why an operation did not succeed. The numbers are those of the variant `call-error`.
type ErrorKind uint32

// The kinds of errors of calls.
const (
	Refused ErrorKind = iota
	Exhausted
	Deadline
	Canceled
	Invalid
)

// CallError says why an operation did not succeed.
type CallError struct {
	Kind ErrorKind
	// Data is the last error, or what to do about it; empty where the kind says it all.
	Data []byte
}

// Failure is why a workflow gives up.
type Failure struct {
	Message string
	Details []byte
}

// Guest is what the SDK gives to the exports.
type Guest struct {
	// Run is the export `run`.
	Run func(input []byte) ([]byte, *Failure)
	// Handle is the export `handle`; phase: 0 commit, 1 rollback.
	Handle func(phase, branch uint32, name string, payload []byte) *Failure
}

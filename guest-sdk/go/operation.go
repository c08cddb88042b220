package reprise

import "reprise.dev/guest/internal/wit"

// Op is one thing done outside the guest: an [HTTP] request, a [GRPC] call or [SQL] statements. A branch calls or
// registers it.
type Op interface {
	// operation gives it as the contract has it, or says why there is none: a body without JSON form.
	operation() (*wit.Operation, error)
}

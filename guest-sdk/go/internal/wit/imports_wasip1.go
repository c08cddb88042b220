package wit

import "unsafe"

// The imports with the core signatures that the canonical ABI gives them. An `operation` is its case and six words: for
// HTTP and gRPC three strings or lists, for SQL the database and the statements.

//go:wasmimport reprise:workflow/transaction@0.1.0 new-branch
func importNewBranch() uint32

//go:wasmimport reprise:workflow/transaction@0.1.0 set-options
func importSetOptions(branch uint32, options unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 on-commit
func importOnCommit(branch uint32, kind Kind, a unsafe.Pointer, aLen uint32, b unsafe.Pointer, bLen uint32,
	c unsafe.Pointer, cLen uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 on-rollback
func importOnRollback(branch uint32, kind Kind, a unsafe.Pointer, aLen uint32, b unsafe.Pointer, bLen uint32,
	c unsafe.Pointer, cLen uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 on-commit-handler
func importOnCommitHandler(branch uint32, name unsafe.Pointer, nameLen uint32, payload unsafe.Pointer,
	payloadLen uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 on-rollback-handler
func importOnRollbackHandler(branch uint32, name unsafe.Pointer, nameLen uint32, payload unsafe.Pointer,
	payloadLen uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 on-finish
func importOnFinish(kind Kind, a unsafe.Pointer, aLen uint32, b unsafe.Pointer, bLen uint32, c unsafe.Pointer,
	cLen uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 submit
func importSubmit(branch uint32, kind Kind, a unsafe.Pointer, aLen uint32, b unsafe.Pointer, bLen uint32,
	c unsafe.Pointer, cLen uint32) uint32

//go:wasmimport reprise:workflow/transaction@0.1.0 wait-any
func importWaitAny(tickets unsafe.Pointer, length uint32) uint32

//go:wasmimport reprise:workflow/transaction@0.1.0 take-response
func importTakeResponse(ticket uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 scope
func importScope(some, branch uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/transaction@0.1.0 cancel
func importCancel(ticket uint32)

//go:wasmimport reprise:workflow/time@0.1.0 now
func importNow(result unsafe.Pointer)

//go:wasmimport reprise:workflow/time@0.1.0 timer
func importTimer(seconds, nanos uint32) uint32

//go:wasmimport reprise:workflow/random@0.1.0 bytes
func importRandomBytes(length uint32, result unsafe.Pointer)

//go:wasmimport reprise:workflow/log@0.1.0 write
func importWrite(level uint32, message unsafe.Pointer, length uint32)

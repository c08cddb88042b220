package wit

import (
	"unsafe"

	"reprise.dev/guest/internal/abi"
)

// answer is where an export leaves its result for the host; answered keeps alive what it points to, until the next
// call.
var (
	answer   [5]uint32
	answered [2][]byte
	guest    Guest
)

// Export says what the exports do.
func Export(g Guest) {
	guest = g
}

//go:wasmexport run
func exportRun(input, length uint32) uint32 {
	defer CrashOnPanic()
	output, failure := guest.Run(abi.Bytes(input, length))
	abi.ClearArena()
	if failure != nil {
		return fail(failure)
	}
	answered[0] = output
	answer = [5]uint32{0, abi.Address(abi.List(output)), abi.Length(output)}
	return abi.Address(unsafe.Pointer(&answer))
}

//go:wasmexport handle
func exportHandle(phase, branch, name, nameLen, payload, payloadLen uint32) uint32 {
	defer CrashOnPanic()
	failure := guest.Handle(phase, branch, abi.String(name, nameLen), abi.Bytes(payload, payloadLen))
	abi.ClearArena()
	if failure != nil {
		return fail(failure)
	}
	answer = [5]uint32{}
	return abi.Address(unsafe.Pointer(&answer))
}

func fail(failure *Failure) uint32 {
	message := []byte(abi.Text(failure.Message))
	answered = [2][]byte{message, failure.Details}
	answer = [5]uint32{
		1,
		abi.Address(abi.List(message)), abi.Length(message),
		abi.Address(abi.List(failure.Details)), abi.Length(failure.Details),
	}
	return abi.Address(unsafe.Pointer(&answer))
}

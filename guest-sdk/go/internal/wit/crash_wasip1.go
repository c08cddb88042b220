package wit

import (
	"fmt"
	"os"
	"runtime/debug"
)

// CrashOnPanic ends the instance when the function that defers it panics. Go's own way out of a panic waits, and a wait is
// a durable timer here: it would stand in the journal of an execution that goes on with a fixed component.
func CrashOnPanic() {
	if reason := recover(); reason != nil {
		fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", reason, debug.Stack())
		os.Exit(2)
	}
}

//go:build !wasip1

package wit

// CrashOnPanic does nothing: a test shows its panics itself.
func CrashOnPanic() {}

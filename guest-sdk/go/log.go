package reprise

import (
	"fmt"

	"reprise.dev/guest/internal/wit"
)

// Level says how much a message matters.
type Level uint32

const (
	// LevelTrace is of use only when looking for a mistake, in every detail.
	LevelTrace Level = iota
	// LevelDebug is of use only when looking for a mistake.
	LevelDebug
	// LevelInfo is worth knowing.
	LevelInfo
	// LevelWarn may need attention.
	LevelWarn
	// LevelError needs attention.
	LevelError
)

// Log writes a message for people into the execution's log. It is shown once: not again when the workflow is replayed.
func Log(level Level, message string) {
	wit.Write(uint32(level), message)
}

// Logf is Log with a format of package fmt.
func Logf(level Level, format string, args ...any) {
	Log(level, fmt.Sprintf(format, args...))
}

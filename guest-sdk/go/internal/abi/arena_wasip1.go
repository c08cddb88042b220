// Package abi is the guest's side of the canonical ABI of the component model that bindings share: memory for results,
// and what goes over as an address and a length.
package abi

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// arenaBytes bounds what one import or the call of an export may bring, four times the runtime's default for an answer.
// Memory that nobody has touched costs nothing.
const arenaBytes = 16 << 20

// arena is where the host puts lists and strings that go to the guest. They are copied out of it at once.
//
// cabi_realloc must not allocate: that may start a collection, which reads the clock, and imports are forbidden while
// the host asks for memory. So this is no heap, only an array that is filled from its start for each import.
var arena [arenaBytes]byte

// arenaUsed is how much is filled; arenaKept is what stays for ever: the state of the WASI adapter, which it asks for
// while the Go runtime comes up.
var arenaUsed, arenaKept uint32

func init() {
	arenaKept = arenaUsed
}

// ClearArena makes room for the results of the next import; nothing that lies there may be used any more.
func ClearArena() {
	arenaUsed = arenaKept
}

func arenaStart() uint32 {
	return uint32(uintptr(unsafe.Pointer(&arena)))
}

// reallocFailed lies outside every memory, so the host ends the guest with a message that says so.
const reallocFailed = 0xffff_fff0

// The stack must not grow here and no other goroutine may run, for the same reason: nosplit.
//
//go:wasmexport cabi_realloc
//go:nosplit
func cabiRealloc(old, oldSize, align, size uint32) uint32 {
	start := uint32(uintptr(unsafe.Pointer(&arena)))
	at := (start+arenaUsed+align-1)&^(align-1) - start
	if old != 0 || at > arenaBytes || size > arenaBytes-at {
		return reallocFailed
	}
	arenaUsed = at + size
	return start + at
}

// Bytes copies a list<u8> out of the arena; nil if it is empty.
func Bytes(address, length uint32) []byte {
	if length == 0 {
		return nil
	}
	return bytes.Clone(InArena(address, length))
}

// String copies a string out of the arena.
func String(address, length uint32) string {
	if length == 0 {
		return ""
	}
	return string(InArena(address, length))
}

// InArena gives the bytes of a result where they lie, until the next import.
func InArena(address, length uint32) []byte {
	at := address - arenaStart()
	return arena[at : at+length : at+length]
}

// Data gives the address of a string.
func Data(s string) unsafe.Pointer {
	return unsafe.Pointer(unsafe.StringData(s))
}

// List gives the address of what a slice holds.
func List[T any](list []T) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(list))
}

// Size gives the length of a string.
func Size(s string) uint32 {
	return uint32(len(s))
}

// Length gives the length of a slice.
func Length[T any](list []T) uint32 {
	return uint32(len(list))
}

// Text makes a string valid UTF-8, which every string of a WIT interface is.
func Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Address gives an address as a number, for what is written into memory.
func Address(p unsafe.Pointer) uint32 {
	return uint32(uintptr(p))
}

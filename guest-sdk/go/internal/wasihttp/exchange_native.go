//go:build !wasip1

package wasihttp

import "errors"

// Send fails off Wasm.
func Send(Request) (Response, error) {
	return Response{}, errors.New("off Wasm there is no wasi:http: give the client another Transport in tests")
}

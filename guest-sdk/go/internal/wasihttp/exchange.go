// Package wasihttp makes HTTP requests by the interface wasi:http, as far as an HTTP client needs it.
package wasihttp

// Request is an HTTP request, whole.
type Request struct {
	Method string
	// TLS: https instead of http.
	TLS bool
	// Authority is host and port.
	Authority string
	// Path with its query.
	Path    string
	Headers []Header
	Body    []byte
}

// Response is an HTTP response, whole.
type Response struct {
	Status  int
	Headers []Header
	Body    []byte
}

// Header is one header.
type Header struct {
	Name, Value string
}

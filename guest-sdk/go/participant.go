package reprise

import "strings"

// Participant is a business service that branches call. An empty path calls its address itself.
type Participant struct {
	target string
}

// Named is a participant of the runtime's configuration. Workflows stay the same wherever it runs.
func Named(name string) Participant {
	return Participant{name}
}

// URL is a participant by its address, `http(s)://host:port`, for HTTP with an optional path before all paths.
func URL(url string) Participant {
	return Participant{strings.TrimRight(url, "/")}
}

// Get is `GET path`; the path may have a query.
func (p Participant) Get(path string) HTTP { return p.http("GET", path) }

// Post is `POST path`.
func (p Participant) Post(path string) HTTP { return p.http("POST", path) }

// Put is `PUT path`.
func (p Participant) Put(path string) HTTP { return p.http("PUT", path) }

// Patch is `PATCH path`.
func (p Participant) Patch(path string) HTTP { return p.http("PATCH", path) }

// Delete is `DELETE path`.
func (p Participant) Delete(path string) HTTP { return p.http("DELETE", path) }

// GRPC is the unary gRPC method `package.Service/Method`.
func (p Participant) GRPC(method string) GRPC {
	return GRPC{target: p.target, method: strings.TrimLeft(method, "/")}
}

func (p Participant) http(method, path string) HTTP {
	target := p.target
	if path = strings.TrimLeft(path, "/"); path != "" {
		target += "/" + path
	}
	return HTTP{method: method, target: target}
}

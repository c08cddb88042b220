package wasihttp

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"reprise.dev/guest/internal/abi"
)

// space is where an import puts its result, and area the same as words: as large as the largest one, an answer with an
// error code in it, which has 64-bit numbers.
var (
	space [7]uint64
	area  = (*[14]uint32)(unsafe.Pointer(&space))
)

func result() unsafe.Pointer {
	abi.ClearArena()
	return unsafe.Pointer(&space)
}

// Send makes a request and waits for the whole response.
func Send(request Request) (Response, error) {
	future, err := send(request)
	if err != nil {
		return Response{}, err
	}
	defer futureDrop(future)
	pollable := futureSubscribe(future)
	pollableBlock(pollable)
	pollableDrop(pollable)
	// option<result<result<response, error-code>>>: its parts begin at 0, 8, 16 and 24.
	futureGet(future, result())
	switch {
	case area[0]&0xff == 0 || area[2]&0xff != 0:
		return Response{}, errors.New("the response is not there after it was waited for")
	case area[4]&0xff != 0:
		return Response{}, errorCode(area[6:])
	}
	return receive(area[6])
}

// send hands a request over and gives the future of its response.
func send(request Request) (uint32, error) {
	outgoing, err := build(request)
	if err != nil {
		return 0, err
	}
	requestBody(outgoing, result())
	if area[0]&0xff != 0 {
		return 0, errors.New("the request has no body to write")
	}
	body := area[1]
	// The request is handed over before its body is finished: it goes out with its last byte.
	handle(outgoing, 0, 0, result())
	if area[0]&0xff != 0 {
		return 0, errorCode(area[2:])
	}
	future := area[2]
	if err := write(body, request.Body); err != nil {
		futureDrop(future)
		return 0, err
	}
	return future, nil
}

func build(request Request) (uint32, error) {
	headers, err := fields(request.Headers)
	if err != nil {
		return 0, err
	}
	outgoing := newRequest(headers)
	method, other := methodOf(request.Method)
	authority, path := abi.Text(request.Authority), abi.Text(request.Path)
	scheme := uint32(0)
	if request.TLS {
		scheme = 1
	}
	switch {
	case requestSetMethod(outgoing, method, abi.Data(other), abi.Size(other)) != 0:
		return 0, fmt.Errorf("the method %q is no method", request.Method)
	case requestSetScheme(outgoing, 1, scheme, nil, 0) != 0:
		return 0, errors.New("the scheme is refused")
	case requestSetAuthority(outgoing, 1, abi.Data(authority), abi.Size(authority)) != 0:
		return 0, fmt.Errorf("%q is no host", request.Authority)
	case requestSetPath(outgoing, 1, abi.Data(path), abi.Size(path)) != 0:
		return 0, fmt.Errorf("%q is no path", request.Path)
	}
	return outgoing, nil
}

// methodOf gives the case of the variant `method`, and its text if it is another one.
func methodOf(method string) (uint32, string) {
	known := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
	if at := slices.Index(known, method); at >= 0 {
		return uint32(at), ""
	}
	return uint32(len(known)), abi.Text(method)
}

// held keeps what only numbers point to, on the heap, where it stays in its place.
var held any

func fields(headers []Header) (uint32, error) {
	raw := make([]uint32, 0, 4*len(headers))
	for _, header := range headers {
		raw = append(raw, abi.Address(abi.Data(header.Name)), abi.Size(header.Name),
			abi.Address(abi.Data(header.Value)), abi.Size(header.Value))
	}
	held = headers
	fieldsFromList(abi.List(raw), uint32(len(headers)), result())
	if area[0]&0xff != 0 {
		return 0, errors.New("a header is not valid")
	}
	return area[1], nil
}

// write writes a body and finishes it.
func write(body uint32, data []byte) error {
	const writeMax = 4096 // of one blocking write
	bodyWrite(body, result())
	if area[0]&0xff != 0 {
		return errors.New("the body of the request can't be written")
	}
	stream := area[1]
	for part := range slices.Chunk(data, writeMax) {
		streamWrite(stream, abi.List(part), abi.Length(part), result())
		if area[0]&0xff != 0 {
			outputDrop(stream)
			return streamError()
		}
	}
	outputDrop(stream)
	bodyFinish(body, 0, 0, result())
	if area[0]&0xff != 0 {
		return errorCode(area[2:])
	}
	return nil
}

func receive(incoming uint32) (Response, error) {
	defer responseDrop(incoming)
	response := Response{Status: int(responseStatus(incoming))}
	headers := responseHeaders(incoming)
	fieldsEntries(headers, result())
	response.Headers = liftHeaders(area[0], area[1])
	fieldsDrop(headers)
	responseConsume(incoming, result())
	if area[0]&0xff != 0 {
		return Response{}, errors.New("the body of the response can't be read")
	}
	body := area[1]
	defer incomingBodyDrop(body)
	var err error
	response.Body, err = read(body)
	return response, err
}

func read(body uint32) ([]byte, error) {
	const readMax = 1 << 20
	bodyStream(body, result())
	if area[0]&0xff != 0 {
		return nil, errors.New("the body of the response can't be read")
	}
	stream := area[1]
	defer inputDrop(stream)
	var data []byte
	for {
		streamRead(stream, readMax, result())
		if area[0]&0xff == 0 {
			data = append(data, abi.InArena(area[1], area[2])...)
			continue
		}
		if closed := area[1]&0xff != 0; closed {
			return data, nil
		}
		return nil, streamError()
	}
}

// streamError reads the stream-error at the second word.
func streamError() error {
	if area[1]&0xff == 0 {
		errorDrop(area[2])
	}
	return errors.New("the body was cut off")
}

func liftHeaders(address, length uint32) []Header {
	const words = 4
	if length == 0 {
		return nil
	}
	raw := unsafe.Slice((*uint32)(abi.List(abi.InArena(address, length*words*4))), length*words)
	headers := make([]Header, length)
	for i := range headers {
		one := raw[i*words:]
		headers[i] = Header{Name: abi.String(one[0], one[1]), Value: abi.String(one[2], one[3])}
	}
	return headers
}

// errorCode reads a variant `error-code`: its case, and in the last one a text.
func errorCode(raw []uint32) error {
	at := int(raw[0] & 0xff)
	if at == len(errorCodes)-1 && raw[2]&0xff != 0 {
		return errors.New(abi.String(raw[3], raw[4]))
	}
	return errors.New(errorCodes[at])
}

// errorCodes are the cases of the variant `error-code`, in their order.
var errorCodes = [...]string{
	"DNS timeout", "DNS error", "destination not found", "destination unavailable", "destination IP prohibited",
	"destination IP unroutable", "connection refused", "connection terminated", "connection timeout",
	"connection read timeout", "connection write timeout", "connection limit reached", "TLS protocol error",
	"TLS certificate error", "TLS alert received", "HTTP request denied", "HTTP request length required",
	"HTTP request body size", "HTTP request method invalid", "HTTP request URI invalid", "HTTP request URI too long",
	"HTTP request header section size", "HTTP request header size", "HTTP request trailer section size",
	"HTTP request trailer size", "HTTP response incomplete", "HTTP response header section size",
	"HTTP response header size", "HTTP response body size", "HTTP response trailer section size",
	"HTTP response trailer size", "HTTP response transfer coding", "HTTP response content coding",
	"no success before the deadline", "HTTP upgrade failed", "HTTP protocol error", "loop detected",
	"configuration error", "internal error",
}

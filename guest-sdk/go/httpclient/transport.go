// Package httpclient makes Go's own HTTP client durable: with its [Transport] each request is an operation of the
// runtime, recorded before it is sent, repeated by the runtime, and answered from the journal on replay.
//
//	client := http.Client{Transport: httpclient.Transport{}}
//	branch := tx.Branch().OnRollback(bank.Post("/pay/revert").JSON(order))
//	err := branch.Scope(func() error {
//		response, err := client.Post("http://bank.example/pay", "application/json", body)
//		...
//	})
//
// In a [reprise.dev/guest.Branch.Scope] the requests belong to that branch: one of them may change something, what only
// reads may come before and after it. Elsewhere each request has a branch of its own, and one that may change something
// is refused where completeness is strict.
//
// Every status is an answer. Attempts and deadline are options of the branch; a timeout of the client is taken and
// means nothing. While a request is waited for, nothing else of the workflow goes on. Bodies go whole.
package httpclient

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"reprise.dev/guest/internal/wasihttp"
)

// Transport is the http.RoundTripper over wasi:http.
type Transport struct{}

// RoundTrip makes one request.
//
// Errors: what the runtime says of a request that it does not make or gives up.
func (Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := bodyOf(request)
	if err != nil {
		return nil, err
	}
	scheme := request.URL.Scheme
	if scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("the scheme of %s is neither http nor https", request.URL.Redacted())
	}
	authority := request.URL.Host
	if request.Host != "" {
		authority = request.Host
	}
	response, err := wasihttp.Send(wasihttp.Request{
		Method:    methodOf(request),
		TLS:       scheme == "https",
		Authority: authority,
		Path:      request.URL.RequestURI(),
		Headers:   headersOf(request.Header),
		Body:      body,
	})
	if err != nil {
		return nil, err
	}
	return responseTo(request, response), nil
}

func methodOf(request *http.Request) string {
	if request.Method == "" {
		return http.MethodGet
	}
	return request.Method
}

func bodyOf(request *http.Request) ([]byte, error) {
	if request.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(request.Body)
	if closed := request.Body.Close(); err == nil {
		err = closed
	}
	return body, err
}

// headersOf gives the headers in an order that does not depend on chance.
func headersOf(header http.Header) []wasihttp.Header {
	var headers []wasihttp.Header
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			headers = append(headers, wasihttp.Header{Name: strings.ToLower(name), Value: value})
		}
	}
	return headers
}

func responseTo(request *http.Request, got wasihttp.Response) *http.Response {
	header := http.Header{}
	for _, one := range got.Headers {
		header.Add(one.Name, one.Value)
	}
	return &http.Response{
		Status:        strconv.Itoa(got.Status) + " " + http.StatusText(got.Status),
		StatusCode:    got.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(got.Body)),
		ContentLength: int64(len(got.Body)),
		Request:       request,
	}
}

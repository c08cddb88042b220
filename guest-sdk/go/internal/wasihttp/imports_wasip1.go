package wasihttp

import "unsafe"

// The imports of wasi:http, and of wasi:io for its bodies, with the core signatures that the canonical ABI gives them.
// Resources are numbers.

//go:wasmimport wasi:http/types@0.2.12 [static]fields.from-list
func fieldsFromList(entries unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]fields.entries
func fieldsEntries(fields uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]fields
func fieldsDrop(fields uint32)

//go:wasmimport wasi:http/types@0.2.12 [constructor]outgoing-request
func newRequest(headers uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-method
func requestSetMethod(request, method uint32, other unsafe.Pointer, otherLen uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-scheme
func requestSetScheme(request, some, scheme uint32, other unsafe.Pointer, otherLen uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-authority
func requestSetAuthority(request, some uint32, authority unsafe.Pointer, length uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-path-with-query
func requestSetPath(request, some uint32, path unsafe.Pointer, length uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.body
func requestBody(request uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-body.write
func bodyWrite(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [static]outgoing-body.finish
func bodyFinish(body, some, trailers uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/outgoing-handler@0.2.12 handle
func handle(request, some, options uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.subscribe
func futureSubscribe(future uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.get
func futureGet(future uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]future-incoming-response
func futureDrop(future uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.status
func responseStatus(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.headers
func responseHeaders(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.consume
func responseConsume(response uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]incoming-response
func responseDrop(response uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-body.stream
func bodyStream(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]incoming-body
func incomingBodyDrop(body uint32)

//go:wasmimport wasi:io/streams@0.2.12 [method]output-stream.blocking-write-and-flush
func streamWrite(stream uint32, data unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]output-stream
func outputDrop(stream uint32)

//go:wasmimport wasi:io/streams@0.2.12 [method]input-stream.blocking-read
func streamRead(stream uint32, length uint64, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]input-stream
func inputDrop(stream uint32)

//go:wasmimport wasi:io/error@0.2.12 [resource-drop]error
func errorDrop(err uint32)

//go:wasmimport wasi:io/poll@0.2.12 [method]pollable.block
func pollableBlock(pollable uint32)

//go:wasmimport wasi:io/poll@0.2.12 [resource-drop]pollable
func pollableDrop(pollable uint32)

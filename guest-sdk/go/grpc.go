package reprise

import "reprise.dev/guest/internal/wit"

// GRPC is a unary gRPC call, made by [Participant.GRPC]. Metadata are options of the branch.
type GRPC struct {
	target, method string
	message        []byte
}

// Message sends an encoded message. Without one, an empty message is sent.
func (g GRPC) Message(message []byte) GRPC {
	g.message = message
	return g
}

func (g GRPC) operation() (*wit.Operation, error) {
	return &wit.Operation{Kind: wit.GRPC, Target: g.target, Method: g.method, Body: g.message}, nil
}

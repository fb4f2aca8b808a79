package extproc

import (
	"fmt"
	"io"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

// bodyReader reads the request body from the stream, piece by piece as Envoy sends it. Not reading it stops Envoy, and
// through it the client.
type bodyReader struct {
	stream pb.ExternalProcessor_ProcessServer
	rest   []byte
	done   bool
	err    error
}

// Read implements io.Reader.
func (b *bodyReader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// next receives the next piece; io.EOF after the last.
func (b *bodyReader) next() error {
	if b.err != nil {
		return b.err
	}
	if b.done {
		return io.EOF
	}
	msg, err := b.stream.Recv()
	if err != nil {
		if err == io.EOF { //nolint:errorlint // grpc returns the bare value
			err = io.ErrUnexpectedEOF // Envoy closed before the body was complete
		}
		b.err = fmt.Errorf("request body: %w", err)
		return b.err
	}
	switch m := msg.GetRequest().(type) {
	case *pb.ProcessingRequest_RequestBody:
		b.rest, b.done = m.RequestBody.GetBody(), m.RequestBody.GetEndOfStream()
	case *pb.ProcessingRequest_RequestTrailers:
		b.done = true
	}
	return nil
}

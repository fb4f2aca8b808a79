package lifecycle

import "io"

// Stdio carries the three standard streams of a process, so that a test can run a component as a library call.
type Stdio struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

package write

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// spoolName is the pattern of spool files. They have a name for a moment only.
const spoolName = "miroir-spool-*"

const (
	spoolPiece = 1 << 20 // bytes written to the file at once
	spoolFirst = 8 << 10 // bytes of memory at first
)

// spool keeps bytes in the order in which they come: in memory up to a limit, then in a file that has no name any more, so
// that it is gone when the process is. One goroutine reserves and appends to memory, then any number read.
type spool struct {
	dir    string
	limit  int64
	memory []byte // all bytes, or those behind the file's
	file   *os.File
	filed  int64 // bytes in the file
}

// ErrSpool wraps an error of the spool file.
var ErrSpool = errors.New("spool")

// reserve makes room in memory for n bytes to append. What is there goes to the file when it would become more than the
// limit, or than is written at once.
func (s *spool) reserve(n int) error {
	need := len(s.memory) + n
	if s.file == nil && int64(need) > s.limit {
		if err := s.open(); err != nil {
			return err
		}
	}
	if s.file != nil && need > spoolPiece && len(s.memory) > 0 {
		if err := s.flush(); err != nil {
			return err
		}
		need = n
	}
	if need > cap(s.memory) {
		// Doubled, for the runtime would copy more often.
		s.memory = append(make([]byte, 0, max(need, min(2*cap(s.memory), int(s.limit)), spoolFirst)), s.memory...)
	}
	return nil
}

// flush moves what is in memory to the file.
func (s *spool) flush() error {
	n, err := s.file.Write(s.memory)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	s.filed += int64(n)
	if cap(s.memory) > 2*spoolPiece {
		s.memory = make([]byte, 0, spoolPiece)
	}
	s.memory = s.memory[:0]
	return nil
}

func (s *spool) open() error {
	f, err := os.CreateTemp(s.dir, spoolName)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, os.ErrNotExist) { // another process may have swept it
		_ = f.Close()
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	s.file = f
	return nil
}

// size is the number of bytes written.
func (s *spool) size() int64 { return s.filed + int64(len(s.memory)) }

// ReadAt implements io.ReaderAt.
func (s *spool) ReadAt(p []byte, off int64) (n int, err error) {
	if off < s.filed {
		if n, err = s.file.ReadAt(p[:min(int64(len(p)), s.filed-off)], off); err != nil {
			return n, fmt.Errorf("%w: %w", ErrSpool, err)
		}
		off += int64(n)
	}
	if off >= s.filed && off < s.size() {
		n += copy(p[n:], s.memory[off-s.filed:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// close gives the file back.
func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// Sweep removes spool files that a process left behind in the moment in which they had a name.
func Sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, spoolName))
	if err != nil {
		return fmt.Errorf("sweep spool: %w", err)
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) { // its owner is faster
			return fmt.Errorf("sweep spool: %w", err)
		}
	}
	return nil
}

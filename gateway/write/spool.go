package write

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// spoolName is the pattern of spool files. They have a name for a moment only.
const spoolName = "miroir-spool-*"

// spoolPiece is how much is written to the file at once.
const spoolPiece = 1 << 20

// spool keeps bytes in the order in which they come: in memory up to a limit, then in a file that has no name any more, so
// that it is gone when the process is. It is written by one goroutine and then read by any number.
type spool struct {
	dir    string
	limit  int64
	memory []byte // all bytes, or those behind the file's
	file   *os.File
	filed  int64 // bytes in the file
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	s.memory = append(s.memory, p...)
	if s.file == nil && int64(len(s.memory)) > s.limit {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	if s.file != nil && len(s.memory) >= spoolPiece {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// flush moves what is in memory to the file.
func (s *spool) flush() error {
	n, err := s.file.Write(s.memory)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.filed += int64(n)
	if cap(s.memory) > 2*spoolPiece {
		s.memory = make([]byte, 0, spoolPiece+spoolPiece/4)
	}
	s.memory = s.memory[:0]
	return nil
}

func (s *spool) open() error {
	f, err := os.CreateTemp(s.dir, spoolName)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return fmt.Errorf("spool: %w", err)
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
			return n, fmt.Errorf("spool: %w", err)
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
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("sweep spool: %w", err)
		}
	}
	return nil
}

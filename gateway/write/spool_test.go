package write

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// WQ-8: a leg gets the lines of its shards and no others, in the order of the payload, whether the spool is in memory, in a
// file or in both, and however it is read.
func TestWQ8LinesOfALeg(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		const shards = 12
		s := spool{dir: dir, limit: rapid.SampledFrom([]int64{0, 100, 1000, 1 << 20}).Draw(t, "limit")}
		defer s.close()
		mine := rapid.SliceOfDistinct(rapid.IntRange(0, shards-1), rapid.ID[int]).Draw(t, "mine")
		var want []byte
		for i := range rapid.IntRange(0, 40).Draw(t, "lines") {
			shard := rapid.IntRange(0, shards-1).Draw(t, "shard")
			size := rapid.SampledFrom([]int{2, 10, 40, 64, 200}).Draw(t, "size")
			line := nodeapi.AppendDocument(nil, nodeapi.Line{
				Shard: shard, Position: uint64(i), ID: []byte("x"), Document: bytes.Repeat([]byte("1"), size), //nolint:gosec // small
			})
			if err := s.reserve(len(line)); err != nil {
				t.Fatal(err)
			}
			s.memory = append(s.memory, line...)
			if s.file != nil && rapid.Bool().Draw(t, "flush") {
				if err := s.flush(); err != nil {
					t.Fatal(err)
				}
			}
			if slices.Contains(mine, shard) {
				want = append(want, line...)
			}
		}
		var src io.Reader = io.NewSectionReader(&s, 0, s.size())
		if rapid.Bool().Draw(t, "slowly") {
			src = iotest.HalfReader(src)
		}
		legs := newLines(src, mine, shards)
		legs.buf = make([]byte, 64)
		var r io.Reader = legs
		if rapid.Bool().Draw(t, "in small pieces") {
			r = iotest.HalfReader(r)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v, %d bytes, want %d", err, len(got), len(want))
		}
	})
}

// Lines whose heads lie across the border of two buffers.
func TestLinesByteByByte(t *testing.T) {
	in := "10.0\ta\t{}\n2.1\tb\t{}\n10.2\tc\t{}\n"
	got, err := io.ReadAll(newLines(iotest.OneByteReader(strings.NewReader(in)), []int{10}, 11))
	if err != nil || string(got) != "10.0\ta\t{}\n10.2\tc\t{}\n" {
		t.Fatalf("%v %q", err, got)
	}
	if _, err := io.ReadAll(newLines(strings.NewReader("1"), []int{1}, 2)); !errors.Is(err, nodeapi.ErrDocumentLine) {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(newLines(iotest.ErrReader(os.ErrClosed), nil, 2)); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

// What is spooled leaves no file behind, and a folder that cannot be written to is an error.
func TestSpoolFiles(t *testing.T) {
	dir := t.TempDir()
	s := spool{dir: dir, limit: 10}
	for range 5 {
		if err := s.reserve(spoolPiece/2 + 1); err != nil {
			t.Fatal(err)
		}
		s.memory = append(s.memory, bytes.Repeat([]byte("x"), spoolPiece/2+1)...)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 || s.file == nil || s.filed == 0 {
		t.Fatalf("%v %v, %d bytes in the file", left, err, s.filed)
	}
	all := make([]byte, s.size()+1)
	if n, err := s.ReadAt(all, 0); int64(n) != s.size() || !errors.Is(err, io.EOF) || bytes.Count(all, []byte("x")) != n {
		t.Fatalf("%d bytes, %v", n, err)
	}
	s.close()
	if _, err := s.ReadAt(all, 0); err == nil {
		t.Fatal("a closed spool can be read")
	}
	gone := spool{dir: filepath.Join(dir, "none"), limit: 10}
	if err := gone.reserve(11); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, ErrSpool) {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "miroir-spool-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Fatal("not swept")
	}
}

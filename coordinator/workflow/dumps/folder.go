package dumps

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/apierr"
)

// Endings of what stands in the folder: a dump, and the working folder of one that is being made.
const (
	ending  = ".dump"
	working = ".parts"
)

// Folder is where dumps are written.
//
//	<uid>.dump                    a dump
//	<uid>.parts/<physical>/<n>-<m>    the m documents of shard n, complete: one per line, behind what they are ordered by
//	<uid>.parts/*.new             something that is being written, of no use to anybody else
type Folder string

// uidOf is the name of a dump that is begun at a time, as Meilisearch makes it: 20261125-193812345, in UTC.
func uidOf(at time.Time) string {
	return strings.Replace(at.UTC().Format("20060102-150405.000"), ".", "", 1)
}

var dumpUID = regexp.MustCompile(`^[0-9]{8}-[0-9]{9}$`)

// Dump is a finished dump.
type Dump struct {
	UID       string    `json:"uid"`
	Size      int64     `json:"size_bytes"`
	CreatedAt time.Time `json:"created_at"`
}

// List tells of the dumps in the folder, the newest first.
func (f Folder) List() ([]Dump, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, diskError{err}
	}
	list := []Dump{}
	for _, e := range slices.Backward(entries) {
		uid, ok := strings.CutSuffix(e.Name(), ending)
		if info, err := e.Info(); ok && err == nil && dumpUID.MatchString(uid) {
			list = append(list, Dump{uid, info.Size(), info.ModTime().UTC()})
		}
	}
	return list, nil
}

// Open opens a dump; fs.ErrNotExist when there is none of that uid here.
func (f Folder) Open(uid string) (*os.File, error) {
	if !dumpUID.MatchString(uid) {
		return nil, fs.ErrNotExist
	}
	return os.Open(f.Path(uid))
}

// Path is where a dump stands when it is finished.
func (f Folder) Path(uid string) string { return filepath.Join(string(f), uid+ending) }

func (f Folder) workshop(uid string) string { return filepath.Join(string(f), uid+working) }

// shard is a fetched shard: its file, and how many documents are in it.
type shard struct {
	path  string
	size  int64
	lines int64
}

// shards lists what was fetched of an index, by number of the shard. The number of documents stands in a file's name, for the
// archive must say how long a file is before its first byte.
func (f Folder) shards(uid, physical string) (map[int]shard, error) {
	folder := filepath.Join(f.workshop(uid), physical)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, diskError{err}
	}
	have := map[int]shard{}
	for _, e := range entries {
		number, lines, named := strings.Cut(e.Name(), "-")
		n, errN := strconv.Atoi(number)
		l, errL := strconv.ParseInt(lines, 10, 64)
		info, err := e.Info()
		if named && errN == nil && errL == nil && err == nil {
			have[n] = shard{filepath.Join(folder, e.Name()), info.Size(), l}
		}
	}
	return have, nil
}

// writeShard makes the file of a shard. content writes documents and returns how many.
func (f Folder) writeShard(uid, physical string, n int, content func(io.Writer) (lines int64, err error)) error {
	var lines int64
	_, err := f.write(uid, func(w io.Writer) (err error) {
		lines, err = content(w)
		return err
	}, func() string {
		return filepath.Join(f.workshop(uid), physical, strconv.Itoa(n)+"-"+strconv.FormatInt(lines, 10))
	})
	return err
}

// write makes a file that stands under its name only when it is whole and on the disk; the name is asked for then. Writers of
// the same name do not disturb each other; the last one wins.
func (f Folder) write(uid string, content func(io.Writer) error, name func() string) (size int64, err error) {
	if err := os.MkdirAll(f.workshop(uid), 0o700); err != nil {
		return 0, diskError{err}
	}
	fresh, err := os.CreateTemp(f.workshop(uid), "*.new")
	if err != nil {
		return 0, diskError{err}
	}
	defer func() {
		if err != nil {
			_ = os.Remove(fresh.Name()) // tidy removes what this does not
		}
	}()
	buffered := bufio.NewWriterSize(diskWriter{fresh}, 256<<10)
	err = content(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		return 0, errors.Join(err, onDisk(fresh.Close()))
	}
	info, err := fresh.Stat()
	if err := errors.Join(err, fresh.Sync(), fresh.Close()); err != nil {
		return 0, diskError{err}
	}
	path := name()
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	return info.Size(), onDisk(err)
}

func syncFolder(path string) error {
	d, err := os.Open(path) //nolint:gosec // a folder of ours
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// discard removes the working folder of a dump.
func (f Folder) discard(uid string) {
	if uid != "" {
		_ = os.RemoveAll(f.workshop(uid)) // tidy tries again
	}
}

// tidy removes all working folders. It is called while no dump is being made.
func (f Folder) tidy(log zerolog.Logger) {
	left, err := filepath.Glob(filepath.Join(string(f), "*"+working))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		log.Warn().Err(err).Msg("working folders of earlier dumps not removed")
	}
}

// diskError is a failure of this machine's disk, which other nodes can not help.
type diskError struct{ cause error }

func (e diskError) Error() string { return fmt.Sprintf("dump folder: %v", e.cause) }
func (e diskError) Unwrap() error { return e.cause }

func onDisk(err error) error {
	if err == nil {
		return nil
	}
	return diskError{err}
}

// diskWriter marks the errors of a file.
type diskWriter struct{ to io.Writer }

func (w diskWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	return n, onDisk(err)
}

// failure is how a task tells of a disk error. The path is nobody's business but the operator's, who finds it in the log.
func (e diskError) failure() *apierr.Error {
	switch {
	case errors.Is(e, syscall.ENOSPC):
		return apierr.New(apierr.NoSpaceLeftOnDevice, "There is no more space left on the device. Consider increasing the size of the disk/partition.")
	case errors.Is(e, fs.ErrPermission):
		return apierr.New(apierr.IOError, "The folder for dumps can not be written.")
	}
	return apierr.New(apierr.DumpProcessFailed, "The dump could not be written to the folder for dumps.")
}

package imports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/dump"
)

// Spool is the folder of files under way.
//
//	<job>/job.json    what was asked for
//	<job>/content     the file, as far as it came in
//	<job>/whole       marks that it is all there and what was announced
//	<job>/summary     what the scan found, with its secrets; made anew when it is missing
type Spool string

// Job is what was asked for.
type Job struct {
	ID          string    `json:"id"`
	Run         string    `json:"run"` // tells one run of a job from the next
	Size        int64     `json:"size"`
	Fingerprint string    `json:"fingerprint"`
	Options     Options   `json:"options"`
	CreatedAt   time.Time `json:"created_at"`
}

const (
	nameJob     = "job.json"
	nameContent = "content"
	nameWhole   = "whole"
	nameSummary = "summary"
)

var jobID = regexp.MustCompile(`^[0-9a-f]{16}$`)

func (s Spool) at(job, name string) string { return filepath.Join(string(s), job, name) }

// errNoJob says that the spool has no such job.
var errNoJob = errors.New("no such import in the spool")

// create makes the folder of a job.
func (s Spool) create(j Job) error {
	if err := os.MkdirAll(filepath.Join(string(s), j.ID), 0o700); err != nil {
		return err
	}
	return s.writeFile(j.ID, nameJob, j)
}

// writeFile writes a record that a reader sees whole or not at all.
func (s Spool) writeFile(job, name string, record any) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return err
	}
	fresh := s.at(job, name+".new")
	if err := os.WriteFile(fresh, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, s.at(job, name))
}

// job reads what was asked for.
func (s Spool) job(id string) (Job, error) {
	var j Job
	if !jobID.MatchString(id) {
		return j, errNoJob
	}
	raw, err := os.ReadFile(s.at(id, nameJob))
	if errors.Is(err, fs.ErrNotExist) {
		return j, errNoJob
	}
	if err != nil {
		return j, err
	}
	return j, json.Unmarshal(raw, &j)
}

// jobs lists all jobs of the spool, the oldest first. What can not be read is left out.
func (s Spool) jobs() []Job {
	entries, err := os.ReadDir(string(s))
	if err != nil {
		return nil
	}
	var list []Job
	for _, e := range entries {
		if j, err := s.job(e.Name()); err == nil {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, func(a, b Job) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list
}

// received is how much of the file is here.
func (s Spool) received(id string) int64 {
	info, err := os.Stat(s.at(id, nameContent))
	if err != nil {
		return 0
	}
	return info.Size()
}

// whole says whether the file is all here.
func (s Spool) whole(id string) bool {
	_, err := os.Stat(s.at(id, nameWhole))
	return err == nil
}

// errNotTheFile says that what came in is not what was announced.
var errNotTheFile = errors.New("the file is not the one that was announced")

// append takes the next bytes of the file, which begin at offset. Whatever of them came in stays, also when the rest does
// not come.
func (s Spool) append(j Job, offset int64, from io.Reader) (received int64, err error) {
	f, err := os.OpenFile(s.at(j.ID, nameContent), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(offset); err != nil { // a piece that was cut off by a crash may be longer than was told
		return 0, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.Copy(f, io.LimitReader(from, j.Size-offset))
	received = offset + n
	if err != nil {
		return received, err
	}
	if received < j.Size {
		return received, nil
	}
	if n, _ := io.CopyN(io.Discard, from, 1); n > 0 {
		return received, errNotTheFile
	}
	print, err := dump.Fingerprint(f, j.Size)
	switch {
	case err != nil:
		return received, err
	case print != j.Fingerprint:
		return 0, errors.Join(errNotTheFile, f.Truncate(0))
	}
	if err := f.Sync(); err != nil {
		return received, err
	}
	return received, s.writeFile(j.ID, nameWhole, struct{}{})
}

// incoming is the pattern of names of files that come in before it is known which job they are of.
const incoming = "incoming-*"

// adopt makes a file that came in the whole file of a job.
func (s Spool) adopt(id, path string) error {
	if err := os.Rename(path, s.at(id, nameContent)); err != nil {
		return err
	}
	return s.writeFile(id, nameWhole, struct{}{})
}

// tidy removes what came in and never became the file of a job.
func (s Spool) tidy(log zerolog.Logger) {
	left, err := filepath.Glob(filepath.Join(string(s), incoming))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		log.Warn().Err(err).Msg("leftovers of the spool not removed")
	}
}

// open opens the whole file.
func (s Spool) open(id string) (*os.File, error) { return os.Open(s.at(id, nameContent)) }

// summary is what the scan found; nil when it is not there.
func (s Spool) summary(id string) *dump.Summary {
	raw, err := os.ReadFile(s.at(id, nameSummary))
	if err != nil {
		return nil
	}
	var sum dump.Summary
	if json.Unmarshal(raw, &sum) != nil {
		return nil
	}
	return &sum
}

// remove forgets a job.
func (s Spool) remove(id string) error {
	// What was asked for goes first, so that half a folder is no job.
	if err := os.Remove(s.at(id, nameJob)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", err)
	}
	return os.RemoveAll(filepath.Join(string(s), id))
}
